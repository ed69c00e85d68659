"""Worker processes start early if an ingest has files to read, and only then."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from thresher.catalog.catalog import Catalog
from thresher.curation.analysis.analyse import analyse
from thresher.curation.analysis.preload import WORKER_MODULES
from thresher.curation.ingest import head_start
from thresher.curation.ingest.head_start import give_head_start
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.scan import scan


@pytest.fixture
def folder(tmp_path: Path, write_clip: Any) -> Path:
    write_clip(tmp_path / "clips/a.wav", 1)
    write_clip(tmp_path / "clips/b.wav", 2)
    return tmp_path / "clips"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    calls: list[Any] = []
    monkeypatch.setattr(head_start, "start_server", calls.append)
    return calls


def test_the_preloaded_modules_include_the_analysis() -> None:
    assert analyse.__module__ in WORKER_MODULES
    assert all(find_spec(name) for name in WORKER_MODULES)


def test_only_new_and_changed_files_start_the_server(
    catalog: Catalog, folder: Path, serial: IngestOptions, started: list[Any]
) -> None:
    def look(executor: str = "processes") -> int:
        started.clear()
        give_head_start(catalog.root, catalog.settings, executor, scan([folder]).files)
        return len(started)

    assert look() == 1
    assert look("serial") == look("threads:2") == 0
    ingest(catalog, [folder], serial)
    assert look() == 0
    file = next(path for path in folder.rglob("*.wav"))
    file.write_bytes(file.read_bytes() + b"\0")
    assert look() == 1
    assert started == [WORKER_MODULES]


def test_an_unreadable_database_starts_nothing(catalog: Catalog, folder: Path, started: list[Any]) -> None:
    files = scan([folder]).files
    (catalog.root / "catalog.db").write_bytes(b"no database at all, but long enough to be looked at")
    give_head_start(catalog.root, catalog.settings, "processes", files)
    (catalog.root / "catalog.db").unlink()
    give_head_start(catalog.root, catalog.settings, "processes", files)
    assert started == []


def test_the_head_start_loads_nothing_heavy() -> None:
    code = "import sys, thresher.curation.ingest.head_start; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "soundfile", "sqlalchemy", "multiprocessing", "thresher.catalog.audio"}
    assert not set(done.stdout.split()) & heavy
