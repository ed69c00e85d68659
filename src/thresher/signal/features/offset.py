"""Find the constant offset of a signal: the level around which its silence lies.

Analysis frames are those of `trim.LevelMeter`. A frame is *steady* if its power about its own mean is silent:
`top_db` below that of the loudest frame, or below `floor_db`. A *pause* is a run of steady frames: of at least
PAUSE frames of audio, or of any length at an end of the signal, with a mean near that of the signal.

The offset is the mean of the pauses, because sound can have another mean than the silence around it. Without a
pause it is the mean of the signal. Up to `floor_db` it counts as zero. But if it changes by more than `floor_db`,
within a pause or from one to the next, it is followed: in a pause it is the mean of the PAUSE frames of audio
around each analysis frame, and between two pauses it changes linearly.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from thresher.signal.features.trim_settings import TrimSettings

Exact = NDArray[np.float64]

# Half a period of a square wave is steady, too, so a pause is longer than that of any tone.
PAUSE = 2_048

# A short run at an end is not a pause, but half a period, if its mean is farther from the signal's than this share
# of the loudest frame's amplitude.
NEAR = 0.5

# Frames whose offsets are computed at a time, so that hours of audio need little memory.
PORTION = 65_536


def frame_offsets(sums: Exact, energies: Exact, samples: Exact, mean: float, settings: TrimSettings) -> Exact:
    """Return the offset of each analysis frame, full scale 1: float64, shape (frames,).

    `sums` and `energies` are the sums of the samples of each frame and of their squares, `samples` the numbers of
    samples, each of shape (frames,). `mean` is the mean of the signal.
    """
    floor, means = 10.0 ** (settings.floor_db / 20.0), sums / samples
    steady = _steady(sums, energies, means, settings)
    near = _near(sums, energies, samples, means, mean, settings)
    starts, ends = _pauses(steady, near, -(-PAUSE // settings.hop_length))
    if not len(starts):
        return np.full(len(sums), mean if abs(mean) > floor else 0.0)
    total = np.concatenate(([0.0], np.cumsum(means)))
    half = PAUSE // (2 * settings.hop_length)
    lowest, highest = np.inf, -np.inf
    for frames, before, after in _paused(starts, ends):
        around = _means_around(total, frames, np.minimum(before, half), np.minimum(after, half))
        lowest, highest = min(lowest, around.min()), max(highest, around.max())
    if highest - lowest <= floor:
        changes = np.zeros(len(sums) + 1, np.int8)
        changes[starts], changes[ends] = 1, -1
        paused = np.cumsum(changes[:-1], dtype=np.int8).view(bool)
        offset = float(sums[paused].sum() / samples[paused].sum())
        return np.full(len(sums), offset if abs(offset) > floor else 0.0)
    places, offsets = [], []
    for frames, before, after in _paused(starts, ends):
        # Windows of equal length on both sides have no bias at the ends of a pause.
        sides = np.minimum(np.minimum(before, after), half)
        places.append(frames)
        offsets.append(_means_around(total, frames, sides, sides))
    return np.interp(np.arange(len(sums)), np.concatenate(places), np.concatenate(offsets))


def _steady(sums: Exact, energies: Exact, means: Exact, settings: TrimSettings) -> NDArray[np.bool_]:
    """Return which frames are steady."""
    variations = sums * means
    np.subtract(energies, variations, out=variations)
    relative = float(variations.max()) * 10.0 ** (-settings.top_db / 10.0)
    floor = 10.0 ** (settings.floor_db / 20.0)
    threshold = max(relative, floor * floor * settings.frame_length)
    is_steady: NDArray[np.bool_] = variations <= threshold
    return is_steady


def _near(
    sums: Exact, energies: Exact, samples: Exact, means: Exact, mean: float, settings: TrimSettings
) -> NDArray[np.bool_]:
    """Return the means of which frames are near that of the signal."""
    powers = samples * mean
    np.subtract(2.0 * sums, powers, out=powers)
    powers *= mean
    np.subtract(energies, powers, out=powers)
    loudest = float(powers.max()) / settings.frame_length
    np.subtract(means, mean, out=powers)
    np.square(powers, out=powers)
    is_near: NDArray[np.bool_] = powers <= NEAR * NEAR * max(loudest, 0.0)
    return is_near


def _paused(
    starts: NDArray[np.intp], ends: NDArray[np.intp]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]]:
    """Yield the frames of all pauses, in portions, and for each how many are before and after it in its pause."""
    counts = np.cumsum(ends - starts)
    for first in range(0, int(counts[-1]), PORTION):
        index = np.arange(first, min(first + PORTION, int(counts[-1])))
        pause = np.searchsorted(counts, index, "right")
        after = counts[pause] - 1 - index
        frames = ends[pause] - 1 - after
        yield frames, frames - starts[pause], after


def _pauses(
    steady: NDArray[np.bool_], is_near: NDArray[np.bool_], least: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where pauses start and end: runs of at least `least` steady frames, and those at the ends."""
    changes = np.flatnonzero(np.diff(steady, prepend=False, append=False))
    starts, ends = changes[::2], changes[1::2]
    at_end = ((starts == 0) | (ends == len(steady))) & is_near[starts] & is_near[ends - 1]
    is_pause = (ends - starts >= least) | at_end
    return starts[is_pause], ends[is_pause]


def _means_around(
    total: Exact, at: NDArray[np.intp], before: NDArray[np.intp], after: NDArray[np.intp]
) -> Exact:
    """Return the means of values from `before` places before each index in `at` to `after` places after it.

    `total` holds the sums of the values before each place.
    """
    first, last = at - before, at + after + 1
    means: Exact = (total[last] - total[first]) / (last - first)
    return means
