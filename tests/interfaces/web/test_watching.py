"""A watch beside a room ingests new files, and ends with the room."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from thresher.catalog.catalog import Catalog
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.watch import WatchEvent, WatchOptions
from thresher.errors import NotFoundError
from thresher.interfaces.web.watching import Watch

OPTIONS = WatchOptions(every=0.05, quiet=0.1, ingest=IngestOptions(executor="serial"))


def test_new_files_are_ingested_until_the_room_closes(
    catalog: Catalog, write_clip: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "new"
    write_clip(folder / "run_epoch_7_0.wav", 7)
    told: list[WatchEvent] = []
    failed: list[Exception] = []
    deadline = time.monotonic() + 60
    with Watch(catalog, [folder], OPTIONS, told.append, failed.append) as watch:
        while not list_clips(catalog, "epoch:7") and time.monotonic() < deadline:
            time.sleep(0.05)
        while not told and time.monotonic() < deadline:
            time.sleep(0.05)
    assert watch.report is not None
    assert watch.report.added == 1
    assert failed == []
    assert len(list_clips(catalog, "epoch:7")) == 1


def test_an_ingest_ends_early_with_the_room(catalog: Catalog, write_clip: Any, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    for index in range(3):
        write_clip(folder / f"run_epoch_7_{index}.wav", index)
    watch = Watch(catalog, [folder], OPTIONS, lambda _event: None, lambda _error: None)
    watch._stop.set()
    with pytest.raises(KeyboardInterrupt):
        watch._progress("reading", 0, 3)


def test_folders_that_do_not_exist_are_refused_before_the_room_opens(
    catalog: Catalog, tmp_path: Path
) -> None:
    with pytest.raises(NotFoundError, match="there is no such folder"):
        Watch(catalog, [tmp_path / "nowhere"], OPTIONS, lambda _event: None, lambda _error: None)
