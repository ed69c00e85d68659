"""The plan of a rendering: its identity, the columns that it is stored in, and its inconsistencies.

The pinned digests are part of every catalog. If one of them changes, no rendering that exists is recognised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from thresher.catalog.database.schema import rendering_clip
from thresher.curation.renderings.plan import (
    faults,
    is_whole,
    plan_sha256,
    quality_of,
    tags,
    track_columns,
    track_of_columns,
)
from thresher.curation.songs.settings import SongSettings
from thresher.curation.songs.songs import Song
from thresher.curation.songs.tracklist import Track, Tracklist
from thresher.signal.ordering.orderings import parse_ordering


def track(clip: int, **changes: Any) -> Track:
    """A mono clip of 2 s at 8 kHz."""
    values: dict[str, Any] = {
        "clip": clip,
        "recording_sha256": f"{clip:064x}",
        "path": f"clips/{clip}.wav",
        "missing": False,
        "run": "run",
        "epoch": clip,
        "step": None,
        "start_frame": 100,
        "end_frame": 16_100,
        "sample_rate": 8_000,
        "channels": 1,
        "mono_channel": None,
        "subtype": "PCM_16",
        "gain": 1.0,
        "output_frames": 16_000,
    }
    return Track(**{**values, **changes})


def plan_of(*tracks: Track, **settings: Any) -> Tracklist:
    """A plan at 8 kHz in mono with fades of 5 ms."""
    song = Song(1, "Bone", SongSettings("epoch:1..", parse_ordering("epoch+"), "prefix", **settings), 0.0)
    return Tracklist(song, tracks, 0, 8_000, 1, 40)


END_TO_END = plan_of(track(1), track(2, gain=0.5, output_start=16_000, transition=0.75))
CROSSFADED = plan_of(
    track(1),
    track(2, output_start=12_000, crossfade=4_000),
    crossfade=0.5,
    lufs=-14.0,
    dither=True,
    subtype="PCM_16",
)


@pytest.mark.parametrize(
    ("plan", "container", "subtype", "expected"),
    [
        (END_TO_END, "WAV", "PCM_16", "a5250ffd652cd252c1719f21daca522042af0f9be95146784b95c4940a2b74a7"),
        (END_TO_END, "FLAC", "PCM_24", "385e2ef51078c2438d5c62654c4013fcfb84547dae188c0ef1600cd4874a546a"),
        (CROSSFADED, "WAV", "PCM_16", "4da1adff0bb60733aa571deb2e0a99578e27e4ff3add3647ffe1a48f43e23535"),
    ],
)
def test_the_digest_of_a_plan_never_changes(
    plan: Tracklist, container: str, subtype: str, expected: str
) -> None:
    assert plan_sha256(plan, container, subtype) == expected
    assert is_whole(plan, container, subtype, expected)
    assert not is_whole(plan, container, subtype, "0" * 64)


def with_track(**changes: Any) -> Callable[[Tracklist], Tracklist]:
    """Change the second track of a plan."""
    return lambda plan: replace(plan, tracks=(plan.tracks[0], replace(plan.tracks[1], **changes)))


def with_settings(**changes: Any) -> Callable[[Tracklist], Tracklist]:
    """Change the settings of a plan's song."""
    return lambda plan: replace(
        plan, song=replace(plan.song, settings=replace(plan.song.settings, **changes))
    )


@pytest.mark.parametrize(
    "change",
    [
        with_track(path="elsewhere/2.wav", missing=True),
        with_track(clip=9, run=None, epoch=None, step=3),
        with_track(transition=None, loudness=-20.0),
        with_settings(ordering=parse_ordering("id+"), metric="likeness", length=60.0, clips=2),
        lambda plan: replace(plan, song=replace(plan.song, id=7, created_at=1.0)),
        lambda plan: replace(plan, left_out=3, edits_not_applied=("clip 4 is rejected",)),
    ],
)
def test_the_digest_does_not_depend_on_what_does_not_reach_the_file(
    change: Callable[[Tracklist], Tracklist],
) -> None:
    assert plan_sha256(change(END_TO_END), "WAV", "PCM_16") == plan_sha256(END_TO_END, "WAV", "PCM_16")


