"""What a clip is like, in numbers that somebody can ask for: silence, range, clipping, noise, loops, pulse.

Each has a module of its own; here they are put together. All are of the clip: the trimmed span of a recording.
What needs samples or spectra looks at the excerpts that descriptors are made of (`descriptors.analysed_spans`), two
minutes at most. No gain changes `noise`, `loop`, `loop_period`, `onset_rate` and `tempo`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thresher.signal.features.clipping import clipping
from thresher.signal.features.descriptors import EXCERPT_SECONDS
from thresher.signal.features.loops import find_loop
from thresher.signal.features.noise import noisiness
from thresher.signal.features.onsets import find_pulse
from thresher.signal.features.spectra import HOP, WINDOW, WORKING_RATE, Spectra
from thresher.signal.features.trim import Levels

Floats = NDArray[np.float32]

VERSION = 1
"""Changes whenever a measure of the same sound would."""


@dataclass(frozen=True)
class Measures:
    """What a clip is like; None where a measure is not defined.

    `silence`: share of its analysis frames that are silent, 0 … 1. `loudness_range`: LU. `clipping`: share of its
    samples, 0 … 1. `noise`: spectral flatness, of noise about 1, of tones about 0. `dc_offset`: of full scale,
    without its sign. `loop`: how well it aligns with itself later, 0 … 1, and after how long, `loop_period`, in
    seconds. `onset_rate`: onsets per second. `tempo`: beats per minute.
    """

    silence: float
    loudness_range: float | None
    clipping: float
    noise: float | None
    dc_offset: float
    loop: float | None
    loop_period: float | None
    onset_rate: float | None
    tempo: float | None


def measure(
    blocks: Sequence[Floats],
    sr: int,
    spectra: Spectra,
    mel_levels: Floats,
    excerpts: int,
    levels: Levels,
    loudness_range: float | None,
) -> Measures:
    """The measures of a clip.

    `blocks`, float32, shape (frames, channels), at `sr` Hz, are its `excerpts`, one behind the other; `spectra` and
    `mel_levels` (`descriptors.mel_levels`) are those of their mono at the working rate. `levels` and
    `loudness_range` are those of the whole.
    """
    passages = split(mel_levels, excerpts)
    loop, pulse = find_loop(passages), find_pulse(passages)
    return Measures(
        silence=levels.silence,
        loudness_range=loudness_range,
        clipping=clipping(blocks),
        noise=noisiness(spectra, sr),
        dc_offset=levels.dc_offset,
        loop=loop.strength if loop else None,
        loop_period=loop.period if loop else None,
        onset_rate=pulse.onset_rate if pulse else None,
        tempo=pulse.tempo if pulse else None,
    )


def split(mel_levels: Floats, excerpts: int) -> list[Floats]:
    """The steps of each of so many excerpts of EXCERPT_SECONDS, without those that look across a transition.

    A single one, of any length, is given back as it is.
    """
    if excerpts == 1:
        return [mel_levels]
    length = EXCERPT_SECONDS * WORKING_RATE
    return [
        mel_levels[-(-length * index // HOP) : (length * (index + 1) - WINDOW) // HOP + 1]
        for index in range(excerpts)
    ]
