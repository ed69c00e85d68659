"""The profile of a clip: what fingerprints leave out, absolute pitch and how fast the loudness moves.

Fingerprints fold octaves and normalise loudness, so two held notes an octave apart have equal ones. A profile is
uint8, shape (MODULATION_BANDS + segments · PITCH_BANDS,): powers in half decibels above FLOOR_DB.

1. `modulation`: the strongest line of the amplitude's spectrum in each of MODULATION_BANDS bands, a quarter of an
   octave wide, from 0.25 to 60 Hz. A line of depth d has the power d²; a steady sound has none.
2. `segments`: for each SEGMENT_SECONDS of the analysed excerpts (`descriptors.analysed_spans`), one after the
   other, the mean power in narrow bands: a bin of the spectrum or a quarter tone wide, from 40 Hz to 7.2 kHz.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thresher.signal.features.spectra import CHUNK_STEPS, HOP, PITCH_BANDS, WINDOW, WORKING_RATE, Spectra
from thresher.signal.features.transforms import fast_size, rfft

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

PROFILE_VERSION = 1
"""Increase it with every change that changes the profile of a sound."""

SEGMENT_SECONDS = CHUNK_STEPS * HOP / WORKING_RATE
FLOOR_DB = -110.0

MODULATION_BANDS = 32
MODULATION_EDGES = 0.25 * 2.0 ** (np.arange(MODULATION_BANDS + 1) / 4.0)
LEVEL_FRAMES = 128  # at the working rate: 125 levels per second
PADDING = (
    4  # the factor by which the spectrum of the levels is interpolated: lines between bins keep their power
)


@dataclass(frozen=True, eq=False)
class Profile:
    """A profile as powers: `modulation`, (MODULATION_BANDS,), and `segments`, (segments, PITCH_BANDS); float64."""

    modulation: NDArray[np.float64]
    segments: NDArray[np.float64]

    @classmethod
    def unpack(cls, packed: Bytes) -> Profile:
        """Return the powers of a stored profile."""
        powers = 10.0 ** ((packed / 2.0 + FLOOR_DB) / 10.0)
        return cls(powers[:MODULATION_BANDS], powers[MODULATION_BANDS:].reshape(-1, PITCH_BANDS))


def profile(y: Floats, spectra: Spectra) -> Bytes:
    """Return the profile of a mono signal at the working rate, float32, shape (frames,), from its spectra."""
    # The peak of a sine's spectrum is WINDOW / 4 times its amplitude.
    powers = spectra.pitches.ravel() / np.float32(WINDOW / 4) ** 2
    decibels = 10.0 * np.log10(np.concatenate([modulation(y), powers]) + 10.0 ** (FLOOR_DB / 10.0))
    found: Bytes = np.clip(np.rint(2.0 * (decibels - FLOOR_DB)), 0, 255).astype(np.uint8)
    return found


def modulation(y: Floats) -> NDArray[np.float64]:
    """Return the power of the strongest line in each modulation band: float64, shape (MODULATION_BANDS,)."""
    count = len(y) // LEVEL_FRAMES
    blocks = y[: count * LEVEL_FRAMES].reshape(count, LEVEL_FRAMES)
    levels = np.sqrt(np.einsum("bf,bf->b", blocks, blocks))
    mean = float(levels.mean())
    window = np.hanning(count)
    size = fast_size(PADDING * count)
    lines = rfft(((levels / (mean or 1.0) - 1.0) * window).astype(np.float32), size)
    powers = 4.0 * (lines.real**2 + lines.imag**2).astype(np.float64) / window.sum() ** 2
    edges = np.rint(MODULATION_EDGES * size * LEVEL_FRAMES / WORKING_RATE).astype(int)
    edges = np.maximum.accumulate(np.minimum(edges, len(powers) - 1))
    return np.array([powers[low : max(high, low + 1)].max() for low, high in itertools.pairwise(edges)])