@pytest.mark.parametrize(
    "change",
    [
        with_track(recording_sha256="f" * 64),
        with_track(start_frame=101),
        with_track(end_frame=16_101),
        with_track(gain=0.25),
        with_track(mono_channel=1),
        with_track(output_start=15_000, crossfade=1_000),
        with_track(output_start=17_000),
        with_settings(query="epoch:2.."),
        with_settings(lufs=-14.0),
        with_settings(dither=True),
        lambda plan: replace(plan, song=replace(plan.song, name="Marrow")),
        lambda plan: replace(plan, tracks=plan.tracks[::-1]),
        lambda plan: replace(plan, tracks=plan.tracks[:1]),
        lambda plan: replace(plan, sample_rate=16_000),
        lambda plan: replace(plan, channels=2),
        lambda plan: replace(plan, fade_frames=41),
    ],
)
def test_the_digest_depends_on_everything_that_reaches_the_file(
    change: Callable[[Tracklist], Tracklist],
) -> None:
    assert plan_sha256(change(END_TO_END), "WAV", "PCM_16") != plan_sha256(END_TO_END, "WAV", "PCM_16")


def test_dither_changes_the_digest_of_16_bit_files_only() -> None:
    dithered = with_settings(dither=True)(END_TO_END)
    assert plan_sha256(dithered, "WAV", "PCM_24") == plan_sha256(END_TO_END, "WAV", "PCM_24")
    assert plan_sha256(dithered, "WAV", "PCM_16") != plan_sha256(END_TO_END, "WAV", "PCM_16")


def test_the_tags_are_the_name_artist_and_album_and_by_the_first_rule_the_query() -> None:
    assert tags(END_TO_END) == {"title": "Bone", "comment": "epoch:1.."}
    assert tags(with_settings(file_rule=2)(END_TO_END)) == {"title": "Bone"}
    tagged = with_settings(file_rule=2, artist="Dadabots", album="Coditany")(END_TO_END)
    assert tags(tagged) == {"title": "Bone", "artist": "Dadabots", "album": "Coditany"}


def test_the_quality_has_a_part_in_the_plans_of_lossy_files_by_the_second_rule() -> None:
    first, second = END_TO_END, with_settings(file_rule=2)(END_TO_END)
    assert [quality_of(first, subtype) for subtype in ("PCM_16", "OPUS")] == [None, None]
    assert [quality_of(second, subtype) for subtype in ("PCM_16", "OPUS")] == [None, 8.0]
    chosen = with_settings(file_rule=2, quality=3.0)(END_TO_END)
    assert quality_of(chosen, "VORBIS") == 3.0
    assert plan_sha256(chosen, "OGG", "VORBIS") != plan_sha256(second, "OGG", "VORBIS")
    assert plan_sha256(chosen, "FLAC", "PCM_16") == plan_sha256(second, "FLAC", "PCM_16")


def test_a_track_is_restored_from_its_columns() -> None:
    before = track(3, mono_channel=1, gain=0.5, output_start=7, crossfade=5, transition=0.25)
    columns = track_columns(before)
    assert set(columns) <= {column.name for column in rendering_clip.columns}
    others = {
        each.name: getattr(before, each.name)
        for each in fields(Track)
        if each.name in ("missing", "run", "epoch", "step", "channels", "subtype")
    }
    assert track_of_columns(columns, **others) == before


@pytest.mark.parametrize("plan", [END_TO_END, CROSSFADED])
def test_a_consistent_plan_has_no_faults(plan: Tracklist) -> None:
    digest = plan_sha256(plan, "WAV", "PCM_16")
    assert list(faults(plan, "WAV", "PCM_16", frames=plan.frames, expected_sha256=digest)) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda plan: replace(plan, tracks=()), "it lists no clips"),
        (with_track(output_start=16_001), "clip 2 does not start where the clip before ends"),
        (with_track(output_frames=9), "its clips are 16009 frames long, but its file is 32000 frames long"),
        (with_track(end_frame=99), "the lengths of clips 2 do not match their spans"),
        (with_track(gain=0.25), "its digest does not match its clips, gains and settings"),
    ],
)
def test_each_inconsistency_is_a_fault(change: Callable[[Tracklist], Tracklist], expected: str) -> None:
    digest = plan_sha256(END_TO_END, "WAV", "PCM_16")
    assert expected in faults(change(END_TO_END), "WAV", "PCM_16", frames=32_000, expected_sha256=digest)
