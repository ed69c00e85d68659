"""The one short-time Fourier transform behind descriptor and measures, and what is summed out of it.

`y` is float32, shape (frames,), mono, at WORKING_RATE; windows of WINDOW samples every HOP samples (32 ms) are the
steps. Powers are those of `y` with its variance brought to 1, so that gain and constant offset cancel.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
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

# Octaves: narrow enough for the colour of noise not to matter, wide enough at the bottom for some bins. Finer at
# the top, so that where a sample rate or a codec ends all sound it does so within a band of little weight.
FLATNESS_EDGES = (LOWEST_HZ, 90.0, 200.0, 400.0, 800.0, 1.6e3, 2.4e3, 3.2e3, 4e3, 5e3, 6e3, HIGHEST_HZ)

LOG_FLOOR = 1e-12  # added to powers before their logarithm is taken

# Semitones from E2 (82 Hz) on; a pitch sounds where it stands out of the AROUND semitones it is the middle of.
LOWEST_MIDI, SEMITONES = 40, 60


def at_working_rate(y: Floats, sr: int) -> Floats:
    """Mono `y`, float32, shape (frames,), at WORKING_RATE instead of `sr` Hz; zeros make up a window."""
    if sr != WORKING_RATE:
        import soxr  # type: ignore[import-untyped, unused-ignore]

        y = soxr.resample(y, sr, WORKING_RATE)
    return np.pad(y, (0, WINDOW - y.size)) if y.size < WINDOW else y


@dataclass(frozen=True, eq=False)
class Spectra:
    """What every analysis sums out of the transform; powers are those of a signal with its variance brought to 1.

    `mel`: float32, shape (steps, MEL_BANDS), power in mel bands. Of every other step, in the bands between
    FLATNESS_EDGES, float32, shape (ceil(steps / 2), bands): `means`, the mean power of a band's bins, and
    `log_means`, the mean of their natural logarithms.
    """

    mel: Floats
    means: Floats
    log_means: Floats


@dataclass(frozen=True, eq=False)
class DescribedSpectra(Spectra):
    """What a descriptor needs besides: power in `semitones`, shape (steps, SEMITONES), and of every other step the
    `contrast` of the bands between CONTRAST_EDGES in dB; float32."""

    semitones: Floats
    contrast: Floats


def spectra(y: Floats) -> Spectra:
    """The spectra of `y`, float32, shape (frames,), at WORKING_RATE, at least one window."""
    bands = _Banded(y)
    for chunk, powers in _transformed(y):
        bands.take(chunk, powers)
    return Spectra(bands.mel, np.concatenate(bands.means), np.concatenate(bands.log_means))


def described_spectra(y: Floats) -> DescribedSpectra:
    """The spectra of `y`, as `spectra` gives them, and what only a descriptor needs."""
    bands, strips = _Banded(y), _strips(semitone_filters)
    semitones = np.empty((len(bands.mel), SEMITONES), np.float32)
    contrast = []
    for chunk, powers in _transformed(y):
        bands.take(chunk, powers)
        for strip in strips:
            semitones[chunk, strip.bands] = powers[:, strip.bins] @ strip.weights
        # Windows overlap by three quarters: every other one will do for what costs a sort.
        contrast.append(_contrast(powers[::2]))
    means, log_means = np.concatenate(bands.means), np.concatenate(bands.log_means)
    return DescribedSpectra(bands.mel, means, log_means, semitones, np.concatenate(contrast))


def decibels(powers: Floats, floor: float) -> Floats:
    """Levels relative to the mean of all of `powers`, in dB, none below `floor`."""
    mean = float(powers.mean())
    levels: Floats = np.float32(10.0) * np.log10(powers / np.float32(mean or 1.0) + np.float32(floor))
    return levels


def _windows(y: Floats) -> Floats:
    return np.lib.stride_tricks.sliding_window_view(y, WINDOW)[::HOP]


def _transformed(y: Floats) -> Iterator[tuple[slice, Floats]]:
    """Power spectra of `y`, its variance brought to 1, by CHUNK_STEPS: which steps, and powers (steps, bins)."""
    from scipy.fft import rfft

    windows = _windows(y)
    power = float(np.dot(y, y)) / y.size - float(y.mean()) ** 2
    gain = 1.0 / np.sqrt(power) if 0.0 < power < np.inf else 0.0
    window = (gain * np.hanning(WINDOW + 1)[:-1]).astype(np.float32)
    for start in range(0, len(windows), CHUNK_STEPS):
        chunk = slice(start, start + CHUNK_STEPS)
        transforms = rfft(windows[chunk] * window, axis=1, workers=1, overwrite_x=True)
        powers = transforms.real**2
        powers += transforms.imag**2
        yield chunk, powers


class _Banded:
    """Collects what `Spectra` holds, chunk by chunk."""

    def __init__(self, y: Floats) -> None:
        self.mel = np.empty((len(_windows(y)), MEL_BANDS), np.float32)
        self.means: list[Floats] = []
        self.log_means: list[Floats] = []
        self._strips = _strips(mel_filters)
        self._edges = np.array(_bins(FLATNESS_EDGES))
        self._widths = np.diff(self._edges).astype(np.float32)

    def take(self, chunk: slice, powers: Floats) -> None:
        """Take the power spectra, shape (steps, bins), of the steps in `chunk`."""
        for strip in self._strips:
            self.mel[chunk, strip.bands] = powers[:, strip.bins] @ strip.weights
        first, last = self._edges[0], self._edges[-1]
        used = powers[::2, first:last]
        starts = self._edges[:-1] - first
        logs = np.log(used + np.float32(LOG_FLOOR))
        for kept, values in ((self.means, used), (self.log_means, logs)):
            sums: Floats = np.add.reduceat(values, starts, axis=1)
            kept.append(sums / self._widths)


def _bins(edges: tuple[float, ...]) -> list[int]:
    """Edges of bands in Hz as bins of a spectrum."""
    return [round(edge * WINDOW / WORKING_RATE) for edge in edges]


def _contrast(powers: Floats) -> Floats:
    """How far the strongest bins of each band lie above its weakest, in dB; (steps, bins) → (steps, bands).

    D. Jiang et al., "Music type classification by spectral contrast feature", ICME 2002.
    """
    floor = np.float32(CONTRAST_FLOOR * WINDOW * WINDOW)
    edges = _bins(CONTRAST_EDGES)
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
