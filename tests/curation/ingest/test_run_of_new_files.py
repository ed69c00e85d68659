"""The run of new files: the same, whichever folder above them is ingested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from thresher.catalog.catalog import Catalog
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.names import preview_names
from thresher.curation.ingest.options import IngestOptions


def runs_of(catalog: Catalog) -> dict[str, str | None]:
    return {Path(row.path or "").name: row.run for row in list_clips(catalog)}


@pytest.mark.parametrize(
    ("first", "later", "direct", "deeper"),
    [
        ("dates", ".", "dates", "may"),
        (".", "dates", "dates", "dates"),
        (".", "dates/may", "dates", "dates"),
        ("dates/may", "dates", "dates", "may"),
        ("dates/may", ".", "dates", "may"),
        ("dates/may/old.wav", ".", "dates", "may"),
        (".", "dates/may/new.wav", "dates", "dates"),
    ],
)
def test_a_new_file_has_the_run_of_the_files_beside_it(
    catalog: Catalog,
    tmp_path: Path,
    write_clip: Any,
    serial: IngestOptions,
    first: str,
    later: str,
    direct: str,
    deeper: str,
) -> None:
    folder = tmp_path / "proj"
    once = replace(serial, score=False)
    write_clip(folder / "dates" / "may" / "old.wav", 1, 0.3)
    ingest(catalog, [folder / first], once)
    write_clip(folder / "dates" / "may" / "new.wav", 2, 0.3)
    write_clip(folder / "dates" / "top.wav", 3, 0.3)
    preview = preview_names([folder / later], catalog=catalog)
    ingest(catalog, [folder / later], once)
    found = runs_of(catalog)
    assert {shape.example.rpartition("/")[2]: shape.reads["run"] for shape in preview.shapes}.items() <= (
        found.items()
    )
    assert found["old.wav"] == found["new.wav"] == deeper
    assert found.get("top.wav", direct) == direct
    assert ingest(catalog, [folder], replace(once, reread=True)).corrected == 0


def test_a_single_file_says_nothing_about_the_folders_beside_it(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    once = replace(serial, score=False)
    ingest(catalog, [write_clip(tmp_path / "home" / "a.wav", 1, 0.3)], once)
    write_clip(tmp_path / "home" / "runs" / "night" / "b.wav", 2, 0.3)
    ingest(catalog, [tmp_path / "home" / "runs"], once)
    assert runs_of(catalog) == {"a.wav": "home", "b.wav": "night"}


def test_a_folder_whose_ingest_was_a_dry_run_is_not_remembered(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    once = replace(serial, score=False)
    write_clip(tmp_path / "runs" / "night" / "deep" / "a.wav", 1, 0.3)
    ingest(catalog, [tmp_path / "runs" / "night"], replace(once, dry_run=True))
    ingest(catalog, [tmp_path / "runs"], once)
    assert runs_of(catalog) == {"a.wav": "night"}


@pytest.mark.parametrize(
    ("given", "renamed", "again", "expected"),
    [
        ("runs", ("runs/night", "runs/day"), "runs", "day"),
        ("runs/night", ("runs/night", "runs/day"), "runs/day", "day"),
        ("runs/night", ("runs/night", "runs/day"), "runs", "day"),
        ("runs", ("runs", "models"), "models", "night"),
        ("runs", ("runs/night/deep", "runs/night/low"), "runs", "night"),
        ("runs/night/deep", ("runs/night/deep", "runs/night/low"), "runs/night/low", "low"),
    ],
)
def test_reading_again_follows_a_renamed_folder(
    catalog: Catalog,
    tmp_path: Path,
    write_clip: Any,
    serial: IngestOptions,
    given: str,
    renamed: Sequence[str],
    again: str,
    expected: str,
) -> None:
    once = replace(serial, score=False)
    name = "deep/a.wav" if "deep" in renamed[0] + given or renamed[0] == "runs" else "a.wav"
    write_clip(tmp_path / "runs" / "night" / name, 1, 0.3)
    ingest(catalog, [tmp_path / given], once)
    before = runs_of(catalog)
    (tmp_path / renamed[0]).rename(tmp_path / renamed[1])
    ingest(catalog, [tmp_path / again], once)
    assert runs_of(catalog) == before
    ingest(catalog, [tmp_path / again], replace(once, reread=True))
    assert runs_of(catalog) == {"a.wav": expected}


def test_reading_again_keeps_a_run_that_was_stated(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    once = replace(serial, score=False)
    write_clip(tmp_path / "runs" / "night" / "a.wav", 1, 0.3)
    write_clip(tmp_path / "runs" / "day" / "b.wav", 2, 0.3)
    ingest(catalog, [tmp_path / "runs" / "night"], replace(once, run="mine"))
    ingest(catalog, [tmp_path / "runs"], once)
    ingest(catalog, [tmp_path / "runs" / "day"], replace(once, run="yours"))
    report = ingest(catalog, [tmp_path / "runs"], replace(once, reread=True))
    assert report.corrected == 0
    assert runs_of(catalog) == {"a.wav": "mine", "b.wav": "yours"}
