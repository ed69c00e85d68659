"""Files that hold other audio than before, although size and time of change are equal."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support import Command, WriteClip, is_being_written
from thresher.catalog.catalog import Catalog
from thresher.curation.clips.decisions import rate, tag
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.batches import batches
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.songs import membership
from thresher.curation.songs.songs import save_song

TIME = (1_000_000_000, 1_000_000_000)


@pytest.fixture
def takes(tmp_path: Path, write_clip: WriteClip) -> Path:
    """Three clips of one length and one time of change."""
    for number in range(3):
        os.utime(write_clip(tmp_path / f"a/take_{number}.wav", number, 0.4), TIME)
    return tmp_path / "a"


def test_renumbered_files_keep_their_ratings_and_the_lost_one_is_reported(
    catalog: Catalog, takes: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [takes], serial)
    rate(catalog, ["1"], 5)
    tag(catalog, ["2"], add=["riff"])
    save_song(catalog, "Bone", ["rating:4.."])
    (takes / "take_1.wav").replace(takes / "take_0.wav")
    (takes / "take_2.wav").rename(takes / "take_1.wav")
    dry = ingest(catalog, [takes], replace(serial, dry_run=True))
    report = ingest(catalog, [takes], serial)
    assert (report.moved, report.added, report.unchanged) == (2, 0, 0)
    (lost,) = report.overwritten
    assert dry.overwritten == report.overwritten
    assert (lost.path, lost.clips, lost.has_copy) == ("a/take_0.wav", (1,), False)
    assert (lost.judged, lost.rating, lost.songs) == (True, 5, ("Bone",))
    assert [(row.id, row.missing) for row in list_clips(catalog, "rating:5")] == [(1, True)]
    assert [row.path for row in list_clips(catalog, "tag:riff")] == ["a/take_0.wav"]
    assert batches(catalog)[-1].overwritten == 1
    assert ingest(catalog, [takes], serial).overwritten == ()


def test_songs_are_those_before_the_files_were_overwritten_and_are_asked_outside_of_transactions(
    catalog: Catalog, takes: Path, serial: IngestOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(catalog, [takes], serial)
    save_song(catalog, "Here", ["missing:no"])
    save_song(catalog, "Gone", ["missing:yes"])
    shutil.copy2(takes / "take_1.wav", takes / "take_0.wav")
    shutil.copy2(takes / "take_1.wav", takes / "take_2.wav")
    selected, asked = membership.selected, []

    def select(*arguments: Any) -> set[int]:
        asked.append(is_being_written(catalog))
        return selected(*arguments)

    monkeypatch.setattr(membership, "selected", select)
    catalog.settings = replace(catalog.settings, ingest=replace(catalog.settings.ingest, group=1))
    dry = ingest(catalog, [takes], replace(serial, dry_run=True))
    report = ingest(catalog, [takes], serial)
    assert [file.songs for file in report.overwritten] == [("Here",), ("Here",)]
    assert dry.overwritten == report.overwritten
    assert asked == [False] * 4
    ingest(catalog, [takes], serial)
    assert len(asked) == 4


@pytest.mark.parametrize("files", [2, 3])
def test_files_that_changed_places_are_not_overwritten(
    catalog: Catalog, takes: Path, serial: IngestOptions, files: int
) -> None:
    catalog.file.write_text("[ingest]\ngroup = 1\n")
    with Catalog.open(catalog.file) as grouped:
        ingest(grouped, [takes], serial)
        paths = [takes / f"take_{number}.wav" for number in range(files)]
        paths[0].rename(takes / "spare")
        for before, after in zip(paths[1:], paths, strict=False):
            before.rename(after)
        (takes / "spare").rename(paths[-1])
        report = ingest(grouped, [takes], serial)
        assert (report.moved, report.overwritten, report.missing) == (files, (), 0)


def test_a_copy_over_another_clip_is_reported_with_the_file_that_still_holds_its_audio(
    catalog: Catalog, takes: Path, serial: IngestOptions
) -> None:
    shutil.copy(takes / "take_0.wav", takes / "copy.wav")
    ingest(catalog, [takes], serial)
    shutil.copy2(takes / "take_1.wav", takes / "take_0.wav")
    report = ingest(catalog, [takes], serial)
    assert (report.copies, report.unchanged) == (1, 3)
    assert [(file.path, file.has_copy, file.judged) for file in report.overwritten] == [
        ("a/take_0.wav", True, False)
    ]


def test_an_edit_in_place_that_restores_the_time_is_found(
    catalog: Catalog, takes: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [takes], serial)
    with (takes / "take_0.wav").open("r+b") as stream:
        stream.seek(2_000)
        stream.write(b"\x7f\x7f")
    os.utime(takes / "take_0.wav", TIME)
    report = ingest(catalog, [takes], serial)
    assert (report.added, [file.clips for file in report.overwritten]) == (1, [(1,)])


def test_a_restored_copy_with_its_old_time_is_hashed_and_stays_the_same_clip(
    catalog: Catalog, takes: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [takes], serial)
    shutil.copytree(takes, takes.with_name("backup"))  # keeps the times, as cp -p, rsync -t and tar do
    shutil.rmtree(takes)
    takes.with_name("backup").rename(takes)
    report = ingest(catalog, [takes], serial)
    assert (report.unchanged, report.rehashed, report.batch) == (3, 3, None)


@pytest.mark.usefixtures("settled")
def test_hard_links_and_changed_permissions_cost_one_hash(
    catalog: Catalog, takes: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [takes], serial)
    (takes / "take_0.wav").chmod(0o600)
    os.link(takes / "take_1.wav", takes.parent / "elsewhere")
    assert [ingest(catalog, [takes], serial).rehashed for _ in range(2)] == [2, 0]


def test_the_command_names_the_clip_its_rating_and_its_songs(command: Command, takes: Path) -> None:
    (takes.parent / "catalog.toml").write_text('[ingest]\nexecutor = "serial"\n')
    command("init")
    command("ingest", takes, "--no-score")
    command("rate", "1", "5")
    command("song", "save", "Bone", "rating:4..")
    (takes / "take_1.wav").replace(takes / "take_0.wav")
    done = command("ingest", takes, "--no-score")
    assert 'the audio of clip 1 (rated 5, in song "Bone") is gone from a/take_0.wav' in done.stderr
    assert "1 overwritten with other audio" in done.stderr


def test_the_shown_clips_of_an_overwritten_file_are_named(
    cut_clips: Catalog, write_clip: WriteClip, serial: IngestOptions
) -> None:
    rate(cut_clips, "6", 4)
    save_song(cut_clips, "Parts", "kind:part")
    write_clip(cut_clips.root / "out/run_epoch_1_0.wav", 77)
    (found,) = ingest(cut_clips, [cut_clips.root / "out"], serial).overwritten
    assert (found.clips, found.judged, found.rating, found.songs) == ((5, 6, 7), True, 4, ("Parts",))
