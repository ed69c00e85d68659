"""How often something starts in a clip, and at what tempo: from how the mel levels rise.

Levels are those of `descriptors.mel_levels`: dB relative to the mean power, float32, shape (steps, bands), a step
every 32 ms. Onset strength is the mean rise of the bands from step to step, in dB: S. Böck and G. Widmer, "Maximum
filter vibrato suppression for onset detection", DAFx 2013 (without the filter).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thresher.signal.features.loops import autocorrelation, peaks
from thresher.signal.features.spectra import HOP, WORKING_RATE

Floats = NDArray[np.float32]

QUIETEST = -40.0  # dB: what happens below is not heard as a start
AROUND = 31  # steps, 1 s, whose mean strength an onset stands out of
LEAST_RISE = 2.0  # dB above that mean
APART = 3  # steps, 96 ms between onsets at least

SLOWEST, FASTEST = 40.0, 240.0  # beats per minute
CENTRE = 120.0
OCTAVES = 0.9  # how wide preference of a tempo is about CENTRE
LEAST_PULSE = 0.25  # correlation of the onset strength a beat later
LEAST_RATE = 0.5  # onsets per second that make a pulse
MULTIPLES = (2, 3, 4)  # of a beat, by which its length is made out more exactly

STEPS_PER_SECOND = WORKING_RATE / HOP


@dataclass(frozen=True)
class Pulse:
    """Onsets per second, and beats per minute; None where there is no clear beat."""

    onset_rate: float
    tempo: float | None


def find_pulse(passages: list[Floats]) -> Pulse | None:
    """Onsets and tempo of a clip; None where it is too short to have any.

    `passages` are its mel levels, float32, shape (steps, bands), one for each excerpt that was looked at.
    """
    strengths = [onset_strength(levels) for levels in passages if len(levels) > 1]
    steps = sum(map(len, strengths))
    if not steps:
        return None
    rate = sum(count_onsets(strength) for strength in strengths) * STEPS_PER_SECOND / steps
    return Pulse(rate, find_tempo(strengths) if rate >= LEAST_RATE else None)


def onset_strength(levels: Floats) -> Floats:
    """Mean rise of the bands in dB at each step but the first, shape (steps - 1,)."""
    heard = np.maximum(levels, np.float32(QUIETEST))
    rises: Floats = np.maximum(np.diff(heard, axis=0), np.float32(0.0)).mean(axis=1)
    return rises


def count_onsets(strength: Floats) -> int:
    """How many onsets `strength`, (steps,), has: peaks that stand out by LEAST_RISE, APART from higher ones."""
    half = AROUND // 2
    sums = np.cumsum(np.pad(strength, (half + 1, half)), dtype=np.float64)
    around = (sums[AROUND:] - sums[:-AROUND]) / AROUND
    near = np.lib.stride_tricks.sliding_window_view(np.pad(strength, APART - 1), 2 * APART - 1)
    # the first of equal ones
    highest = near[:, : APART - 1].max(axis=1) < strength
    highest &= near[:, APART:].max(axis=1) <= strength
    return int(np.count_nonzero(highest & (strength > around + LEAST_RISE)))


def find_tempo(strengths: list[Floats]) -> float | None:
    """Beats per minute; None where no beat is clear or the clip is too short to have a fast one twice.

    The lag at which onset strength is most like itself, weighted by a log-normal preference about CENTRE: D. Ellis,
    "Beat Tracking by Dynamic Programming", Journal of New Music Research 36 (2007).
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
