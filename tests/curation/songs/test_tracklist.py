"""The tracklist: limits, the worst transitions, and a comparison of orderings."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing

import pytest

from tests.curation.songs.song_clips import clips_of, edited, ids
from tests.support import POSTGRES, WriteClip
from thresher.catalog.catalog import Catalog
from thresher.curation.clips import decisions as judging
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.songs import clip_loudness
from thresher.curation.songs.clip_loudness import Sound, song_loudness
from thresher.curation.songs.edit import SongEdit, edit_song
from thresher.curation.songs.listing import songs
from thresher.curation.songs.songs import (
    save_song,
)
from thresher.curation.songs.tracklist import compare, track_of_clip, tracklist
from thresher.errors import UsageError


@pytest.fixture
def catalog(seven_clips: Catalog) -> Catalog:
    """Seven clips of epochs 10 to 13 and 20 to 22, with the ids 1 to 7."""
    return seven_clips


def test_limits_keep_the_first_clips_and_shorten_none(catalog: Catalog) -> None:
    save_song(catalog, "S", ["epoch:10.."], {"ordering": "epoch+", "length": 9.0})
    plan = tracklist(catalog, "S")
    lengths = [track.seconds for track in plan.tracks]
    assert len(lengths) == 2
    assert sum(lengths) <= 9.0
    assert plan.left_out == 5
    save_song(catalog, "S", None, {"length": None, "clips": 3})
    assert clips_of(catalog, "S") == [1, 2, 3]


def test_a_last_clip_ends_the_song_within_its_limits(bone: Catalog) -> None:
    edited(bone, last="4", pins=(("8", 2), ("7", 5)))
    save_song(bone, "Bone", None, {"clips": 3})
    plan = tracklist(bone, "Bone")
    assert ids(plan) == [3, 8, 4]
    assert plan.left_out == 3
    assert plan.edits_not_applied == ("clip 7 is beyond the song's limits",)
    save_song(bone, "Bone", None, {"clips": None, "length": plan.seconds + 0.01})
    assert ids(tracklist(bone, "Bone")) == [3, 8, 4]
    save_song(bone, "Bone", None, {"length": plan.seconds - 0.01})
    assert ids(tracklist(bone, "Bone")) == [3, 4]


def test_the_end_of_a_chain_ends_the_song_within_its_limits(bone: Catalog) -> None:
    save_song(bone, "Bone", None, {"ordering": "chain:6..3", "clips": 4})
    found = ids(tracklist(bone, "Bone"))
    assert (len(found), found[0], found[-1]) == (4, 6, 3)


def test_a_last_clip_that_is_longer_than_the_limit_is_left_out_and_reported(bone: Catalog) -> None:
    edited(bone, last="8")
    save_song(bone, "Bone", None, {"length": 4.2})
    plan = tracklist(bone, "Bone")
    assert ids(plan) == [3]
    assert plan.edits_not_applied == ("clip 8 is beyond the song's limits",)


def test_the_worst_transitions_have_their_time_and_clips(catalog: Catalog) -> None:
    save_song(catalog, "S", ["epoch:10.."], {"ordering": "epoch+"})
    plan = tracklist(catalog, "S")
    worst = plan.worst
    scores = [transition.score for transition in worst]
    assert scores == sorted(plan.transitions)[:5]
    for transition in worst:
        position = [track.clip for track in plan.tracks].index(transition.after)
        assert plan.tracks[position - 1].clip == transition.before
        assert (
            transition.at == sum(track.output_frames for track in plan.tracks[:position]) / plan.sample_rate
        )


@pytest.mark.skipif(POSTGRES is not None, reason="readers of a server keep nobody from writing")
def test_no_transaction_is_open_while_audio_is_read(
    catalog: Catalog, write_clip: WriteClip, serial: IngestOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clip(catalog.root / "stereo/run_epoch_30_0.wav", 30, channels=2)
    ingest(catalog, [catalog.root / "stereo"], serial)
    save_song(catalog, "S", ["epoch:30"], {"channels": 1, "lufs": -20.0})
    read: list[Sound] = []

    def reading(sounds: Iterable[Sound], channels: int) -> list[float | None]:
        with closing(sqlite3.connect(catalog.root / "catalog.db", timeout=0)) as other:
            other.execute("BEGIN EXCLUSIVE")  # which readers prevent, as they prevent a commit
        found = list(sounds)
        read.extend(found)
        return song_loudness(found, channels)

    monkeypatch.setattr(clip_loudness, "song_loudness", reading)
    tracklist(catalog, "S")
    edit_song(catalog, "S", SongEdit(first="8"))
    assert [each.file is None for each in read] == [False, False]


def test_of_many_files_of_a_clip_the_first_that_is_there_is_looked_at(
    catalog: Catalog, write_clip: WriteClip, serial: IngestOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        write_clip(catalog.root / f"copies/run_epoch_30_{number:02}.wav", 30)
    ingest(catalog, [catalog.root / "copies"], serial)
    save_song(catalog, "S", ["epoch:30"])
    (catalog.root / "copies/run_epoch_30_00.wav").unlink()
    looked, exists = [], os.path.exists

    def counted(path: bytes) -> bool:
        looked.append(path)
        return exists(path)

    monkeypatch.setattr(os.path, "exists", counted)
    (track,) = tracklist(catalog, "S").tracks
    assert (track.path, track.missing) == ("copies/run_epoch_30_01.wav", False)
    assert len([path for path in looked if b"copies" in os.fsencode(path)]) == 2


def test_compare_lays_out_each_ordering_and_saves_nothing(catalog: Catalog) -> None:
    save_song(catalog, "S", ["epoch:10.."], {"ordering": "epoch+"})
    before = songs(catalog), judging.history(catalog)
    plans = compare(catalog, "S", ["chain", "pairs", "epoch+"], "likeness")
    assert (songs(catalog), judging.history(catalog)) == before
    assert [str(plan.song.settings.ordering) for plan in plans] == ["chain", "pairs", "epoch+"]
    assert {plan.song.settings.metric for plan in plans} == {"likeness"}
    assert sum(plans[0].transitions) >= max(sum(plan.transitions) for plan in plans)
    assert plans[2].tracks[0].clip == tracklist(catalog, "S").tracks[0].clip
    with pytest.raises(UsageError, match="is not an ordering"):
        compare(catalog, "S", ["sorted"])


def test_compare_refuses_the_ordering_manual_without_a_list(bone: Catalog) -> None:
    assert len(compare(bone, "Bone", ["id+", "chain"])) == 2
    with pytest.raises(UsageError, match="give --from FILE"):
        compare(bone, "Bone", ["manual"])


def test_no_transaction_is_open_while_the_files_of_clips_are_looked_for(
    bone: Catalog, touched_in_transactions: list[str]
) -> None:
    assert not any(track.missing for track in tracklist(bone, "Bone", rate_for=lambda _rate: 48_000).tracks)
    assert track_of_clip(bone, 1).seconds
    assert touched_in_transactions == []
