"""Songs to export: one of three clips with every feature, songs of any length, and unusual titles and paths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from thresher.curation.exports.formats.timeline import Entry, Timeline

FOLDER = b"/songs/bone"

NASTY_TEXTS = {
    "double quotes": 'the "best" of',
    "all quotes": "a \" b ' c ` d",
    "only quotes": "\"'`",
    "newline": "one\nTRACK 02 AUDIO",
    "carriage return": "one\r\ntwo",
    "tab": "one\ttwo",
    "other line ends": "a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g",
    "nul": "a\x00b",
    "emoji": "🦴 bone",
    "comment": "#EXTINF:1,x",
    "backtick": "`code`",
    "backslash": "ends in \\",
    "chunk": ">",
    "opened": "<ITEM",
    "pipe": "|note",
    "not text": "run_\udcff_1",
    "empty": "",
    "spaces": "   ",
    "long": "ü" * 127 + "x",
}

NASTY_PATHS = {
    "under the folder": FOLDER + b"/clips/a b.wav",
    "elsewhere": b"/elsewhere/a.wav",
    "a folder that begins alike": b"/songs/bone2/a.wav",
    "comment": FOLDER + b"/#1.wav",
    "comment inside": FOLDER + b"/take #1.wav",
    "scheme": FOLDER + b"/http:/host.wav",
    "colon": FOLDER + b"/12:30.wav",
    "percent": FOLDER + b"/100%41.wav",
    "query": FOLDER + b"/why?.wav",
    "backslash": FOLDER + b"/a\\b.wav",
    "double quote": FOLDER + b'/the "best".wav',
    "single quote": FOLDER + b"/it's.wav",
    "backtick": FOLDER + b"/`x`.wav",
    "emoji": FOLDER + "/🦴.wav".encode(),
    "brackets": FOLDER + b"/[a]{b}.wav",
    "newline": FOLDER + b"/a\nb.wav",
    "tab": b"/elsewhere/a\tb.wav",
    "line separator": FOLDER + "/a\u2028b.wav".encode(),
    "leading space": FOLDER + b"/ a.wav",
    "trailing space": FOLDER + b"/a.wav ",
    "not UTF-8": FOLDER + b"/\xff\xfe.wav",
    "255 bytes": FOLDER + b"/" + b"x" * 251 + b".wav",
}

ONE = Entry(
    clip=7,
    title="bone_7",
    path=FOLDER + b"/clips/7.wav",
    container="WAV",
    channels=1,
    run="bone",
    epoch=12,
    step=3400,
    start=0.0,
    seconds=4.0,
    offset=0.25,
    gain=1.0,
    crossfade=0.0,
    fade_in=0.01,
    fade_out=0.0,
    transition=None,
)
TWO = replace(
    ONE,
    clip=12,
    title="bone 12",
    path=b"/elsewhere/12.flac",
    container="FLAC",
    channels=2,
    step=3500,
    start=3.5,
    seconds=5.25,
    offset=0.0,
    gain=0.5,
    crossfade=0.5,
    fade_in=0.0,
    fade_out=0.125,
    transition=0.75,
)
THREE = replace(
    ONE,
    clip=3,
    title="skeleton",
    path=FOLDER + b"/3.mp3",
    container="MP3",
    run=None,
    epoch=None,
    step=None,
    start=8.75,
    seconds=1.125,
    offset=2.0,
    fade_in=0.02,
    fade_out=0.3,
    transition=0.5,
)

SONG = Timeline(
    title="DOMAINAL SKELETON",
    comment="bone, epoch+",
    audio=FOLDER + b"/skeleton.flac",
    sample_rate=44_100,
    channels=2,
    seconds=9.875,
    entries=(ONE, TWO, THREE),
    manifest='{"song": "DOMAINAL SKELETON"}\n',
)


@pytest.fixture(scope="session")
def folder() -> bytes:
    """The folder of the exported file."""
    return FOLDER


@pytest.fixture(scope="session")
def song() -> Timeline:
    """Three clips: the second overlaps with the first, the third follows it; the last has no checkpoint."""
    return SONG


@pytest.fixture(scope="session")
def clips() -> Callable[..., Timeline]:
    """Make a song of a number of clips, each with the same changes or with a title of its own."""

    def make(number: int = 1, titles: list[str] | None = None, **changes: Any) -> Timeline:
        entries = [
            replace(ONE, clip=index + 1, start=float(4 * index), **changes)
            for index in range(number if titles is None else len(titles))
        ]
        if titles is not None:
            entries = [replace(entry, title=title) for entry, title in zip(entries, titles, strict=True)]
        return replace(SONG, entries=tuple(entries), seconds=4.0 * len(entries))

    return make


@pytest.fixture(params=list(NASTY_TEXTS.values()), ids=list(NASTY_TEXTS))
def nasty_text(request: pytest.FixtureRequest) -> str:
    """A title that some format can not express unchanged."""
    return str(request.param)


@pytest.fixture(params=list(NASTY_PATHS.values()), ids=list(NASTY_PATHS))
def nasty_path(request: pytest.FixtureRequest) -> bytes:
    """A path that some format can not express unchanged."""
    return bytes(request.param)
