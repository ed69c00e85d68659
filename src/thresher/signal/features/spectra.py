"""The short-time Fourier transform shared by descriptor and measures, reduced to bands.

The signal `y` is float32, shape (frames,), mono, at WORKING_RATE. There is a window of WINDOW samples every HOP
samples (32 ms); these are the steps. Powers are those of `y` normalised to a variance of 1, so that they do not
depend on gain or on a constant offset.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from thresher.signal.features.resample import resampled
from thresher.signal.features.transforms import rfft

Floats = NDArray[np.float32]

WORKING_RATE = 16_000
WINDOW = 2_048
HOP = 512
CHUNK_STEPS = 64  # steps transformed at a time: their spectra fit into a core's cache
LOWEST_HZ, HIGHEST_HZ = 40.0, 7_200.0
STRIP_BANDS = 8

MEL_BANDS = 40

QUARTER_TONE = 2.0 ** (1.0 / 24.0)

CONTRAST_EDGES = (LOWEST_HZ, 200.0, 400.0, 800.0, 1_600.0, 3_200.0, HIGHEST_HZ)
CONTRAST_SHARE = 0.1  # the share of a band's bins that are its peaks; the same number are its valleys
CONTRAST_FLOOR = 1e-8

# Octaves are narrow enough that the colour of noise hardly matters, and wide enough to contain some bins at the
# bottom. Bands are narrower at the top, so that the cut-off of a sample rate or a codec falls into a band of
# little weight.
FLATNESS_EDGES = (LOWEST_HZ, 90.0, 200.0, 400.0, 800.0, 1.6e3, 2.4e3, 3.2e3, 4e3, 5e3, 6e3, HIGHEST_HZ)

LOG_FLOOR = 1e-12  # added to powers before taking their logarithm

# The semitones start at E2 (82 Hz).
LOWEST_MIDI, SEMITONES = 40, 60


def at_working_rate(y: Floats, sr: int) -> Floats:
    """Resample mono `y`, float32, shape (frames,), from `sr` Hz to WORKING_RATE; pad it with zeros to a whole
    window."""
    return blocks_at_working_rate([y], sr)


def blocks_at_working_rate(blocks: Iterable[Floats], sr: int) -> Floats:
    """Do the same for a signal in blocks, and return it as one array."""
    parts = list(blocks if sr == WORKING_RATE else resampled(blocks, sr, WORKING_RATE))
    y = np.concatenate(parts) if parts else np.zeros(0, np.float32)  # a few frames may give none
    return np.pad(y, (0, WINDOW - y.size)) if y.size < WINDOW else y


@dataclass(frozen=True, eq=False)
class Spectra:
    """The spectra of a signal, reduced to the bands that every analysis needs; float32.

    `mel`, shape (steps, MEL_BANDS), is the power in mel bands. `means` and `log_means`, shape (ceil(steps / 2),
    bands), cover every other step and the bands between FLATNESS_EDGES: the mean power of a band's bins, and
    the mean of the natural logarithms of these powers. `pitches`, shape (ceil(steps / CHUNK_STEPS), PITCH_BANDS),
    is the mean power of CHUNK_STEPS steps in the narrow bands of `pitch_filters`.
    """

    mel: Floats
    means: Floats
    log_means: Floats
    pitches: Floats


@dataclass(frozen=True, eq=False)
class DescribedSpectra(Spectra):
    """Spectra with what only a descriptor needs; float32.

    `semitones`, shape (steps, SEMITONES), is the power in semitones. `contrast`, shape (ceil(steps / 2),
    bands), is the contrast of every other step in the bands between CONTRAST_EDGES, in dB.
    """

    semitones: Floats
    contrast: Floats


def spectra(y: Floats) -> Spectra:
    """Return the spectra of `y`, float32, shape (frames,), at WORKING_RATE, at least one window long."""
    bands = _Banded(y)
    for chunk, powers in _transformed(y):
        bands.take(chunk, powers)
    return Spectra(
        bands.mel, np.concatenate(bands.means), np.concatenate(bands.log_means), np.stack(bands.pitches)
    )


def described_spectra(y: Floats) -> DescribedSpectra:
    """Return the spectra of `y` as `spectra` does, with what a descriptor needs."""
    bands, strips = _Banded(y), _strips(semitone_filters)
    semitones = np.empty((len(bands.mel), SEMITONES), np.float32)
    highest = _bins(CONTRAST_EDGES)[-1]
    every_other = []
    for chunk, powers in _transformed(y):
        bands.take(chunk, powers)
        for strip in strips:
            semitones[chunk, strip.bands] = powers[:, strip.bins] @ strip.weights
        # Windows overlap by three quarters, so every other one is enough for the contrast, which has to sort bins.
        every_other.append(powers[::2, :highest].copy())
    means, log_means = np.concatenate(bands.means), np.concatenate(bands.log_means)
    contrast = _contrast(
        np.concatenate(every_other)
    )  # one sort of all windows takes half the time of a sort for each chunk
    return DescribedSpectra(bands.mel, means, log_means, np.stack(bands.pitches), semitones, contrast)


def decibels(powers: Floats, floor: float) -> Floats:
    """Return the levels of `powers` relative to their mean, in dB, with `floor` (a power ratio) added as a soft
    floor."""
    mean = float(powers.mean())
    levels: Floats = np.float32(10.0) * np.log10(powers / np.float32(mean or 1.0) + np.float32(floor))
    return levels


def _windows(y: Floats) -> Floats:
    return np.lib.stride_tricks.sliding_window_view(y, WINDOW)[::HOP]


def _transformed(y: Floats) -> Iterator[tuple[slice, Floats]]:
    """Yield the power spectra of `y`, normalised to a variance of 1: a slice of steps and their powers, (steps,
    bins)."""
    windows = _windows(y)
    power = float(np.dot(y, y)) / y.size - float(y.mean()) ** 2
    gain = 1.0 / np.sqrt(power) if 0.0 < power < np.inf else 0.0
    window = (gain * np.hanning(WINDOW + 1)[:-1]).astype(np.float32)
    for start in range(0, len(windows), CHUNK_STEPS):
        chunk = slice(start, start + CHUNK_STEPS)
        squares = rfft(windows[chunk] * window).view(np.float32)  # real and imaginary parts by turns
        np.square(squares, out=squares)
        yield chunk, squares[:, ::2] + squares[:, 1::2]


class _Banded:
    """Collect the bands of `Spectra`, chunk by chunk."""

    def __init__(self, y: Floats) -> None:
        self.mel = np.empty((len(_windows(y)), MEL_BANDS), np.float32)
        self.means: list[Floats] = []
        self.log_means: list[Floats] = []
        self.pitches: list[Floats] = []
        self._strips = _strips(mel_filters)
        self._edges = np.array(_bins(FLATNESS_EDGES))
        self._widths = np.diff(self._edges).astype(np.float32)

    def take(self, chunk: slice, powers: Floats) -> None:
        """Take the power spectra, shape (steps, bins), of the steps in `chunk`."""
        for strip in self._strips:
            self.mel[chunk, strip.bands] = powers[:, strip.bins] @ strip.weights
        self.pitches.append(powers.mean(axis=0)[: len(pitch_filters())] @ pitch_filters())
        first, last = self._edges[0], self._edges[-1]
        used = powers[::2, first:last]
        starts = self._edges[:-1] - first
        logs = np.log(used + np.float32(LOG_FLOOR))
        for kept, values in ((self.means, used), (self.log_means, logs)):
            sums: Floats = np.add.reduceat(values, starts, axis=1)
            kept.append(sums / self._widths)


def _bins(edges: tuple[float, ...]) -> list[int]:
    """Return band edges in Hz as bins of a spectrum."""
    return [round(edge * WINDOW / WORKING_RATE) for edge in edges]


def _contrast(powers: Floats) -> Floats:
    """Return by how many dB the strongest bins of each band exceed its weakest; (steps, bins) → (steps, bands).

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
    """Adjacent columns of a filter bank, and only the bins that they need.

    Products with strips are faster than with the whole bank. They are too small for BLAS to start threads,
    which would compete with the other workers for the cores.
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
    """Return triangular mel filters over the bins up to HIGHEST_HZ: float32, shape (bins, MEL_BANDS).

    Each has the peak 1. The mel scale is that of M. Slaney, "Auditory Toolbox" (1998): linear to 1 kHz, then
    logarithmic.
    """
    highest = 15.0 + 27.0 * np.log(HIGHEST_HZ / 1_000.0) / np.log(6.4)
    mel = np.linspace(LOWEST_HZ * 3.0 / 200.0, highest, MEL_BANDS + 2)
    return _triangles(np.where(mel < 15.0, mel * 200.0 / 3.0, 1_000.0 * 6.4 ** ((mel - 15.0) / 27.0)))


def _pitch_corners() -> NDArray[np.float64]:
    """Return the centres of the narrow bands, with one more at each end: a bin or a quarter tone apart."""
    corners = [LOWEST_HZ]
    while corners[-1] < HIGHEST_HZ:
        corners.append(max(corners[-1] + WORKING_RATE / WINDOW, corners[-1] * QUARTER_TONE))
    return np.array(corners)


PITCH_CENTRES = _pitch_corners()[1:-1]
PITCH_BANDS = len(PITCH_CENTRES)


@cache
def pitch_filters() -> Floats:
    """Return triangular filters around PITCH_CENTRES: float32, shape (bins, PITCH_BANDS), each with the peak 1."""
    return _triangles(_pitch_corners())


def _triangles(corners: NDArray[np.float64]) -> Floats:
    """Return triangular filters over the bins up to the last corner: (bands + 2,) → (bins, bands)."""
    hz = np.arange(int(corners[-1] * WINDOW / WORKING_RATE) + 1) * WORKING_RATE / WINDOW
    rising = (hz[:, None] - corners[:-2]) / np.diff(corners)[:-1]
    falling = (corners[2:] - hz[:, None]) / np.diff(corners)[1:]
    weights: Floats = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    return weights


def semitone_filters() -> Floats:
    """Return triangular semitone filters over the bins up to the highest one: float32, shape (bins, SEMITONES).

    Each has the peak 1 at its pitch. A4 is 440 Hz.
    """
    midi = LOWEST_MIDI + np.arange(SEMITONES)
    highest = 440.0 * 2.0 ** ((midi[-1] + 1 - 69) / 12.0)
    hz = np.arange(int(highest * WINDOW / WORKING_RATE) + 1) * WORKING_RATE / WINDOW
    distance = 69.0 + 12.0 * np.log2(np.maximum(hz, 1.0) / 440.0)[:, None] - midi
    weights: Floats = np.maximum(0.0, 1.0 - np.abs(distance)).astype(np.float32)
    return weights
