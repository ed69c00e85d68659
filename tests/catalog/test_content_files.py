"""Which file holds a content now: swapped, renumbered, touched and restored files."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.catalog.shelf import pairs, places, present
from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import content_files, keep_looks
from thresher.catalog.database.schema import location, recording
from thresher.catalog.files.files import Hashes
from thresher.curation.clips.listing import list_clips
from thresher.curation.exports.clips import export_clips
from thresher.curation.exports.songs import export_song
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.listening.queue import plan_listening
from thresher.curation.renderings.render import render
from thresher.curation.songs.songs import save_song


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


def test_content_that_returns_to_its_path_is_not_new(
    catalog: Catalog, clips: Path, write_clip: Any, serial: IngestOptions
) -> None:
    path = clips / "r_epoch_1_0.wav"
    first = path.read_bytes()
    ingest(catalog, [clips], serial)
    write_clip(path, 99, 0.4)
    ingest(catalog, [clips], serial)
    path.write_bytes(first)
    report = ingest(catalog, [clips], serial)
    assert (report.added, report.moved, report.returned) == (0, 0, 1)
    assert present(catalog)["c/r_epoch_1_0.wav"] == 1
    assert [row.missing for row in list_clips(catalog)] == [False, False, False, True]
    assert pairs(catalog) == 4


# Files whose stamps the catalog does not know, as after an upgrade


def forget_stamps(catalog: Catalog) -> None:
    with writing(catalog) as connection:
        connection.execute(update(location).values(ctime_ns=None, inode=None, looked_at=None))


def stamps(catalog: Catalog) -> list[Any]:
    columns = (
        location.c.size,
        location.c.mtime_ns,
        location.c.ctime_ns,
        location.c.inode,
        location.c.looked_at,
    )
    with catalog.reading() as connection:
        return list(connection.execute(select(*columns).order_by(location.c.path)))


def hashed_again(catalog: Catalog) -> list[bytes]:
    """The files that another command has to hash to find the contents."""
    with Catalog.open(catalog.file) as other:
        hold_their_contents(other)
        return list(other.hashes.fresh())


def hold_their_contents(catalog: Catalog) -> None:
    with catalog.reading() as connection:
        wanted = list(connection.scalars(select(recording.c.sha256)))
    assert len(content_files(catalog, wanted)) == len(wanted)


@pytest.mark.long
def test_commands_that_read_files_store_their_stamps(
    catalog: Catalog, clips: Path, serial: IngestOptions, tmp_path: Path
) -> None:
    ingest(catalog, [clips], serial)
    save_song(catalog, "Mix", ["id:1..3"])
    time.sleep(2.1)  # a file that changed within two seconds is always hashed again
    (tmp_path / "out").mkdir()
    commands: dict[str, Callable[[], object]] = {
        "render": lambda: render(catalog, "Mix", tmp_path / "mix.wav"),
        "export of a song": lambda: export_song(catalog, "Mix", tmp_path / "mix.cue", overwrite=True),
        "export of clips": lambda: export_clips(catalog, ["id:1..3"], tmp_path / "out"),
        "queue": lambda: plan_listening(catalog),
    }
    for name, command in commands.items():
        forget_stamps(catalog)
        catalog.hashes = Hashes()
        assert len(hashed_again(catalog)) == 3
        command()
        assert hashed_again(catalog) == [], name
    # a dry run stores nothing
    forget_stamps(catalog)
    catalog.hashes = Hashes()
    before = stamps(catalog)
    render(catalog, "Mix", tmp_path / "mix.wav", dry_run=True)
    export_clips(catalog, ["id:1..3"], tmp_path / "out", dry_run=True)
    plan_listening(catalog, dry_run=True)
    assert stamps(catalog) == before
    # a file that has changed is left to the next ingest, which reads what its name says
    os.utime(clips / "r_epoch_1_0.wav", (5, 5))
    hold_their_contents(catalog)
    keep_looks(catalog)
    assert stamps(catalog)[0] == before[0]
    assert all(row.looked_at is not None for row in stamps(catalog)[1:])
    assert ingest(catalog, [clips], serial).rehashed == 1
