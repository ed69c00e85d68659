"""How much a clip repeats itself, and after how long: its mel levels laid over themselves at every lag.

A network that is stuck says the same phrase again and again. Levels are those of `descriptors.mel_levels`: dB,
float32, shape (steps, bands), a step every 32 ms; lags are in steps. What is compared is how each band departs
from its own mean, so that what never changes (a drone, a colour of noise) is no repetition.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thresher.signal.features.spectra import HOP, WORKING_RATE

Floats = NDArray[np.float32]

SHORTEST = 8  # steps, 0.26 s: closer than that, windows overlap and every sound is like itself
LONGEST_SHARE = 0.6  # of a passage: where still less of it overlaps, chance looks like likeness

QUIETEST = -45.0  # dB: how the tail of a sound leaks into empty bands says nothing

# dB² a band and step: where levels move less than this, there is nothing that could come again.
LEAST_VARIANCE = 0.25

# A shorter lag explains a repetition where it aligns nearly as well as the best one.
NEARLY = 0.85

# Under this, likeness at one lag says nothing: steady beats, chords that come back.
LEAST_LOOP = 0.3


@dataclass(frozen=True)
class Loop:
    """How well a clip aligns with itself, 0 … 1, and at what lag in seconds; None where it hardly does."""

    strength: float
    period: float | None


def find_loop(passages: list[Floats]) -> Loop | None:
    """The best alignment of a clip with itself; None where it is too short to tell.

    `passages` are its mel levels, float32, shape (steps, bands), one for each excerpt that was looked at: none is
    laid over another. The strength at a lag is the correlation there, less the lowest one before it where that is
    above 0: what a slow drift or a long sound has at every lag is not repetition.
    """
    longest = int(LONGEST_SHARE * min(len(levels) for levels in passages))
    if longest < SHORTEST + 2:
        return None
    heard = [np.maximum(levels, np.float32(QUIETEST)) for levels in passages]
    mean = np.concatenate(heard).mean(axis=0)
    correlation = autocorrelation([levels - mean for levels in heard], longest, LEAST_VARIANCE)
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
    """Correlation of `series`, each of shape (steps, bands), with themselves at lags 0 … `longest`, pooled.

    Products are divided by the energies of the two parts that lie over each other, and `least_variance` is added to
    these for each value. Every one of `series` has more than `longest` steps.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    lags = np.arange(longest + 1)
    products, heads, tails = np.zeros((3, longest + 1))
    for values in series:
        steps, bands = values.shape
        size = next_fast_len(steps + longest, real=True)
        transforms = rfft(np.ascontiguousarray(values.T), size, axis=1, workers=1)
        powers = (transforms.real**2 + transforms.imag**2).sum(axis=0)
        products += irfft(powers, size, workers=1)[: longest + 1]
        energies = np.concatenate([[0.0], np.cumsum(np.einsum("sb,sb->s", values, values), dtype=np.float64)])
        least = least_variance * bands * (steps - lags)
        heads += energies[steps - lags] + least
        tails += energies[-1] - energies[lags] + least
    correlation: NDArray[np.float64] = products / np.sqrt(np.maximum(heads * tails, 1e-30))
    return correlation


def peaks(values: NDArray[np.float64], first: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where `values`, shape (count,), peak from index `first` on, and how high: between samples, by parabolas."""
    left, middle, right = values[first - 1 : -2], values[first:-1], values[first + 1 :]
    at = np.flatnonzero((middle >= left) & (middle > right))
    left, middle, right = left[at], middle[at], right[at]
    offset = 0.5 * (left - right) / (left - 2.0 * middle + right)
    return first + at + offset, middle - 0.25 * (left - right) * offset
