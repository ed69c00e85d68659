"""Which scanned files are unchanged, and which have to be read."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import counts, dump
from thresher.catalog.catalog import Catalog
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions


def test_a_new_time_of_change_alone_changes_only_the_location(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)
    before = dump(catalog, times=False, without=("location", "batch"))
    os.utime(six_clips / "death_epoch_10_0.wav")
    assert counts(ingest(catalog, [six_clips], serial)) == {"unchanged": 6}
    assert dump(catalog, times=False, without=("location", "batch")) == before


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_a_rendered_song_among_the_clips_is_not_ingested(
    catalog: Catalog, six_clips: Path, serial: IngestOptions, suffix: str
) -> None:
    from thresher.curation.renderings.render import render
    from thresher.curation.songs.songs import save_song

    ingest(catalog, [six_clips], serial)
    save_song(catalog, "S", ["epoch:10.."])
    render(catalog, "S", six_clips / f"song{suffix}")
    report = ingest(catalog, [six_clips], serial)
    assert (report.renderings, report.added) == (1, 0)
    assert ingest(catalog, [six_clips], replace(serial, dry_run=True)).renderings == 1


@pytest.mark.parametrize("which", ["catalog", "folder", "both"])
def test_a_file_reached_through_symlinks_is_the_same_file(
    catalog: Catalog, six_clips: Path, tmp_path: Path, serial: IngestOptions, which: str
) -> None:
    ingest(catalog, [six_clips], serial)
    link = tmp_path.with_name(f"{tmp_path.name} by another way")
    link.symlink_to(tmp_path)
    home = link if which in ("catalog", "both") else tmp_path
    folder = (link if which in ("folder", "both") else tmp_path) / six_clips.name
    with Catalog.open(home / "catalog.toml") as found:
        assert counts(ingest(found, [folder], serial)) == {"unchanged": 6}
        (six_clips / "more").mkdir()
        (six_clips / "looped").symlink_to("more")
        shutil.copy(six_clips / "death_epoch_10_0.wav", six_clips / "more" / "a.wav")
        assert counts(ingest(found, [folder / "looped"], serial)) == {"copies": 1}
        assert counts(ingest(found, [folder], serial)) == {"unchanged": 7}


@pytest.mark.usefixtures("settled")
def test_unchanged_files_cost_a_fixed_number_of_statements(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    from sqlalchemy import event

    ingest(catalog, [six_clips], serial)
    said: list[str] = []
    event.listen(catalog._engine, "before_cursor_execute", lambda *arguments: said.append(arguments[2]))
    ingest(catalog, [six_clips], replace(serial, score=False))
    # on a server, each of the two transactions that write also asks for the revision
    assert (
        len([statement for statement in said if statement.startswith("SELECT")]) <= 10 + 2 * catalog.is_shared
    )
