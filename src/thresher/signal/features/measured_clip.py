"""What a measure may look at: a clip's samples, spectra and levels, and results that several measures share.

Samples and spectra cover the clip's excerpts: the whole clip up to two minutes, else the passages that
`descriptors.analysed_spans` chooses. Levels and loudness cover the whole clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from thresher.signal.features.descriptors import EXCERPT_SECONDS
from thresher.signal.features.loops import Loop, find_loop
from thresher.signal.features.onsets import Pulse, find_pulse
from thresher.signal.features.spectra import HOP, WINDOW, WORKING_RATE, Spectra
from thresher.signal.features.trim import Levels

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class MeasuredClip:
    """One decoded clip.

    `blocks` are the samples of its `excerpts`, in order of time: float32, shape (frames, channels), at `sr` Hz.
    `spectra` and `mel_levels` (see `descriptors.mel_levels`) are those of the excerpts' mono signal at the working
    rate. `loudness_range` is in LU.
    """

    blocks: Sequence[Floats]
    sr: int
    spectra: Spectra
    mel_levels: Floats
    excerpts: int
    levels: Levels
    loudness_range: float | None

    @cached_property
    def passages(self) -> list[Floats]:
        """The mel levels of each excerpt."""
        return split(self.mel_levels, self.excerpts)

    @cached_property
    def loop(self) -> Loop | None:
        """How the clip repeats itself; None if it is too short to tell."""
        return find_loop(self.passages)

    @cached_property
    def pulse(self) -> Pulse | None:
        """The clip's onsets and tempo; None if it is too short to tell."""
        return find_pulse(self.passages)


def split(mel_levels: Floats, excerpts: int) -> list[Floats]:
    """Split mel levels into those of each excerpt of EXCERPT_SECONDS.

    Frames whose window covers two excerpts are left out. A single excerpt, of any length, is returned unchanged.
    """
    if excerpts == 1:
        return [mel_levels]
    length = EXCERPT_SECONDS * WORKING_RATE
    return [
        mel_levels[-(-length * index // HOP) : (length * (index + 1) - WINDOW) // HOP + 1]
        for index in range(excerpts)
    ]
