"""Cue sheets, read by libcue, and by CueParser for what libcue does not read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pylibcue
import pytest
from cueparser import CueSheet
from hypothesis import given
from hypothesis import strategies as st

from thresher.curation.exports.formats.registry import FORMATS
from thresher.curation.exports.formats.timeline import Timeline
from thresher.errors import UsageError

Clips = Callable[..., Timeline]


def written(song: Timeline, folder: bytes) -> str:
    return FORMATS[".cue"].text(song, folder)


def by_libcue(text: str) -> list[tuple[str, str | None, str, tuple[int, int, int]]]:
    """Title, performer, file and start of each track."""
    return [
        (track.cdtext.title, track.cdtext.performer, track.filename, track.start)
        for track in pylibcue.parse_str(text)  # type: ignore[attr-defined]  # a Cd has __getitem__ and __len__
    ]


def by_cueparser(text: str) -> Any:
    sheet = CueSheet()
    sheet.setOutputFormat("", "")
    sheet.setData(text)
    sheet.parse()
    return sheet


def test_each_clip_is_a_track(song: Timeline, folder: bytes) -> None:
    assert by_libcue(written(song, folder)) == [
        ("bone_7", "bone", "skeleton.flac", (0, 0, 0)),
        ("bone 12", "bone", "skeleton.flac", (0, 3, 37)),
        ("skeleton", None, "skeleton.flac", (0, 8, 56)),
    ]


def test_the_header_has_the_title_the_comment_and_the_file(song: Timeline, folder: bytes) -> None:
    text = written(song, folder)
    disc = pylibcue.parse_str(text)
    assert (disc.cdtext.title, disc.rem.comment) == ("DOMAINAL SKELETON", "bone, epoch+")
    sheet = by_cueparser(text)
    assert (sheet.title, sheet.file, sheet.aformat) == ("DOMAINAL SKELETON", "skeleton.flac", "WAVE")
    assert sheet.rem == 'REM COMMENT "bone, epoch+"'


def test_another_reader_finds_the_same_tracks(song: Timeline, folder: bytes) -> None:
    tracks = by_cueparser(written(song, folder)).tracks
    assert [(track.title, track.performer, track.index, track.offset) for track in tracks] == [
        ("bone_7", "bone", "01", "00:00:00"),
        ("bone 12", "bone", "01", "00:03:37"),
        ("skeleton", None, "01", "00:08:56"),
    ]


def test_each_track_names_its_clip_and_its_checkpoint(song: Timeline, folder: bytes) -> None:
    text = written(song, folder)
    tracks = re.split(r"^ *TRACK ", text, flags=re.MULTILINE)[1:]
    assert [re.findall(r"^ *REM (.*)$", track, re.MULTILINE) for track in tracks] == [
        ["CLIP 7", 'CHECKPOINT "bone, epoch 12, step 3400"'],
        ["CLIP 12", 'CHECKPOINT "bone, epoch 12, step 3500"'],
        ["CLIP 3"],
    ]


def test_a_song_without_a_comment_has_no_remark(song: Timeline, folder: bytes) -> None:
    assert "REM COMMENT" not in written(replace(song, comment=""), folder)


@pytest.mark.parametrize(
    ("audio", "name", "kind"),
    [
        (b"/songs/bone/a b.wav", "a b.wav", "WAVE"),
        (b"/songs/bone/deep/a.MP3", "deep/a.MP3", "MP3"),
        (b"/elsewhere/a.aif", "/elsewhere/a.aif", "AIFF"),
        (b"/songs/bone2/a.ogg", "../bone2/a.ogg", "WAVE"),
        (b"/songs/bone/a.\xff", "a.\ufffd", "WAVE"),
        (b'/songs/bone/the "best".wav', "the 'best'.wav", "WAVE"),
        (b"/songs/bone/a\nb.wav", "a b.wav", "WAVE"),
    ],
)
def test_the_header_names_the_file_and_its_type(
    audio: bytes, name: str, kind: str, clips: Clips, folder: bytes
) -> None:
    text = written(replace(clips(1), audio=audio), folder)
    sheet = by_cueparser(text)
    assert (sheet.file, sheet.aformat) == (name, kind)
    assert by_libcue(text)[0][2] == name


@pytest.mark.parametrize(
    ("start", "index"),
    [
        (0.0, "00:00:00"),
        (1 / 75, "00:00:01"),
        (0.01, "00:00:00"),
        (59.999, "00:59:74"),
        (60.0, "01:00:00"),
        (29 / 75, "00:00:29"),
        (32_340 / 44_100, "00:00:55"),
        (7200.5, "120:00:37"),
    ],
)
def test_a_start_is_rounded_down_to_a_frame(start: float, index: str, clips: Clips, folder: bytes) -> None:
    song = replace(clips(1), entries=(replace(clips(1).entries[0], start=start),))
    assert by_cueparser(written(song, folder)).tracks[0].offset == index


@given(start=st.floats(0, 5999))
def test_no_track_starts_after_its_clip(start: float, clips: Clips, folder: bytes) -> None:
    song = replace(clips(1), entries=(replace(clips(1).entries[0], start=start),))
    [(*_, (minutes, seconds, frames))] = by_libcue(written(song, folder))
    late = 60 * minutes + seconds + Fraction(frames, 75) - Fraction(start)
    assert -Fraction(1, 75) < late < Fraction(1, 50_000_000)  # far below a sample


def test_99_tracks_fit(clips: Clips, folder: bytes) -> None:
    tracks = by_libcue(written(clips(99), folder))
    assert len(tracks) == 99
    assert tracks[98][3] == (6, 32, 0)
    numbers = re.findall(r"^ *TRACK (\S+) AUDIO$", written(clips(99), folder), re.MULTILINE)
    assert numbers == [f"{number:02}" for number in range(1, 100)]


def test_100_tracks_are_refused(clips: Clips, folder: bytes) -> None:
    with pytest.raises(UsageError) as raised:
        written(clips(100), folder)
    assert str(raised.value) == (
        "a cue sheet can hold 99 tracks, but this song has 100 clips; export it as .txt, .m3u8, .rpp or .json"
    )


def test_a_song_without_clips_has_only_a_header(clips: Clips, folder: bytes) -> None:
    sheet = by_cueparser(written(clips(0), folder))
    assert (sheet.title, sheet.file, sheet.tracks) == ("DOMAINAL SKELETON", "skeleton.flac", [])


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ('the "best" of', "the 'best' of"),
        ('"', "'"),
        ("one\nTRACK 02 AUDIO", "one TRACK 02 AUDIO"),
        ("one\ttwo", "one two"),
        ("a\x00b", "a b"),
        ("🦴 #1 `x`", "🦴 #1 `x`"),
        ("run_\udcff_1", "run_\ufffd_1"),
        ("ends in \\", "ends in \\ "),
        ("", ""),
        ("ü" * 127 + "x", "ü" * 127 + "x"),
    ],
)
def test_text_stays_within_its_quotes(title: str, shown: str, clips: Clips, folder: bytes) -> None:
    song = replace(clips(2, title=title, run=title), title=title)
    text = written(song, folder)
    assert pylibcue.parse_str(text).cdtext.title == shown
    assert by_libcue(text) == [
        (shown, shown, "skeleton.flac", (0, 0, 0)),
        (shown, shown, "skeleton.flac", (0, 4, 0)),
    ]


@given(titles=st.lists(st.text(st.characters(), max_size=80), max_size=8))
def test_any_title_gives_one_track_for_each_clip(titles: list[str], clips: Clips, folder: bytes) -> None:
    song = clips(titles=titles)
    song = replace(song, entries=tuple(replace(entry, run=entry.title) for entry in song.entries))
    text = written(song, folder)
    assert len(text.splitlines()) == 3 + 6 * len(titles)
    tracks = by_libcue(text) if titles else []
    assert [start for *_, start in tracks] == [(0, 4 * index, 0) for index in range(len(titles))]
