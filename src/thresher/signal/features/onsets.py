"""Onset rate and tempo of a clip, from rises of its mel levels.

Levels are those of `descriptors.mel_levels`: dB relative to the mean power, float32, shape (steps, bands), one
step every 32 ms. Onset strength is the mean rise of the bands from one step to the next, in dB (S. Böck and G.
Widmer, "Maximum filter vibrato suppression for onset detection", DAFx 2013, without the filter).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thresher.signal.features.loops import autocorrelation, peaks
from thresher.signal.features.spectra import HOP, WORKING_RATE

Floats = NDArray[np.float32]

QUIETEST = -40.0  # levels are raised to this (dB): changes below it are not heard as onsets
AROUND = 31  # steps, 1 s: an onset exceeds the mean strength around it
LEAST_RISE = 2.0  # the least excess over that mean, in dB
APART = 3  # the least distance between onsets, in steps (96 ms)

SLOWEST, FASTEST = 40.0, 240.0  # beats per minute
CENTRE = 120.0
OCTAVES = 0.9  # the standard deviation of the preference for tempi near CENTRE
LEAST_PULSE = 0.25  # the least autocorrelation of the onset strength at the lag of a beat
LEAST_RATE = 0.5  # the least onsets per second for a tempo
MULTIPLES = (2, 3, 4)  # multiples of a beat whose peaks refine its length

STEPS_PER_SECOND = WORKING_RATE / HOP
ENTERS = 0.091  # seconds from the start of the window in which an onset is strongest to the onset, on average


@dataclass(frozen=True)
class Pulse:
    """Onsets per second, and the tempo in beats per minute, None if no beat is clear."""

    onset_rate: float
    tempo: float | None


def find_pulse(passages: list[Floats]) -> Pulse | None:
    """Find the onset rate and the tempo of a clip; return None if the clip is too short.

    `passages` are its mel levels, float32, shape (steps, bands), one array for each analysed excerpt.
    """
    strengths = [onset_strength(levels) for levels in passages if len(levels) > 1]
    steps = sum(map(len, strengths))
    if not steps:
        return None
    rate = sum(count_onsets(strength) for strength in strengths) * STEPS_PER_SECOND / steps
    return Pulse(rate, find_tempo(strengths) if rate >= LEAST_RATE else None)


def onset_strength(levels: Floats) -> Floats:
    """Return the mean rise of the bands in dB at each step except the first, shape (steps - 1,)."""
    audible = np.maximum(levels, np.float32(QUIETEST))
    rises: Floats = np.maximum(np.diff(audible, axis=0), np.float32(0.0)).mean(axis=1)
    return rises


def count_onsets(strength: Floats) -> int:
    """Count the onsets in `strength`, shape (steps,)."""
    return len(onset_steps(strength))


def onset_steps(strength: Floats) -> NDArray[np.intp]:
    """Return the places of the onsets in `strength`, shape (steps,), ascending.

    An onset is a peak that exceeds the mean around it by LEAST_RISE and has no higher peak within APART steps.
    """
    half = AROUND // 2
    sums = np.cumsum(np.pad(strength, (half + 1, half)), dtype=np.float64)
    around = (sums[AROUND:] - sums[:-AROUND]) / AROUND
    near = np.lib.stride_tricks.sliding_window_view(np.pad(strength, APART - 1), 2 * APART - 1)
    # of several equal peaks, the first counts
    highest = near[:, : APART - 1].max(axis=1) < strength
    highest &= near[:, APART:].max(axis=1) <= strength
    return np.flatnonzero(highest & (strength > around + LEAST_RISE))


def onset_times(levels: Floats) -> NDArray[np.float64]:
    """Return the times of the onsets of mel levels in seconds, to about 25 ms; levels are those of one passage."""
    if len(levels) < 2:
        return np.zeros(0)
    times: NDArray[np.float64] = (onset_steps(onset_strength(levels)) + 1) / STEPS_PER_SECOND + ENTERS
    return times


def find_tempo(strengths: list[Floats]) -> float | None:
    """Return the tempo in beats per minute; None if no beat is clear or the clip is too short for two fast beats.

    The beat is the lag with the highest autocorrelation of the onset strength, weighted by a log-normal
    preference for tempi near CENTRE (D. Ellis, "Beat Tracking by Dynamic Programming", Journal of New Music
    Research 36, 2007).
    """
    longest = min(int(MULTIPLES[-1] * 60.0 / SLOWEST * STEPS_PER_SECOND), min(map(len, strengths)) // 2)
    mean = np.float32(np.concatenate(strengths).mean())
    first = int(60.0 / FASTEST * STEPS_PER_SECOND)
    if longest < first + 2:
        return None
    correlation = autocorrelation([(strength - mean)[:, np.newaxis] for strength in strengths], longest, 1e-3)
    lags, heights = peaks(correlation, first)
    tempi = 60.0 * STEPS_PER_SECOND / lags
    weights = np.exp(-0.5 * (np.log2(tempi / CENTRE) / OCTAVES) ** 2)
    usable = (heights >= LEAST_PULSE) & (tempi >= SLOWEST) & (tempi <= FASTEST)
    if not usable.any():
        return None
    lag = float(lags[np.argmax(np.where(usable, heights * weights, -1.0))])
    for multiple in MULTIPLES:
        near = np.abs(lags - multiple * lag)
        if near.min() < 0.5 and heights[near.argmin()] >= LEAST_PULSE:
            lag = float(lags[near.argmin()]) / multiple
    return 60.0 * STEPS_PER_SECOND / lag
