"""Ingest: identity by content, locations, provenance, batches – and that twice is once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from sqlalchemy import select, text

from tests.support import COMMAND, RATE, dump
from thresher.catalog import scores
from thresher.catalog.catalog import Catalog
from thresher.catalog.schema import (
    attribute,
    checkpoint,
    location,
    recording,
)
from thresher.curation.checkpoints.summary import checkpoints
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.batches import batches
from thresher.curation.ingest.forget import forget
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.reanalyse import reanalyse
from thresher.curation.ingest.report import IngestReport
from thresher.errors import NotFoundError, UsageError


def counts(report: IngestReport) -> dict[str, int]:
    names = ("added", "copies", "moved", "missing", "reanalysed", "corrected", "unchanged")
    return {name: value for name in names if (value := getattr(report, name))}


@pytest.fixture
def clips(tmp_path: Path, write_clip: Any) -> Path:
    """Six clips of three checkpoints."""
    folder = tmp_path / "clips"
    for epoch in (10, 20, 30):
        for index in range(2):
            write_clip(folder / f"death_epoch_{epoch}_{index}.wav", epoch + index)
    return folder


# -- twice is once, two batches are one --------------------------------------------------------------------


def test_ingest_twice_is_ingest_once(catalog: Catalog, clips: Path, serial: IngestOptions) -> None:
    assert counts(ingest(catalog, [clips], serial)) == {"added": 6}
    before = dump(catalog, times=False)
    again = ingest(catalog, [clips], serial)
    assert counts(again) == {"unchanged": 6}
    assert (again.batch, again.scoring.pairs if again.scoring else None) == (None, 0)
    assert dump(catalog, times=False) == before


def test_two_batches_end_where_one_does(tmp_path: Path, clips: Path, serial: IngestOptions) -> None:
    with Catalog.create(tmp_path / "one") as one, Catalog.create(tmp_path / "two") as two:
        ingest(one, [clips], serial)
        for epoch in (10, 20, 30):
            ingest(two, sorted(clips.glob(f"*_{epoch}_*")), serial)
        assert [row.added for row in batches(two)] == [2, 2, 2]
        ignore = ("batch", "recording", "location", "checkpoint")
        assert dump(one, without=ignore) == dump(two, without=ignore)


@pytest.mark.parametrize("executor", ["threads:2", "processes:2"])
def test_where_work_runs_changes_nothing(
    tmp_path: Path, clips: Path, serial: IngestOptions, executor: str
) -> None:
    with Catalog.create(tmp_path / "a") as here, Catalog.create(tmp_path / "b") as there:
        ingest(here, [clips], serial)
        ingest(there, [clips], replace(serial, executor=executor))
        assert dump(here, times=False) == dump(there, times=False)


def test_ids_are_given_in_byte_order_of_the_paths(catalog: Catalog, clips: Path) -> None:
    ingest(catalog, [clips], IngestOptions(executor="threads:2"))
    with catalog.reading() as connection:
        paths = list(connection.scalars(select(location.c.path).order_by(location.c.recording_id)))
    assert paths == sorted(paths)


def test_a_batch_costs_new_times_all(
    catalog: Catalog, clips: Path, write_clip: Any, serial: IngestOptions
) -> None:
    ingest(catalog, [clips], serial)
    for index in range(3):
        write_clip(clips / f"death_epoch_40_{index}.wav", 400 + index)
    scoring = ingest(catalog, [clips], serial).scoring
    assert scoring is not None
    assert (scoring.clips, scoring.pairs, scoring.live) == (3, 3 * 6 + 3, 9)


# -- identity and locations --------------------------------------------------------------------------------


def test_the_same_content_twice_is_one_recording(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    shutil.copy(clips / "death_epoch_10_0.wav", clips / "copy.wav")
    assert counts(ingest(catalog, [clips], serial)) == {"added": 6, "copies": 1}
    places = [place.path for place in show_clip(catalog, "clips/copy.wav").locations]
    assert sorted(places) == ["clips/copy.wav", "clips/death_epoch_10_0.wav"]


def test_identical_silence_of_three_epochs_counts_in_each(
    catalog: Catalog, tmp_path: Path, serial: IngestOptions
) -> None:
    for epoch in (1, 2, 3):
        soundfile.write(tmp_path / f"run_epoch_{epoch}_0.wav", np.zeros(RATE * 4, np.int16), RATE)
    ingest(catalog, [tmp_path], serial)
    rows = checkpoints(catalog)
    assert [(row.epoch, row.files, dict(row.statuses)) for row in rows] == [
        (epoch, 1, {"silent": 1.0}) for epoch in (1, 2, 3)
    ]
    (tmp_path / "run_epoch_2_0.wav").unlink()
    ingest(catalog, [tmp_path], serial)
    assert [(row.epoch, row.files, row.missing) for row in checkpoints(catalog)] == [
        (1, 1, 0),
        (2, 1, 1),
        (3, 1, 0),
    ]


def test_a_move_keeps_everything(
    catalog: Catalog, clips: Path, tmp_path: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [clips], serial)
    judging.rate(catalog, ["1"], 5)
    before = dump(catalog, times=False, without=("location", "batch"))
    clips.rename(tmp_path / "elsewhere")
    report = ingest(catalog, [tmp_path / "elsewhere"], serial)
    assert counts(report) == {"moved": 6}
    assert report.scoring is not None
    assert report.scoring.pairs == 0
    assert dump(catalog, times=False, without=("location", "batch")) == before
    assert {row.path for row in list_clips(catalog)} == {
        f"elsewhere/death_epoch_{epoch}_{index}.wav" for epoch in (10, 20, 30) for index in (0, 1)
    }
    assert [row.files for row in checkpoints(catalog)] == [2, 2, 2]


def test_a_new_name_that_says_nothing_takes_nothing(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [clips], serial)
    (clips / "death_epoch_10_0.wav").rename(clips / "favourite.wav")
    (clips / "death_epoch_20_0.wav").rename(clips / "death_epoch_21_0.wav")
    ingest(catalog, [clips], serial)
    assert (show_clip(catalog, "1").clip.run, show_clip(catalog, "1").clip.epoch) == ("death", 10)
    assert show_clip(catalog, "3").clip.epoch == 21


def test_swapped_files_are_two_moves(catalog: Catalog, clips: Path, serial: IngestOptions) -> None:
    ingest(catalog, [clips], serial)
    first, second, spare = clips / "death_epoch_10_0.wav", clips / "death_epoch_30_1.wav", clips / "spare"
    first.rename(spare)
    second.rename(first)
    spare.rename(second)
    report = ingest(catalog, [clips], serial)
    assert report.added == 0
    assert show_clip(catalog, "1").locations[0].path == "clips/death_epoch_30_1.wav"
    assert [place.missing_since for place in show_clip(catalog, "1").locations].count(None) == 1
    assert [row.missing for row in list_clips(catalog)] == [False] * 6


def test_other_content_at_a_known_path(
    catalog: Catalog, clips: Path, write_clip: Any, serial: IngestOptions
) -> None:
    ingest(catalog, [clips], serial)
    judging.rate(catalog, ["1"], 5)
    write_clip(clips / "death_epoch_10_0.wav", 999)
    assert counts(ingest(catalog, [clips], serial)) == {"added": 1, "unchanged": 5}
    old, new = show_clip(catalog, "1"), show_clip(catalog, "7")
    assert (old.clip.missing, old.clip.rating) == (True, 5)
    assert (new.clip.missing, new.clip.rating, new.clip.epoch) == (False, None, 10)


def test_a_file_that_returns_is_there_again(catalog: Catalog, clips: Path, serial: IngestOptions) -> None:
    ingest(catalog, [clips], serial)
    content = (clips / "death_epoch_10_0.wav").read_bytes()
    (clips / "death_epoch_10_0.wav").unlink()
    assert counts(ingest(catalog, [clips], serial)) == {"missing": 1, "unchanged": 5}
    assert show_clip(catalog, "1").clip.missing
    (clips / "death_epoch_10_0.wav").write_bytes(content)
    assert counts(ingest(catalog, [clips], serial)) == {"moved": 1, "unchanged": 5}
    assert not show_clip(catalog, "1").clip.missing
    assert len(show_clip(catalog, "1").locations) == 1


def test_touching_a_file_changes_nothing_else(catalog: Catalog, clips: Path, serial: IngestOptions) -> None:
    ingest(catalog, [clips], serial)
    before = dump(catalog, times=False, without=("location", "batch"))
    os.utime(clips / "death_epoch_10_0.wav")
    assert counts(ingest(catalog, [clips], serial)) == {"unchanged": 6}
    assert dump(catalog, times=False, without=("location", "batch")) == before


@pytest.mark.parametrize(("left", "marked"), [(0, False), (9, False), (10, True), (11, True)])
def test_when_most_of_a_folder_is_gone_nothing_is_marked_unasked(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions, left: int, marked: bool
) -> None:
    folder = tmp_path / "drive"
    paths = [write_clip(folder / f"a_epoch_{epoch}_0.wav", epoch, 0.5) for epoch in range(20)]
    ingest(catalog, [folder], serial)
    for path in paths[left:]:
        path.unlink()
    gone = 20 - left
    report = ingest(catalog, [folder], serial)
    assert (report.missing, report.held_back) == ((gone, 0) if marked else (0, gone))
    agreed = ingest(catalog, [folder], replace(serial, mark_missing=True))
    assert report.missing + agreed.missing == gone


def test_few_files_are_marked_even_if_all_are_gone(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [clips], serial)
    for path in clips.iterdir():
        path.unlink()
    assert ingest(catalog, [clips], serial).missing == 6


def test_only_what_was_scanned_can_be_missing(
    catalog: Catalog, clips: Path, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    ingest(catalog, [clips], serial)
    shutil.rmtree(clips)
    write_clip(tmp_path / "other" / "x.wav", 5)
    assert ingest(catalog, [tmp_path / "other"], serial).missing == 0


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_a_song_rendered_among_the_clips_is_no_clip(
    catalog: Catalog, clips: Path, serial: IngestOptions, suffix: str
) -> None:
    from thresher.curation.renderings.render import render
    from thresher.curation.songs.songs import save_song

    ingest(catalog, [clips], serial)
    save_song(catalog, "S", ["epoch:10.."])
    render(catalog, "S", clips / f"song{suffix}")
    report = ingest(catalog, [clips], serial)
    assert (report.renderings, report.added) == (1, 0)
    assert ingest(catalog, [clips], replace(serial, dry_run=True)).renderings == 1


def test_a_rendering_over_a_clip_leaves_the_clip_missing(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    from thresher.curation.renderings.render import render
    from thresher.curation.songs.songs import save_song

    ingest(catalog, [clips], serial)
    save_song(catalog, "S", ["epoch:10.."])
    render(catalog, "S", clips / "song.wav")
    (clips / "song.wav").replace(clips / "death_epoch_10_0.wav")
    report = ingest(catalog, [clips], serial)
    assert (report.renderings, report.added, report.unchanged) == (1, 0, 5)
    assert show_clip(catalog, "1").clip.missing


def test_an_unplugged_drive_is_suspected_whatever_lies_there_now(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    folder = tmp_path / "drive"
    for epoch in range(12):
        write_clip(folder / "sub" / f"a_epoch_{epoch}_0.wav", epoch, 0.3)
    ingest(catalog, [folder], serial)
    shutil.rmtree(folder / "sub")
    for epoch in range(30):
        write_clip(folder / "sub" / f"b_epoch_{epoch}_0.wav", 100 + epoch, 0.3)
    report = ingest(catalog, [folder, folder / "sub"], serial)
    assert (report.added, report.missing, report.held_back) == (30, 0, 12)
    dry = ingest(catalog, [folder], replace(serial, dry_run=True, mark_missing=True))
    assert (dry.missing, dry.held_back) == (12, 0)


def test_nine_files_are_no_drive(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    folder = tmp_path / "drive"
    for epoch in range(9):
        write_clip(folder / f"a_epoch_{epoch}_0.wav", epoch, 0.3)
    ingest(catalog, [folder], serial)
    shutil.rmtree(folder)
    folder.mkdir()
    assert ingest(catalog, [folder], replace(serial, dry_run=True)).missing == 9
    assert ingest(catalog, [folder], serial).missing == 9


# -- provenance --------------------------------------------------------------------------------------------


def test_flags_stand_over_names_and_reach_unchanged_files(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [clips], serial)
    flags = replace(serial, epoch=77, attributes={"temperature": "0.95"})
    assert counts(ingest(catalog, [clips], replace(flags, dry_run=True))) == {"corrected": 6}
    assert 77 not in {row.epoch for row in list_clips(catalog)}
    assert counts(ingest(catalog, [clips], flags)) == {"corrected": 6}
    assert counts(ingest(catalog, [clips], flags)) == {"unchanged": 6}
    os.utime(clips / "death_epoch_10_0.wav")
    assert counts(ingest(catalog, [clips], replace(flags, epoch=78))) == {"corrected": 6}
    assert counts(ingest(catalog, [clips], flags)) == {"corrected": 6}
    assert {row.epoch for row in list_clips(catalog)} == {77}
    assert {row.run for row in list_clips(catalog)} == {"death"}
    assert len(list_clips(catalog, "temperature:0.9..1")) == 6
    ingest(catalog, [clips], serial)
    assert {row.epoch for row in list_clips(catalog)} == {77}


def test_a_role_reaches_known_files_and_their_scores(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [clips], serial)
    one = clips / "death_epoch_10_0.wav"
    report = ingest(catalog, [one], replace(serial, role="reference"))
    assert counts(report) == {"corrected": 1}
    assert report.scoring is not None
    assert report.scoring.live == 5
    assert [row.id for row in list_clips(catalog, "role:reference")] == [1]
    assert counts(ingest(catalog, [clips], serial)) == {"unchanged": 6}
    assert [row.id for row in list_clips(catalog, "role:reference")] == [1]
    shutil.copy(one, clips / "copy.wav")
    again = ingest(catalog, [clips], replace(serial, role="generated"))
    assert counts(again) == {"copies": 1, "unchanged": 6}
    assert again.scoring is not None
    assert again.scoring.live == 6


@pytest.mark.parametrize("key", ["run", "epoch", "step"])
def test_a_checkpoint_is_no_attribute(catalog: Catalog, clips: Path, serial: IngestOptions, key: str) -> None:
    with pytest.raises(UsageError, match=f"--{key} 7"):
        ingest(catalog, [clips], replace(serial, attributes={key: "7"}))


def test_a_folder_that_moves_changes_nothing_that_is_known(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    """Its name was the run, of some files by their pattern and of others for want of one."""
    write_clip(tmp_path / "jazz" / "samples" / "ep1-s1.wav", 1)
    write_clip(tmp_path / "jazz" / "song.wav", 2)
    ingest(catalog, [tmp_path / "jazz"], serial)
    (tmp_path / "jazz").rename(tmp_path / "blues")
    assert ingest(catalog, [tmp_path / "blues"], serial).moved == 2
    assert {row.run for row in list_clips(catalog)} == {"jazz"}
    report = ingest(catalog, [tmp_path / "blues"], replace(serial, reread=True))
    assert counts(report) == {"corrected": 1, "unchanged": 1}
    assert [row.run for row in list_clips(catalog, "path+")] == ["blues", "jazz"]


def test_names_and_sidecars_are_read_again_when_asked(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    """As after the first look at a catalog shows that a pattern is missing."""
    clip = write_clip(tmp_path / "c" / "take7of12.wav", 1)
    write_clip(tmp_path / "c" / "other.wav", 2)
    ingest(catalog, [tmp_path / "c"], serial)
    pattern = r"take(?P<index>\d+)of(?P<epoch>\d+)"
    catalog.file.write_text(f"[[provenance]]\nname = 'takes'\npattern = '{pattern}'\n")
    clip.with_suffix(".json").write_text('{"mood": "grim"}')
    with Catalog.open(catalog.file) as taught:
        assert counts(ingest(taught, [tmp_path / "c"], serial)) == {"unchanged": 2}
        asked = replace(serial, reread=True)
        dry = ingest(taught, [tmp_path / "c"], replace(asked, dry_run=True))
        assert (
            counts(dry) == counts(ingest(taught, [tmp_path / "c"], asked)) == {"corrected": 1, "unchanged": 1}
        )
        assert [row.id for row in list_clips(taught, "epoch:12 index:7 mood:grim run:c")] == [2]
        judging.modify(taught, ["2"], {"epoch": "13"})
        assert counts(ingest(taught, [tmp_path / "c"], asked)) == {"unchanged": 2}
        assert [row.id for row in list_clips(taught, "epoch:13")] == [2]


def test_every_file_is_counted_once(catalog: Catalog, clips: Path, serial: IngestOptions) -> None:
    (clips / "broken.wav").write_text("no audio")
    (clips / "dangling.wav").symlink_to("nothing")
    shutil.copy(clips / "death_epoch_10_0.wav", clips / "copy.wav")
    for dry_run in (True, False, True, False):
        report = ingest(catalog, [clips], replace(serial, dry_run=dry_run))
        unread = sum(failure.path.endswith("dangling.wav") for failure in report.failures)
        assert sum(counts(report).values()) + unread == report.files == 9
    assert counts(report) == {"unchanged": 9}


def test_a_damaged_fingerprint_stops_the_scoring_but_hides_nothing(
    catalog: Catalog, clips: Path, write_clip: Any, serial: IngestOptions
) -> None:
    ingest(catalog, [clips], serial)
    with catalog.writing() as connection:
        connection.execute(text("UPDATE clip SET fingerprint = zeroblob(length(fingerprint)) WHERE id = 2"))
    write_clip(clips / "new.wav", 99)
    report = ingest(catalog, [clips], serial)
    assert report.added == 1
    assert report.scoring is None
    assert report.scoring_failure is not None
    assert "clip 2" in report.scoring_failure
    assert "verify --repair" in report.scoring_failure


@pytest.mark.parametrize("which", ["catalog", "folder", "both"])
def test_whichever_way_leads_to_a_file_it_is_one(
    catalog: Catalog, clips: Path, tmp_path: Path, serial: IngestOptions, which: str
) -> None:
    ingest(catalog, [clips], serial)
    link = tmp_path.with_name(f"{tmp_path.name} by another way")
    link.symlink_to(tmp_path)
    home = link if which in ("catalog", "both") else tmp_path
    folder = (link if which in ("folder", "both") else tmp_path) / clips.name
    with Catalog.open(home / "catalog.toml") as found:
        assert counts(ingest(found, [folder], serial)) == {"unchanged": 6}
        (clips / "more").mkdir()
        (clips / "looped").symlink_to("more")
        shutil.copy(clips / "death_epoch_10_0.wav", clips / "more" / "a.wav")
        assert counts(ingest(found, [folder / "looped"], serial)) == {"copies": 1}
        assert counts(ingest(found, [folder], serial)) == {"unchanged": 7}


def test_the_folder_names_the_run_where_nothing_else_does(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    write_clip(tmp_path / "night" / "x.wav", 5)
    ingest(catalog, [tmp_path / "night"], serial)
    assert show_clip(catalog, "1").clip.run == "night"
    (tmp_path / "night").rename(tmp_path / "day")
    ingest(catalog, [tmp_path / "day"], serial)
    assert show_clip(catalog, "1").clip.run == "night"


def test_patterns_of_the_user_come_first(tmp_path: Path, write_clip: Any, serial: IngestOptions) -> None:
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


def test_sidecars_are_read(catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions) -> None:
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


def test_a_checkpoint_is_unique_with_nulls(catalog: Catalog, clips: Path, serial: IngestOptions) -> None:
    ingest(catalog, [clips], serial)
    with catalog.reading() as connection:
        known = connection.execute(select(checkpoint.c.run, checkpoint.c.epoch, checkpoint.c.step)).all()
    assert sorted(map(tuple, known)) == [("death", 10, None), ("death", 20, None), ("death", 30, None)]
    with pytest.raises(Exception, match="UNIQUE"), catalog.writing() as connection:
        connection.execute(checkpoint.insert().values(run="death", epoch=10))


def checkpoint_by_the_rule(catalog: Catalog) -> dict[int, int | None]:
    """Each recording's checkpoint as DESIGN has it: that of its earliest location that names one."""
    with catalog.reading() as connection:
        rows = connection.execute(
            select(location.c.recording_id, location.c.checkpoint_id).order_by(location.c.id)
        ).all()
    found: dict[int, int | None] = {}
    for recording_id, checkpoint_id in rows:
        if recording_id is not None and found.get(recording_id) is None:
            found[recording_id] = checkpoint_id
    return found


