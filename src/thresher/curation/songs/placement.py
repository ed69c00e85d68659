"""The positions of clips in time, and the number of clips that the limits of a song keep.

Limits are checked in seconds; positions are in frames of the song.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from thresher.curation.songs.settings import SongSettings

DEFAULT_RATE = 44_100
"""The sample rate in Hz of a song without clips."""


def within_limits(body: Sequence[float], final: Sequence[float], settings: SongSettings) -> tuple[int, bool]:
    """How many clips of the body fit in front of the final clips, and whether the final clips fit at all.

    `body` and `final` are the lengths of clips in seconds, in sequence. Clips are taken in order until one does not
    fit; none is shortened. If the final clips alone exceed the limits, they are left out.
    """
    longest = longest_song(settings)
    most = math.inf if settings.clips is None else settings.clips
    ending = sum(
        _added_seconds(before, each, settings) for before, each in zip((None, *final), final, strict=False)
    )
    if final and (ending > longest or len(final) > most):
        return within_limits(body, (), settings)[0], False
    kept, length = 0, 0.0
    before: float | None = None
    for each in body:
        length += _added_seconds(before, each, settings)
        joined = _added_seconds(each, final[0], settings) - final[0] if final else 0.0
        if length + joined + ending > longest or kept + len(final) >= most:
            break
        kept, before = kept + 1, each
    return kept, True


def longest_song(settings: SongSettings) -> float:
    """How many seconds a song may have: its limit, with room for the rounding of sums of seconds."""
    return math.inf if settings.length is None else settings.length + _ROUNDING


_ROUNDING = 1e-6
"""Less than a frame at any sample rate that a song can have."""


def _added_seconds(before: float | None, seconds: float, settings: SongSettings) -> float:
    """How many seconds a clip adds to a song after a clip of the length `before`."""
    if before is None:
        return seconds
    shared = min(settings.crossfade, before / 2, seconds / 2)
    shared = 0.0 if shared < min(settings.crossfade, settings.fade) else shared
    return seconds + settings.gap - shared


def placed(lengths: Sequence[int], settings: SongSettings, sample_rate: int) -> list[tuple[int, int]]:
    """The start of each clip, and its overlap with the clip before, in frames of the song.

    A crossfade takes at most half of a clip, so that two crossfades never meet inside a clip. Where the overlap
    would be shorter than a fade, clips follow each other without one, because a fade is smoother.
    """
    crossfade, gap, fade = (
        round(seconds * sample_rate) for seconds in (settings.crossfade, settings.gap, settings.fade)
    )
    found, start = [], 0
    for n, length in enumerate(lengths):
        shared = min(crossfade, lengths[n - 1] // 2, length // 2) if n else 0
        shared = 0 if shared < min(crossfade, fade) else shared
        start = start - shared if shared else start + gap * bool(n)
        found.append((start, shared))
        start += length
    return found
