"""What an ingest reads: names, sidecars, and files that are still being written."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from thresher.catalog.catalog import Catalog
from thresher.catalog.files import files
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions


def test_the_folder_name_is_the_run_if_nothing_else_names_one(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    write_clip(tmp_path / "night" / "x.wav", 5)
    ingest(catalog, [tmp_path / "night"], serial)
    assert show_clip(catalog, "1").clip.run == "night"
    (tmp_path / "night").rename(tmp_path / "day")
    ingest(catalog, [tmp_path / "day"], serial)
    assert show_clip(catalog, "1").clip.run == "night"


def test_configured_patterns_are_tried_before_built_in_ones(
    tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    Catalog.create(tmp_path).close()
    (tmp_path / "catalog.toml").write_text(
        "[[provenance]]\nname = 'mine'\npattern = '(?P<run>[a-z]+)_epoch_(?P<step>\\d+)_(?P<take>\\d+)'\n"
    )
    write_clip(tmp_path / "clips" / "death_epoch_10_3.wav", 5)
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        ingest(catalog, [tmp_path / "clips"], serial)
        found = show_clip(catalog, "1")
    assert (found.clip.run, found.clip.epoch, found.clip.step) == ("death", None, 10)
    assert found.locations[0].attributes == {"take": "3"}


def test_sidecars_set_attributes_and_a_broken_one_is_a_warning(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    folder = tmp_path / "xps" / "9357d0f2" / "samples" / "40"
    write_clip(folder / "noinput_7.wav", 5)
    (folder / "noinput_7.json").write_text(json.dumps({"conditioning": {"description": "doom"}, "epoch": 40}))
    write_clip(folder / "prompt" / "a.wav", 6)
    write_clip(folder / "reference" / "a.wav", 7)
    (folder / "broken.json").write_text("{")
    write_clip(folder / "broken.wav", 8)
    report = ingest(catalog, [tmp_path / "xps"], serial)
    assert report.added == 2
    assert any("broken.json" in warning for warning in report.warnings)
    assert [row.id for row in list_clips(catalog, "description:doom run:9357d0f2 epoch:40")] == [2]


def test_a_dry_run_reports_files_that_are_being_written(
    catalog: Catalog, six_clips: Path, serial: IngestOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = files.sha256_file

    def hashed(path: bytes) -> str:
        if b"epoch_20" in path:
            with Path(os.fsdecode(path)).open("ab") as stream:
                stream.write(bytes(64))
        return real(path)

    monkeypatch.setattr(files, "sha256_file", hashed)
    dry = ingest(catalog, [six_clips], replace(serial, dry_run=True))
    assert dry.added == 4
    assert [failure.status for failure in dry.failures] == ["unsettled", "unsettled"]
