"""The first look finds new files, and answers an ingest that has nothing to do as `ingest` itself answers it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, measure, nearest, recording, score_row
from thresher.curation.clips.decisions import rate
from thresher.curation.ingest.first_look import FirstLook, first_look
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.scan import scan

pytestmark = [
    pytest.mark.usefixtures("settled"),
    pytest.mark.sqlite_only("a first look at the file, before the catalog is open"),
]


@pytest.fixture
def folder(tmp_path: Path, write_clip: Any) -> Path:
    for number, name in enumerate(("a", "b", "sub/c"), start=1):
        write_clip(tmp_path / f"clips/{name}.wav", number)
    return tmp_path / "clips"


def look_at(catalog: Catalog, *paths: Path) -> FirstLook:
    return first_look(catalog.file, catalog.settings, scan(paths))


def test_the_report_of_unchanged_files_is_that_of_an_ingest(
    catalog: Catalog, folder: Path, serial: IngestOptions
) -> None:
    assert look_at(catalog, folder) == FirstLook(has_new=True, report=None, unseen=scan([folder]).files)
    ingest(catalog, [folder], serial)
    look = look_at(catalog, folder)
    full = ingest(catalog, [folder], serial)
    assert look.report is not None
    assert not look.has_new
    assert (full.unchanged, [score.live for score in full.scores]) == (3, [3] * len(full.scores))
    timeless = [
        replace(report, seconds=0.0, scores=tuple(replace(score, seconds=0.0) for score in report.scores))
        for report in (look.report, full)
    ]
    assert timeless[0] == timeless[1]


def test_a_part_of_a_known_folder_has_nothing_to_do(
    catalog: Catalog, folder: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [folder], serial)
    for part in (folder / "sub", folder / "a.wav"):
        report = look_at(catalog, part).report
        assert report is not None
        assert report.unchanged == 1


def _append(folder: Path) -> None:
    with (folder / "a.wav").open("ab") as file:
        file.write(b"\0\0")


def _touch(folder: Path) -> None:
    os.utime(folder / "a.wav", ns=(1, 1))


def _add(folder: Path) -> None:
    (folder / "d.wav").write_bytes((folder / "a.wav").read_bytes())


@pytest.mark.parametrize("change", [_append, _touch, _add])
def test_new_and_changed_files_are_new(
    catalog: Catalog, folder: Path, serial: IngestOptions, change: Callable[[Path], None]
) -> None:
    ingest(catalog, [folder], serial)
    known = set(scan([folder]).files)
    change(folder)
    changed = tuple(file for file in scan([folder]).files if file not in known)
    assert look_at(catalog, folder) == FirstLook(has_new=True, report=None, unseen=changed)


def test_a_file_with_the_size_and_time_of_a_known_one_may_have_moved(
    catalog: Catalog, folder: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [folder], serial)
    (folder / "a.wav").rename(folder / "moved.wav")
    assert look_at(catalog, folder) == FirstLook(has_new=True, report=None)


def test_a_file_that_is_gone_leaves_the_answer_to_the_ingest(
    catalog: Catalog, folder: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [folder], serial)
    (folder / "sub/c.wav").unlink()
    assert look_at(catalog, folder) == FirstLook(has_new=False, report=None)
    assert look_at(catalog, folder / "a.wav").report is not None


def test_a_file_that_cannot_be_opened_leaves_the_answer_to_the_ingest(
    catalog: Catalog, folder: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [folder], serial)
    os.mkfifo(folder / "pipe.wav")
    assert look_at(catalog, folder).report is None


@pytest.mark.parametrize(
    "statements",
    [
        [delete(measure).where(measure.c.clip_id == 1)],
        [delete(score_row).where(score_row.c.position == 2), delete(nearest)],
        [update(recording).where(recording.c.id == 1).values(role="reference")],
        [update(clip).where(clip.c.id == 1).values(examined=False)],
    ],
    ids=["unmeasured", "unscored", "disqualified", "unexamined"],
)
def test_a_clip_with_something_to_compute_leaves_the_answer_to_the_ingest(
    catalog: Catalog, folder: Path, serial: IngestOptions, statements: list[Any]
) -> None:
    ingest(catalog, [folder], serial)
    with writing(catalog) as connection:
        for statement in statements:
            connection.execute(statement)
    assert look_at(catalog, folder).report is None
    ingest(catalog, [folder], serial)
    assert look_at(catalog, folder).report is not None


def test_a_decision_or_other_settings_leave_the_answer_to_the_next_ingest(
    catalog: Catalog, folder: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [folder], serial)
    rate(catalog, ["id:1"], 4)
    assert look_at(catalog, folder).report is None
    ingest(catalog, [folder], serial)
    assert look_at(catalog, folder).report is not None
    catalog.file.write_text("[trim]\ntop_db = 20.0\n")
    with Catalog.open(catalog.file) as changed:
        assert look_at(changed, folder) == FirstLook(has_new=True, report=None)


def test_an_ingest_without_scoring_settles_nothing(
    catalog: Catalog, folder: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [folder], replace(serial, score=False))
    assert look_at(catalog, folder) == FirstLook(has_new=False, report=None)


def test_an_unreadable_database_leaves_the_answer_to_the_ingest(catalog: Catalog, folder: Path) -> None:
    (catalog.root / "catalog.db").write_bytes(b"no database at all, but long enough to be looked at")
    assert look_at(catalog, folder).report is None
    (catalog.root / "catalog.db").unlink()
    assert look_at(catalog, folder).report is None


def test_the_first_look_loads_nothing_heavy() -> None:
    code = "import sys, thresher.curation.ingest.first_look; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "numpy",
        "soundfile",
        "sqlalchemy",
        "multiprocessing",
        "pydantic",
        "thresher.catalog.audio.reader",
    }
    assert not set(done.stdout.split()) & heavy
