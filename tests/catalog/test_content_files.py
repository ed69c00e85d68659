"""Which file holds a content now: swapped, renumbered, touched and restored files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.catalog.shelf import pairs, places, present
from thresher.catalog.catalog import Catalog
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions


def test_swapped_files_are_two_moves(catalog: Catalog, clips: Path, serial: IngestOptions) -> None:
    ingest(catalog, [clips], serial)
    first, second, spare = clips / "r_epoch_1_0.wav", clips / "r_epoch_2_0.wav", clips / "spare"
    first.rename(spare)
    second.rename(first)
    spare.rename(second)
    report = ingest(catalog, [clips], serial)
    assert (report.moved, report.added, report.copies, report.missing) == (2, 0, 0, 0)
    assert places(catalog) == {
        "c/r_epoch_1_0.wav": (2, False),
        "c/r_epoch_2_0.wav": (1, False),
        "c/r_epoch_3_0.wav": (3, False),
    }
    assert [row.epoch for row in list_clips(catalog)] == [2, 1, 3]


@pytest.mark.parametrize("shift", [1, -1])
def test_renumbered_files_are_moves(catalog: Catalog, clips: Path, serial: IngestOptions, shift: int) -> None:
    ingest(catalog, [clips], serial)
    for epoch in (3, 2, 1) if shift > 0 else (1, 2, 3):
        (clips / f"r_epoch_{epoch}_0.wav").rename(clips / f"r_epoch_{epoch + shift}_0.wav")
    report = ingest(catalog, [clips], serial)
    assert (report.moved, report.added, report.copies, report.missing) == (3, 0, 0, 0)
    assert places(catalog) == {f"c/r_epoch_{epoch + shift}_0.wav": (epoch, False) for epoch in (1, 2, 3)}


def test_a_touched_file_still_holds_its_content_so_another_one_is_a_copy(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [clips], serial)
    shutil.copy(clips / "r_epoch_3_0.wav", clips / "a.wav")
    os.utime(clips / "r_epoch_3_0.wav", (5, 5))
    report = ingest(catalog, [clips], serial)
    assert (report.copies, report.moved, report.unchanged) == (1, 0, 3)
    assert present(catalog)["c/r_epoch_3_0.wav"] == present(catalog)["c/a.wav"] == 3


def test_content_that_returns_to_its_path_is_a_move(
    catalog: Catalog, clips: Path, write_clip: Any, serial: IngestOptions
) -> None:
    path = clips / "r_epoch_1_0.wav"
    first = path.read_bytes()
    ingest(catalog, [clips], serial)
    write_clip(path, 99, 0.4)
    ingest(catalog, [clips], serial)
    path.write_bytes(first)
    report = ingest(catalog, [clips], serial)
    assert (report.added, report.moved) == (0, 1)
    assert present(catalog)["c/r_epoch_1_0.wav"] == 1
    assert [row.missing for row in list_clips(catalog)] == [False, False, False, True]
    assert pairs(catalog) == 4
