"""Split a recording into parts: the sounds between its silences, or the cells of a grid.

Analysis frames, levels and offsets are those of `trim.LevelMeter`. A frame is silent if it is `top_db` below the
loudest frame of the recording, or below `floor_db`. A silent passage that is longer than the wanted silence
separates two parts, with two exceptions:

- A *quiet sound* in the passage rises CONTRAST_DB above the passage's own quiet level, which a tenth of its frames
  do not exceed, for QUIET_SECONDS. It is a sound like others, so that quiet music between loud music is kept.
  Steady hiss has none. A quiet sound at one end of the passage is the tail of the loud sound there.
- A *click*, which lasts less than CLICK_SECONDS and has nothing near it, is left out, and does not interrupt a
  silence.

Each part is trimmed as a recording is: its first and last frames are less than `top_db` below its own loudest one.

Spans are half open, in frames of the recording, in order, and do not overlap. Powers are float64, shape (analysis
frames,), full scale 1.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from thresher.signal.features.split_settings import SplitSettings
from thresher.signal.features.trim import MINIMUM_POWER, LevelMeter, Span
from thresher.signal.features.trim_settings import TrimSettings

MOST_PARTS = 10_000
"""A recording is not split into more parts than this on a grid."""

CLICK_SECONDS = 0.02
"""Shorter sounds are clicks."""

QUIET_SECONDS = 0.1
CONTRAST_DB = 12.0

# Sound that is interrupted for less than this is one sound when clicks and tails are looked for.
JOINED_SECONDS = 0.05

# The share of a passage's frames that do not exceed its quiet level.
QUIET_SHARE = 0.1

Exact = NDArray[np.float64]
Run = tuple[int, int]
"""The analysis frames from the first number up to the second, which is not included."""


def parts(meter: LevelMeter, sample_rate: int, settings: SplitSettings) -> tuple[Span, ...]:
    """Return the parts of the recording that `meter` has measured; none if there is nothing to split.

    That is so if it is silent or not finite, or is one sound or one cell as a whole. The cells of a grid cover all
    of its frames. Sounds lie within its trimmed span.
    """
    levels = meter.result()
    if not levels.span.frames:
        return ()
    if settings.silence is None:
        grid = cells(levels.frames, sample_rate, settings)
        return grid if len(grid) > 1 else ()
    hop = meter.settings.hop_length
    first = levels.span.start // hop
    found = sounds(meter.frame_powers(levels.span), sample_rate, meter.settings, settings.silence)
    spans = tuple(
        Span((first + start) * hop, min((first + end) * hop, levels.span.end)) for start, end in found
    )
    return () if spans == (levels.span,) else spans


def cell_count(frames: int, sample_rate: int, settings: SplitSettings) -> int:
    """Return how many cells a grid has over a recording, at most one too many."""
    if settings.every is not None:
        return int(frames / (settings.every * sample_rate)) + 1
    return min(frames, settings.count or 0)


def cells(frames: int, sample_rate: int, settings: SplitSettings) -> tuple[Span, ...]:
    """Return the cells of a grid over a recording; they cover all of its frames, and none is empty."""
    if settings.count is not None:
        count = settings.count
        bounds = [(2 * frames * index + count) // (2 * count) for index in range(count + 1)]
    elif settings.every is not None:
        length = settings.every * sample_rate
        inner = range(1, int(frames / length) + 1)
        bounds = [0, *(min(frames, round(index * length)) for index in inner), frames]
    else:
        raise ValueError(f"not a grid: {settings.words}")
    return tuple(Span(start, end) for start, end in pairwise(bounds) if end > start)


def sounds(powers: Exact, sample_rate: int, trim: TrimSettings, silence: float) -> list[Run]:
    """Return the runs of analysis frames that sound, between silences longer than `silence` seconds."""
    floor = 10.0 ** (trim.floor_db / 10.0)
    relative = 10.0 ** (-trim.top_db / 10.0)
    loudest_silence = max(powers.max() * relative, floor)
    loud = _without_clicks(powers > loudest_silence, sample_rate, trim)
    without_clicks = np.where(powers > loudest_silence, MINIMUM_POWER, powers)
    longest = _frames(silence, sample_rate, trim)
    runs: list[Run] = []
    for run in loud:
        if runs and run[0] - runs[-1][1] > longest:
            runs += _quiet_sounds(without_clicks, (runs[-1][1], run[0]), longest, sample_rate, trim)
        runs.append(run)
    found = []
    for group in _groups(runs, longest):
        start, end = group[0][0], group[-1][1]
        first, last = _trimmed(powers, (start, end), relative, floor)
        # Up to the ends of the recording, which is trimmed, clicks belong to the sound.
        found.append(
            (
                0 if start <= longest else first,
                len(powers) if len(powers) - end <= longest else last,
            )
        )
    return found


def _quiet_sounds(
    powers: Exact, passage: Run, longest: float, sample_rate: int, trim: TrimSettings
) -> list[Run]:
    """Return the quiet sounds in a passage between two sounds, and if there are any, the tails beside them.

    Silences of at most `longest` frames do not divide a sound.
    """
    start, end = passage
    inside = powers[start:end]
    least = QUIET_SECONDS * sample_rate / trim.hop_length
    # Means over this time move with music, but hardly with the waves of hum and rumble.
    length = min(len(inside), max(1, round(JOINED_SECONDS * sample_rate / trim.hop_length)))
    means = np.convolve(inside, np.full(length, 1.0 / length), "same")
    quiet = np.partition(means, int(QUIET_SHARE * len(means)))[int(QUIET_SHARE * len(means))]
    threshold = max(quiet * 10.0 ** (CONTRAST_DB / 10.0), 10.0 ** (trim.floor_db / 10.0))
    found = [
        (start + first, start + last) for first, last in _without_clicks(means > threshold, sample_rate, trim)
    ]
    found = [
        run for group in _groups(found, longest) if sum(b - a for a, b in group) >= least for run in group
    ]
    near = _frames(JOINED_SECONDS, sample_rate, trim)
    has_sound = any((first - start > near) == (end - last > near) for first, last in found)
    return found if has_sound else []


def _without_clicks(loud: NDArray[np.bool_], sample_rate: int, trim: TrimSettings) -> list[Run]:
    """Return the runs of loud frames that are longer than a click; runs close to each other are joined before."""
    changes = np.flatnonzero(np.diff(loud, prepend=False, append=False))
    starts, ends = changes[::2], changes[1::2]
    apart = starts[1:] - ends[:-1] > _frames(JOINED_SECONDS, sample_rate, trim)
    starts = starts[np.concatenate((np.ones(min(1, len(starts)), bool), apart))]
    ends = ends[np.concatenate((apart, np.ones(min(1, len(ends)), bool)))]
    # A sound of n samples is heard in the frames that begin up to a frame's length before it.
    least = (CLICK_SECONDS * sample_rate + trim.frame_length) / trim.hop_length
    kept = ends - starts > least
    return list(zip(starts[kept].tolist(), ends[kept].tolist(), strict=True))


def _groups(runs: list[Run], longest: float) -> list[list[Run]]:
    """Group runs with at most `longest` frames between each and the next."""
    groups: list[list[Run]] = []
    for run in runs:
        if groups and run[0] - groups[-1][-1][1] <= longest:
            groups[-1].append(run)
        else:
            groups.append([run])
    return groups


def _trimmed(powers: Exact, run: Run, relative: float, floor: float) -> Run:
    inside = powers[run[0] : run[1]]
    loud = np.flatnonzero(inside > max(inside.max() * relative, floor))
    return run[0] + int(loud[0]), run[0] + int(loud[-1]) + 1


def _frames(seconds: float, sample_rate: int, trim: TrimSettings) -> float:
    """Return how many consecutive analysis frames, at most, lie in `seconds` of silence.

    The first of n frames begins half a frame before its hop, and the last one ends half a frame after it: together
    they cover n - 1 hops and a frame.
    """
    return (seconds * sample_rate - trim.frame_length) / trim.hop_length + 1
