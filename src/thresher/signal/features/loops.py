"""Find whether a clip loops, and with which period, by the autocorrelation of its mel levels.

A generator that is stuck repeats the same phrase. Levels are those of `descriptors.mel_levels`: dB, float32,
shape (steps, bands), one step every 32 ms. Lags are in steps. Each band is compared relative to its own mean,
so that constant sounds (a drone, stationary noise) do not count as loops.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thresher.signal.features.spectra import HOP, WORKING_RATE
from thresher.signal.features.transforms import fast_size, irfft, rfft

Floats = NDArray[np.float32]

SHORTEST = (
    8  # the shortest lag in steps, 0.26 s; at shorter ones the windows overlap, and every sound correlates
)
LONGEST_SHARE = (
    0.6  # the longest lag as a share of a passage; at longer ones high correlations occur by chance
)

QUIETEST = -45.0  # levels are raised to this (dB), so that leakage into empty bands does not count

# Added to the variance, in dB² per band and step: smaller movements of the levels are not a pattern.
LEAST_VARIANCE = 0.25

# The period is the shortest lag that has at least this share of the highest strength.
NEARLY = 0.85

# Lower strengths are not a loop: steady beats or returning chords reach them.
LEAST_LOOP = 0.3


@dataclass(frozen=True)
class Loop:
    """How strongly a clip repeats itself, in [0, 1], and its period in seconds, None below LEAST_LOOP."""

    strength: float
    period: float | None


def find_loop(passages: list[Floats]) -> Loop | None:
    """Find the strongest repetition in a clip; return None if the clip is too short.

    `passages` are its mel levels, float32, shape (steps, bands), one array for each analysed excerpt. Each is
    compared with itself only. The strength of a lag is the correlation at that lag minus the lowest correlation
    at shorter lags, if that is positive: slow drifts and long sounds correlate at all lags, which is not
    repetition.
    """
    longest = int(LONGEST_SHARE * min(len(levels) for levels in passages))
    if longest < SHORTEST + 2:
        return None
    audible = [np.maximum(levels, np.float32(QUIETEST)) for levels in passages]
    mean = np.concatenate(audible).mean(axis=0)
    correlation = autocorrelation([levels - mean for levels in audible], longest, LEAST_VARIANCE)
    lags, heights = peaks(correlation, SHORTEST)
    if not lags.size:
        return Loop(0.0, None)
    lowest = np.maximum(0.0, np.minimum.accumulate(correlation))
    strengths = heights - lowest[np.rint(lags).astype(int)]
    best = float(strengths.max())
    if not best > 0.0:
        return Loop(0.0, None)
    lag = float(lags[np.flatnonzero(strengths >= NEARLY * best)[0]])
    strength = min(1.0, best)
    return Loop(strength, lag * HOP / WORKING_RATE if strength >= LEAST_LOOP else None)


def autocorrelation(series: list[Floats], longest: int, least_variance: float) -> NDArray[np.float64]:
    """Return the pooled autocorrelation of several series at the lags 0 … `longest`: shape (`longest` + 1,).

    Each of `series` has the shape (steps, bands) and more than `longest` steps. The products at a lag are
    divided by the geometric mean of the energies of the two overlapping parts. `least_variance` is added to
    these energies for each value.
    """
    lags = np.arange(longest + 1)
    products, heads, tails = np.zeros((3, longest + 1))
    for values in series:
        steps, bands = values.shape
        size = fast_size(steps + longest)
        transforms = rfft(np.ascontiguousarray(values.T), size)
        powers = (transforms.real**2 + transforms.imag**2).sum(axis=0)
        products += irfft(powers, size)[: longest + 1]
        energies = np.concatenate([[0.0], np.cumsum(np.einsum("sb,sb->s", values, values), dtype=np.float64)])
        least = least_variance * bands * (steps - lags)
        heads += energies[steps - lags] + least
        tails += energies[-1] - energies[lags] + least
    correlation: NDArray[np.float64] = products / np.sqrt(np.maximum(heads * tails, 1e-30))
    return correlation


def peaks(values: NDArray[np.float64], first: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the positions and heights of the local maxima of `values` from index `first` on.

    `values` has the shape (count,). Positions and heights are interpolated by parabolas through three samples.
    """
    left, middle, right = values[first - 1 : -2], values[first:-1], values[first + 1 :]
    at = np.flatnonzero((middle >= left) & (middle > right))
    left, middle, right = left[at], middle[at], right[at]
    offset = 0.5 * (left - right) / (left - 2.0 * middle + right)
    return first + at + offset, middle - 0.25 * (left - right) * offset
