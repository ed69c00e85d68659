"""What a song hands on to other programs: its clips on a timeline, in the words that a DAW understands.

Everything is in seconds; paths are absolute, as bytes. Nothing here opens audio or asks the catalog.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One clip of the song.

    It plays `seconds` from `start` in the song, beginning `offset` into the file at `path`, which `container` and
    `channels` describe in libsndfile's words; `gain` is linear. `crossfade` is how long it overlaps with the one
    before, in equal power; `fade_in` and `fade_out` are its other fades. `title` is what people read; it, `run`
    and the path may hold any character.
    """

    clip: int
    title: str
    path: bytes
    container: str
    channels: int
    run: str | None
    epoch: int | None
    step: int | None
    start: float
    seconds: float
    offset: float
    gain: float
    crossfade: float
    fade_in: float
    fade_out: float
    transition: float | None


@dataclass(frozen=True)
class Sheet:
    """A song, or a rendering of it, to be handed on.

    `audio` is the song's own file, which may not be rendered yet; `manifest` is the text of its JSON manifest.
    `entries` are in the order of their starts; at most two of them sound at a time.
    """

    title: str
    comment: str
    audio: bytes
    sample_rate: int
    channels: int
    seconds: float
    entries: tuple[Entry, ...]
    manifest: str
