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

import numpy as np
from numpy.typing import NDArray

from thresher.signal.features.trim_settings import TrimSettings

Exact = NDArray[np.float64]

# Half a period of a square wave is steady, too, so a pause is longer than that of any tone.
PAUSE = 2_048

# A short run at an end is no pause, but half a period, if its mean is farther from the signal's than this share of
# the loudest frame's amplitude.
NEAR = 0.5


def frame_offsets(sums: Exact, energies: Exact, samples: Exact, mean: float, settings: TrimSettings) -> Exact:
    """Return the offset of each analysis frame, full scale 1: float64, shape (frames,).

    `sums` and `energies` are the sums of the samples of each frame and of their squares, `samples` the numbers of
    samples, each of shape (frames,). `mean` is the mean of the signal.
    """
    floor, means = 10.0 ** (settings.floor_db / 20.0), sums / samples
    variations = energies - sums * means
    threshold = max(
        float(variations.max()) * 10.0 ** (-settings.top_db / 10.0), floor * floor * settings.frame_length
    )
    loudest = float((energies - mean * (2.0 * sums - mean * samples)).max()) / settings.frame_length
    is_near = (means - mean) ** 2 <= NEAR * NEAR * max(loudest, 0.0)
    starts, ends = _pauses(variations <= threshold, is_near, -(-PAUSE // settings.hop_length))
    if not len(starts):
        return np.full(len(sums), mean if abs(mean) > floor else 0.0)
    lengths = ends - starts
    frames = np.repeat(starts - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    before, after = frames - np.repeat(starts, lengths), np.repeat(ends, lengths) - 1 - frames
    half = PAUSE // (2 * settings.hop_length)
    around = _means_around(means, frames, np.minimum(before, half), np.minimum(after, half))
    if around.max() - around.min() <= floor:
        offset = float(sums[frames].sum() / samples[frames].sum())
        return np.full(len(sums), offset if abs(offset) > floor else 0.0)
    # Windows of equal length on both sides have no bias at the ends of a pause.
    sides = np.minimum(np.minimum(before, after), half)
    return np.interp(np.arange(len(sums)), frames, _means_around(means, frames, sides, sides))


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
    values: Exact, at: NDArray[np.intp], before: NDArray[np.intp], after: NDArray[np.intp]
) -> Exact:
    """Return the means of `values` from `before` places before each index in `at` to `after` places after it."""
    total = np.concatenate(([0.0], np.cumsum(values)))
    first, last = at - before, at + after + 1
    means: Exact = (total[last] - total[first]) / (last - first)
    return means