@pytest.mark.parametrize("seed", range(4))
def test_the_stored_checkpoint_is_the_earliest_locations(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    folder = tmp_path / "clips"
    names = [f"run_epoch_{epoch}_0.wav" for epoch in range(6)] + ["plain.wav", "other.wav"]
    for _ in range(5):
        name = names[int(generator.integers(len(names)))]
        if generator.uniform() < 0.3 and (folder / name).exists():
            (folder / name).unlink()
        else:
            write_clip(folder / name, int(generator.integers(3)), 0.3)
        ingest(catalog, [folder], replace(serial, mark_missing=True))
        if generator.uniform() < 0.3:
            with catalog.reading() as connection:
                missing = list(
                    connection.scalars(
                        select(location.c.path_text).where(location.c.missing_since.is_not(None))
                    )
                )
            for path in missing[:1]:
                forget(catalog, str(catalog.root / path))
        with catalog.reading() as connection:
            stored = {
                row.id: row.checkpoint_id
                for row in connection.execute(select(recording.c.id, recording.c.checkpoint_id))
            }
        by_rule = checkpoint_by_the_rule(catalog)
        assert stored == {recording_id: by_rule.get(recording_id) for recording_id in stored}


def test_a_correction_is_overwritten_by_no_ingest(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [clips], serial)
    judging.modify(catalog, ["1"], {"epoch": "50", "temperature": "0.5"})
    (clips / "death_epoch_10_0.wav").rename(clips / "death_epoch_11_0.wav")
    shutil.copy(clips / "death_epoch_11_0.wav", clips / "death_epoch_12_0.wav")
    ingest(catalog, [clips], replace(serial, attributes={"temperature": "0.9"}))
    found = show_clip(catalog, "1")
    assert (found.clip.epoch, found.checkpoint_pinned) == (50, True)
    assert [row.id for row in list_clips(catalog, "temperature:0.5")] == [1]
    assert 1 not in [row.id for row in list_clips(catalog, "temperature:0.9")]
    judging.undo(catalog)
    assert show_clip(catalog, "1").clip.epoch == 11


def test_reference_audio_has_no_scores(catalog: Catalog, clips: Path, serial: IngestOptions) -> None:
    report = ingest(catalog, [clips], replace(serial, role="reference"))
    assert report.scoring is not None
    assert report.scoring.clips == 0
    assert {row.role for row in list_clips(catalog)} == {"reference"}


# -- re-analysis -------------------------------------------------------------------------------------------


def with_trim(catalog: Catalog, setting: str) -> Catalog:
    catalog.file.write_text(f'[trim]\n{setting}\n[metrics]\nuse = ["prefix"]\n')
    return Catalog.open(catalog.file)


def test_other_trim_settings_analyse_again_and_keep_what_was_said(
    catalog: Catalog, tmp_path: Path, sound: Any, serial: IngestOptions
) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    quiet = 0.02 * sound(1, 1.0)
    soundfile.write(folder / "a_epoch_1_0.wav", np.concatenate([quiet, sound(2, 4.0)]), RATE)
    soundfile.write(folder / "a_epoch_2_0.wav", sound(3, 4.0), RATE)
    ingest(catalog, [folder], serial)
    judging.rate(catalog, ["1"], 4)
    judging.tag(catalog, ["1"], add=["riff"])
    start = show_clip(catalog, "1").clip.start
    with with_trim(catalog, "top_db = 20.0") as other:
        report = ingest(other, [folder], serial)
        assert counts(report) == {"reanalysed": 2}
        assert report.scoring is not None
        assert (report.scoring.clips, report.scoring.live) == (1, 2)
        found = show_clip(other, "1").clip
        assert found.start is not None
        assert start is not None
        assert found.start > start + 0.9
        assert (found.rating, found.tags) == (4, ("riff",))
        with other.reading() as connection:
            assert scores.coverage(connection, 1).complete
        assert counts(ingest(other, [folder], serial)) == {"unchanged": 2}


def test_reanalyse_by_query(catalog: Catalog, clips: Path, serial: IngestOptions) -> None:
    ingest(catalog, [clips], serial)
    with with_trim(catalog, "top_db = 30.0") as other:
        report = reanalyse(other, ["epoch:20"], executor="serial")
        assert report.analysed == 2
        (clips / "death_epoch_30_0.wav").unlink()
        report = reanalyse(other, executor="serial")
        assert (report.analysed, report.without_file) == (5, (5,))


# -- dry runs, interruptions, forgetting -------------------------------------------------------------------


def test_a_dry_run_tells_what_the_real_run_does(
    catalog: Catalog, clips: Path, write_clip: Any, serial: IngestOptions
) -> None:
    ingest(catalog, [clips], serial)
    (clips / "death_epoch_10_0.wav").rename(clips / "moved.wav")
    (clips / "death_epoch_10_1.wav").unlink()
    shutil.copy(clips / "death_epoch_20_0.wav", clips / "copy.wav")
    write_clip(clips / "new.wav", 71)
    shutil.copy(clips / "new.wav", clips / "new2.wav")
    write_clip(clips / "death_epoch_30_0.wav", 72)
    before = dump(catalog, times=False)
    dry = ingest(catalog, [clips], replace(serial, dry_run=True))
    assert dump(catalog, times=False) == before
    assert dry.batch is None
    real = ingest(catalog, [clips], serial)
    assert counts(dry) == counts(real)
    assert counts(real) == {"added": 2, "copies": 2, "moved": 1, "missing": 1, "unchanged": 3}


def test_a_dry_run_tells_of_files_that_are_being_written(
    catalog: Catalog, clips: Path, serial: IngestOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    from thresher.curation.ingest import reading as module

    real = module.sha256_file

    def hashed(path: bytes) -> str:
        if b"epoch_20" in path:
            with Path(os.fsdecode(path)).open("ab") as stream:
                stream.write(bytes(64))
        return real(path)

    monkeypatch.setattr(module, "sha256_file", hashed)
    dry = ingest(catalog, [clips], replace(serial, dry_run=True))
    assert dry.added == 4
    assert [failure.status for failure in dry.failures] == ["unsettled", "unsettled"]


def test_the_slower_of_two_reanalyses_counts_nothing(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [clips], serial)

    def overtaken(stage: str, done: int, _total: int) -> None:
        if stage == "analysing" and done == 6:
            with Catalog.open(catalog.file) as faster:
                assert ingest(faster, [clips], serial).reanalysed == 6

    with with_trim(catalog, "top_db = 30.0") as slower:
        before = dump(slower)
        report = ingest(slower, [clips], serial, overtaken)
        assert counts(report) == {"unchanged": 6}
        assert [row.reanalysed for row in batches(slower)] == [0, 6]
        assert dump(slower, without=("batch", "clip")) == {
            name: rows for name, rows in before.items() if name not in ("batch", "clip")
        }


def test_stopping_keeps_what_was_committed(
    catalog: Catalog, clips: Path, serial: IngestOptions, tmp_path: Path
) -> None:
    catalog.file.write_text("[ingest]\ngroup = 1\n")

    def stop(stage: str, done: int, _total: int) -> None:
        if stage == "analysing" and done == 4:
            raise KeyboardInterrupt

    with Catalog.open(catalog.file) as small:
        with pytest.raises(KeyboardInterrupt):
            ingest(small, [clips], serial, stop)
        assert 1 <= len(list_clips(small)) < 6
        assert batches(small)[0].finished_at is None
        ingest(small, [clips], serial)
        with Catalog.create(tmp_path / "whole") as whole:
            ingest(whole, [clips], serial)
            ignore = ("batch", "location", "recording")
            assert dump(small, without=ignore) == dump(whole, without=ignore)


def test_killed_the_next_run_completes(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    folder = tmp_path / "clips"
    for index in range(24):
        write_clip(folder / f"a_epoch_{index}_0.wav", index, 3.0)
    catalog.file.write_text("[ingest]\ngroup = 2\n")
    code = (
        "import os, signal, sys\n"
        "from thresher import Catalog, IngestOptions, ingest\n"
        "def kill(stage, done, total):\n"
        "    if stage == 'analysing' and done == 9:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "with Catalog.open(sys.argv[1]) as catalog:\n"
        "    ingest(catalog, [sys.argv[2]], IngestOptions(executor='serial'), kill)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(catalog.file), str(folder)], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with Catalog.open(catalog.file) as after:
        assert 2 <= len(list_clips(after)) <= 9
        ingest(after, [folder], serial)
        assert len(list_clips(after)) == 24
        with after.reading() as connection:
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
            assert scores.coverage(connection, 1).rows == 24


def test_two_ingests_at_once_end_as_one_after_the_other(
    catalog: Catalog, tmp_path: Path, write_clip: Any
) -> None:
    folder = tmp_path / "clips"
    for index in range(16):
        write_clip(folder / f"a_epoch_{index}_0.wav", index, 3.0)
    shutil.copy(folder / "a_epoch_3_0.wav", folder / "b_epoch_3_0.wav")
    command = [*COMMAND, "--catalog", str(catalog.file), "ingest", str(folder), "--jobs", "1"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    with catalog.reading() as connection:
        assert connection.scalar(text("SELECT count(*) FROM recording")) == 16
        assert connection.scalar(text("SELECT count(*) FROM location WHERE missing_since IS NULL")) == 17
        proof = scores.coverage(connection, 1)
    assert (proof.live, proof.complete) == (16, True)


def test_forgetting_takes_back_an_ingest_and_keeps_what_was_judged(
    catalog: Catalog, clips: Path, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    ingest(catalog, [clips], serial)
    wrong = tmp_path / "wrong"
    for index in range(3):
        write_clip(wrong / f"w_epoch_{index}_0.wav", 900 + index)
    batch_id = ingest(catalog, [wrong], serial).batch
    judging.note(catalog, ["7"], "wait")
    before = dump(catalog, times=False)
    dry = forget(catalog, f"batch:{batch_id}", dry_run=True)
    assert dump(catalog, times=False) == before
    report = forget(catalog, f"batch:{batch_id}")
    assert (report.locations, report.recordings, report.kept) == (3, 2, 1)
    assert (dry.locations, dry.recordings, dry.kept) == (3, 2, 1)
    assert sorted(path.name for path in wrong.iterdir()) == [f"w_epoch_{index}_0.wav" for index in range(3)]
    assert [row.id for row in list_clips(catalog)] == [1, 2, 3, 4, 5, 6, 7]
    assert show_clip(catalog, "7").clip.missing
    with catalog.reading() as connection:
        proof = scores.coverage(connection, 1)
    assert (proof.rows, proof.live, proof.complete) == (9, 7, True)
    again = ingest(catalog, [wrong], serial)
    assert (again.added, again.moved + again.copies) == (2, 1)
    assert [row.id for row in list_clips(catalog)] == [1, 2, 3, 4, 5, 6, 7, 10, 11]


def test_forgetting_what_is_not_there(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="thresher batches"):
        forget(catalog, str(tmp_path / "nowhere"))


def test_a_role_has_to_be_one(catalog: Catalog, clips: Path, serial: IngestOptions) -> None:
    with pytest.raises(UsageError, match='"dog"'):
        ingest(catalog, [clips], replace(serial, role="dog"))


def test_attributes_are_kept_with_their_numbers(catalog: Catalog, clips: Path, serial: IngestOptions) -> None:
    ingest(catalog, [clips], replace(serial, attributes={"temperature": "0.95", "mood": "nan"}))
    with catalog.reading() as connection:
        rows = connection.execute(
            select(attribute.c.key, attribute.c.text, attribute.c.number).distinct()
        ).all()
    known = {row.key: (row.text, row.number) for row in rows if row.key != "index"}
    assert known == {"temperature": ("0.95", 0.95), "mood": ("nan", None)}


def test_many_unchanged_files_are_cheap_in_statements(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    from sqlalchemy import event

    ingest(catalog, [clips], serial)
    said: list[str] = []
    event.listen(catalog._engine, "before_cursor_execute", lambda *arguments: said.append(arguments[2]))
    ingest(catalog, [clips], replace(serial, score=False))
    assert len([statement for statement in said if statement.startswith("SELECT")]) <= 4
