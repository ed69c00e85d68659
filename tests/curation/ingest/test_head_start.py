"""The server of worker processes starts before SQLAlchemy is loaded."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import pytest

from thresher.curation.analysis.analyse import analyse
from thresher.curation.analysis.preload import WORKER_MODULES
from thresher.curation.ingest import head_start
from thresher.curation.ingest.head_start import give_head_start


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    calls: list[Any] = []
    monkeypatch.setattr(head_start, "start_server", calls.append)
    return calls


def test_the_preloaded_modules_include_the_analysis() -> None:
    assert analyse.__module__ in WORKER_MODULES
    assert all(find_spec(name) for name in WORKER_MODULES)


def test_only_worker_processes_start_the_server(started: list[Any]) -> None:
    for executor in ("serial", "threads:2", "processes:3"):
        give_head_start(executor)
    assert started == [WORKER_MODULES]


def test_the_head_start_loads_nothing_heavy() -> None:
    code = "import sys, thresher.curation.ingest.head_start; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "soundfile", "sqlalchemy", "multiprocessing", "thresher.catalog.audio"}
    assert not set(done.stdout.split()) & heavy
