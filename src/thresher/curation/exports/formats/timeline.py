"""A song as other programs need it: its clips on a timeline, described with the terms of a DAW.

All times are in seconds; paths are absolute and bytes. This module opens no audio and does not use the catalog.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One clip of the song.

    It plays for `seconds` from `start` in the song, and begins `offset` seconds into the file at `path`.
    `container` is libsndfile's name of the file's container; `gain` is linear. `crossfade` is the equal-power
    overlap with the clip before; `fade_in` and `fade_out` are its other fades. `title` is for people. The
    title, `run` and the path may contain any character.
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
class Timeline:
    """A song, or a rendering of it, for export.

    `audio` is the path of the song's own file, which may not be rendered yet. `manifest` is the text of its JSON
    manifest. `entries` are in the order of their starts; at most two of them sound at once.
    """

    title: str
    comment: str
    audio: bytes
    sample_rate: int
    channels: int
    seconds: float
    entries: tuple[Entry, ...]
    manifest: str
