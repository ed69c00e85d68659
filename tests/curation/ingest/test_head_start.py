"""Worker processes start, and analyse files that seem to be new, before SQLAlchemy is loaded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import pytest

from thresher.catalog.files.stamps import Stamp
from thresher.catalog.settings.sections import Settings
from thresher.curation import workers
from thresher.curation.analysis.analyse import analyse
from thresher.curation.analysis.task import task_for
from thresher.curation.analysis.worker import WORKER_MODULES, analyse_file
from thresher.curation.ingest.head_start import MOST_BYTES, MOST_FILES, give_head_start
from thresher.curation.ingest.scan import FoundFile
from thresher.curation.workers import Workers


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    calls: list[Any] = []
    monkeypatch.setattr(workers, "start_server", calls.append)
    return calls


class NotedWorkers(Workers):
    """Workers that note what they should begin."""

    def begin(self, task: Any, arguments: Sequence[Any]) -> None:
        self.noted = (task, list(arguments))


def found(number: int, size: int = 100) -> FoundFile:
    return FoundFile(b"/clips/%d.wav" % number, b"/clips", Stamp(size, number, 0, 0))


def test_the_preloaded_modules_include_the_analysis() -> None:
    assert analyse.__module__ in WORKER_MODULES
    assert all(find_spec(name) for name in WORKER_MODULES)


def test_only_worker_processes_start_the_server(started: list[Any]) -> None:
    for executor in ("serial", "threads:2", "processes:3"):
        give_head_start(Workers(executor, preload=WORKER_MODULES), Settings(), [])
    assert started == [WORKER_MODULES]


@pytest.mark.usefixtures("started")
def test_a_limited_number_of_small_files_is_begun() -> None:
    noted = NotedWorkers("processes:2")
    give_head_start(noted, Settings(), [found(0, MOST_BYTES + 1), *(found(n) for n in range(1, 999))])
    expected = [task_for(b"/clips/%d.wav" % n, 100, n, Settings()) for n in range(1, MOST_FILES + 1)]
    assert noted.noted == (analyse_file, expected)


def test_the_head_start_loads_nothing_heavy() -> None:
    code = "import sys, thresher.curation.ingest.head_start; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "soundfile", "sqlalchemy", "multiprocessing", "thresher.catalog.audio.reader"}
    assert not set(done.stdout.split()) & heavy
