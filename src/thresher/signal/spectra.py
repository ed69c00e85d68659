"""The one short-time Fourier transform behind a descriptor, and what is summed out of it.

`y` is float32, shape (frames,), mono, at WORKING_RATE; windows of WINDOW samples every HOP samples (32 ms) are the
steps. Powers are those of `y` with its variance brought to 1, so that gain and constant offset cancel.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

WORKING_RATE = 16_000
WINDOW = 2_048
HOP = 512
CHUNK_STEPS = 64  # their spectra stay in a core's cache
LOWEST_HZ, HIGHEST_HZ = 40.0, 7_200.0
STRIP_BANDS = 8

MEL_BANDS = 40

CONTRAST_EDGES = (LOWEST_HZ, 200.0, 400.0, 800.0, 1_600.0, 3_200.0, HIGHEST_HZ)
CONTRAST_SHARE = 0.1  # of a band's bins are its peaks, as many its valleys
CONTRAST_FLOOR = 1e-8

# Semitones from E2 (82 Hz) on; a pitch sounds where it stands out of the AROUND semitones it is the middle of.
LOWEST_MIDI, SEMITONES = 40, 60


def at_working_rate(y: Floats, sr: int) -> Floats:
    """Mono `y`, float32, shape (frames,), at WORKING_RATE instead of `sr` Hz; zeros make up a window."""
    if sr != WORKING_RATE:
        import soxr  # type: ignore[import-untyped, unused-ignore]

        y = soxr.resample(y, sr, WORKING_RATE)
    return np.pad(y, (0, WINDOW - y.size)) if y.size < WINDOW else y


def spectra(y: Floats) -> tuple[Floats, Floats, Floats]:
    """Power in mel bands and in semitones, and, of every other step, contrast in dB.

    Each is float32, shape (steps, bands); powers are those of `y` with its variance brought to 1.
    """
    from scipy.fft import rfft

    windows = np.lib.stride_tricks.sliding_window_view(y, WINDOW)[::HOP]
    power = float(np.dot(y, y)) / y.size - float(y.mean()) ** 2
    gain = 1.0 / np.sqrt(power) if 0.0 < power < np.inf else 0.0
    window = (gain * np.hanning(WINDOW + 1)[:-1]).astype(np.float32)
    mel, semitones = _strips(mel_filters), _strips(semitone_filters)
    bands = np.empty((len(windows), MEL_BANDS), np.float32)
    pitches = np.empty((len(windows), SEMITONES), np.float32)
    contrast = []
    for start in range(0, len(windows), CHUNK_STEPS):
        chunk = slice(start, start + CHUNK_STEPS)
        transforms = rfft(windows[chunk] * window, axis=1, workers=1, overwrite_x=True)
        powers = transforms.real**2
        powers += transforms.imag**2
        for strip in mel:
            bands[chunk, strip.bands] = powers[:, strip.bins] @ strip.weights
        for strip in semitones:
            pitches[chunk, strip.bands] = powers[:, strip.bins] @ strip.weights
        # Windows overlap by three quarters: every other one will do for what costs a sort.
        contrast.append(_contrast(powers[::2]))
    return bands, pitches, np.concatenate(contrast)


def _contrast(powers: Floats) -> Floats:
    """How far the strongest bins of each band lie above its weakest, in dB; (steps, bins) → (steps, bands).

    D. Jiang et al., "Music type classification by spectral contrast feature", ICME 2002.
    """
    floor = np.float32(CONTRAST_FLOOR * WINDOW * WINDOW)
    edges = [round(edge * WINDOW / WORKING_RATE) for edge in CONTRAST_EDGES]
    bands = np.empty((len(powers), len(edges) - 1), np.float32)
    for band, (low, high) in enumerate(itertools.pairwise(edges)):
        ordered = np.sort(powers[:, low:high], axis=1)
        count = max(1, round(CONTRAST_SHARE * (high - low)))
        peaks, valleys = ordered[:, -count:].mean(axis=1), ordered[:, :count].mean(axis=1)
        bands[:, band] = 10.0 * np.log10((peaks + floor) / (valleys + floor))
    return bands


@dataclass(frozen=True, eq=False)
class Strip:
    """Neighbouring columns of a filter bank, and only the bins that they need.

    Products with these are faster than with the whole bank, and so small that BLAS starts no threads, which
    would only fight with the other workers for their cores.
    """

    bins: slice
    bands: slice
    weights: Floats


@cache
def _strips(filters: Callable[[], Floats]) -> tuple[Strip, ...]:
    bank = filters()
    strips = []
    for first in range(0, bank.shape[1], STRIP_BANDS):
        bands = slice(first, first + STRIP_BANDS)
        used = np.flatnonzero(bank[:, bands].any(axis=1))
        bins = slice(int(used[0]), int(used[-1]) + 1)
        strips.append(Strip(bins, bands, np.ascontiguousarray(bank[bins, bands])))
    return tuple(strips)


def mel_filters() -> Floats:
    """Triangular mel bands over the bins of a spectrum up to HIGHEST_HZ: float32, shape (bins, MEL_BANDS).

    Each peaks at 1. The mel scale is that of M. Slaney, "Auditory Toolbox" (1998): linear to 1 kHz, then
    logarithmic.
    """
    hz = np.arange(int(HIGHEST_HZ * WINDOW / WORKING_RATE) + 1) * WORKING_RATE / WINDOW
    highest = 15.0 + 27.0 * np.log(HIGHEST_HZ / 1_000.0) / np.log(6.4)
    mel = np.linspace(LOWEST_HZ * 3.0 / 200.0, highest, MEL_BANDS + 2)
    corners = np.where(mel < 15.0, mel * 200.0 / 3.0, 1_000.0 * 6.4 ** ((mel - 15.0) / 27.0))
    rising = (hz[:, None] - corners[:-2]) / np.diff(corners)[:-1]
    falling = (corners[2:] - hz[:, None]) / np.diff(corners)[1:]
    weights: Floats = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    return weights


def semitone_filters() -> Floats:
    """Triangular semitones over the bins of a spectrum up to the highest: float32, shape (bins, SEMITONES).

    Each peaks at 1 at its own pitch, where A4 is 440 Hz.
    """
    midi = LOWEST_MIDI + np.arange(SEMITONES)
    highest = 440.0 * 2.0 ** ((midi[-1] + 1 - 69) / 12.0)
    hz = np.arange(int(highest * WINDOW / WORKING_RATE) + 1) * WORKING_RATE / WINDOW
    distance = 69.0 + 12.0 * np.log2(np.maximum(hz, 1.0) / 440.0)[:, None] - midi
    weights: Floats = np.maximum(0.0, 1.0 - np.abs(distance)).astype(np.float32)
    return weights
