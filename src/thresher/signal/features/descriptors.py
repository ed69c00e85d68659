"""The descriptor of a clip: one vector that describes its timbre, movement, rhythm and harmony.

A signal `y` is float32, shape (frames,), mono, at `sr` Hz, of any gain. A descriptor is float32, shape
(DESCRIPTOR_SIZE,); PARTS names its parts. It is computed from spectra every 32 ms ("steps") up to 7.2 kHz, so
that exports of one clip at 16 kHz and at 44.1 kHz have nearly the same descriptor. Levels are decibels relative
to the clip's mean power, with a soft floor. So they do not depend on gain, and bands above the Nyquist
frequency of a low sample rate are at the floor.

| part | meaning |
|---|---|
| timbre | distribution of the spectral envelope (CEPSTRA mel cepstra): mean and covariance as one Gaussian |
| changes | movement of the envelope from step to step: covariance of its differences |
| contrast | peaks above valleys in octave bands: mean, then standard deviation |
| modulation | strength of the loudness changes of CONTOURS bands at each speed, 0.2 to 15.7 Hz |
| persistence | similarity of the chroma to itself 1, 2, 4 … 64 steps later: held or changing harmony |
| periods | autocorrelation of the onsets at lags from 0.19 to 4.1 s: tempo and metre |
| chroma | mean strength of the twelve pitch classes, from C on |
| intervals | how often pitch classes 0 … 6 semitones apart sound together, in any key |

Nothing in this module is learned from audio. `metrics/likeness.py` weighs these numbers against each other.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from thresher.signal.features.spectra import (
    CONTRAST_EDGES,
    HOP,
    LOWEST_MIDI,
    MEL_BANDS,
    WORKING_RATE,
    DescribedSpectra,
    Spectra,
    at_working_rate,
    decibels,
    described_spectra,
)
from thresher.signal.features.transforms import dct, fast_size, irfft, rfft

Floats = NDArray[np.float32]

VERSION = 1
"""Increase it with every change that changes the descriptor of a sound."""

# A clip longer than EXCERPTS * EXCERPT_SECONDS is described by that many evenly spread excerpts of that length.
EXCERPTS = 4
EXCERPT_SECONDS = 30

CEPSTRA = 16
FLOOR = 1e-7  # relative to the mean power, -70 dB

# Typical means and deviations of cepstra, in dB, which normalise them to one scale.
CEPSTRA_CENTRES = np.array([-60.0, 40.0] + [0.0] * (CEPSTRA - 2))
CEPSTRA_SCALES = np.maximum(3.0, 30.0 / np.sqrt(1.0 + np.arange(CEPSTRA)))

# Covariances are shrunk towards PRIOR_VARIANCE (dB²), as if PRIOR_STEPS more steps had that variance. This
# matters for short clips.
PRIOR_VARIANCE = 4.0
PRIOR_STEPS = 4.0

CONTOURS = 12
BLOCK = 128  # steps, 4.1 s; blocks overlap by half
MODULATION_EDGES = (0.2, 0.4, 0.8, 1.2, 1.7, 2.4, 3.4, 4.8, 6.8, 9.6, 15.7)

PERIODS = np.geomspace(6.0, 128.0, 25)  # lags in steps
MINIMUM_OVERLAP = (
    0.25  # the autocorrelation is divided by the share of the clip that overlaps, but not by less
)

# The strength of a pitch is its excess over the mean of the AROUND semitones centred on it.
AROUND = 13
CHROMA_LAGS = (1, 2, 4, 8, 16, 32, 64)
INTERVALS = 7

_PART_SIZES = {
    "timbre": (CEPSTRA + 1) * (CEPSTRA + 2) // 2,
    "changes": CEPSTRA * (CEPSTRA + 1) // 2,
    "contrast": 2 * (len(CONTRAST_EDGES) - 1),
    "modulation": CONTOURS * (len(MODULATION_EDGES) - 1),
    "persistence": len(CHROMA_LAGS),
    "periods": len(PERIODS),
    "chroma": 12,
    "intervals": INTERVALS,
}
_ENDS = list(itertools.accumulate(_PART_SIZES.values()))
PARTS = {name: slice(end - size, end) for (name, size), end in zip(_PART_SIZES.items(), _ENDS, strict=True)}
DESCRIPTOR_SIZE = _ENDS[-1]


def analysed_spans(frames: int, sr: int) -> list[tuple[int, int]]:
    """Return the spans of a clip that its descriptor uses: half open, in frames, in order, at most two minutes
    in all.

    The descriptor of these spans, one after the other, is the descriptor of the whole clip.
    """
    length = EXCERPT_SECONDS * sr
    if frames <= EXCERPTS * length:
        return [(0, frames)]
    starts = [(frames - length) * index // (EXCERPTS - 1) for index in range(EXCERPTS)]
    return [(start, start + length) for start in starts]


def descriptor(y: Floats, sr: int) -> Floats:
    """Return the descriptor of a mono signal: float32, shape (DESCRIPTOR_SIZE,), finite.

    `y` is float32, shape (frames,), finite, at least one frame; `sr` is in Hz. It takes no more time and memory
    than two minutes of sound do. Raises ValueError for another shape and for a sample rate below 1.
    """
    if y.ndim != 1 or not y.size:
        raise ValueError(f"a signal must have shape (frames,) and at least one frame, not {tuple(y.shape)}")
    if sr < 1:
        raise ValueError(f"the sample rate must be at least 1 Hz, not {sr!r}")
    spans = analysed_spans(y.size, sr)
    if len(spans) > 1:
        y = np.concatenate([y[start:end] for start, end in spans])
    spectra = described_spectra(at_working_rate(y, sr))
    return descriptor_of(spectra, mel_levels(spectra))


def mel_levels(spectra: Spectra) -> Floats:
    """Return the levels of the mel bands relative to their mean power, in dB: shape (steps, MEL_BANDS)."""
    return decibels(spectra.mel, FLOOR)


def descriptor_of(spectra: DescribedSpectra, levels: Floats) -> Floats:
    """Return the descriptor of a signal from its spectra and its `mel_levels`."""
    contrast = spectra.contrast
    parts = {
        **_timbre(levels),
        "contrast": np.concatenate([contrast.mean(axis=0), contrast.std(axis=0)]),
        "modulation": _modulation(levels),
        "periods": _periods(levels),
        **_harmony(spectra.semitones),
    }
    return np.concatenate([parts[name] for name in PARTS], dtype=np.float32, casting="same_kind")


def _timbre(levels: Floats) -> dict[str, NDArray[np.float64]]:
    """Return the parts `timbre` and `changes` from mel levels in dB, shape (steps, MEL_BANDS).

    A Gaussian with mean m and covariance C is represented by the matrix [[C + m mᵀ, m], [mᵀ, 1]], and Gaussians
    are compared by the logarithm of this matrix (M. Lovric et al., "Multivariate normal distributions
    parametrized as a Riemannian symmetric space", J. Multivar. Anal. 74, 2000; V. Arsigny et al.,
    "Log-Euclidean metrics", MRM 56, 2006). One Gaussian describes a clip as in M. Mandel and D. Ellis, ISMIR
    2005.
    """
    cepstra = dct(levels)[:, :CEPSTRA].astype(np.float64)
    steps, mean = len(cepstra), cepstra.mean(axis=0)
    about_mean = cepstra - mean
    covariance = _with_prior(about_mean.T @ about_mean, steps) / np.outer(CEPSTRA_SCALES, CEPSTRA_SCALES)
    differences = cepstra[2:] - cepstra[:-2]
    normalised = np.append((mean - CEPSTRA_CENTRES) / CEPSTRA_SCALES, 1.0)
    gaussian = np.outer(normalised, normalised)
    gaussian[:CEPSTRA, :CEPSTRA] += covariance
    changes = _with_prior(differences.T @ differences, len(differences))
    return {"timbre": _logarithm(gaussian), "changes": _logarithm(changes)}


def _with_prior(scatter: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    return (scatter + PRIOR_STEPS * PRIOR_VARIANCE * np.eye(len(scatter))) / (steps + PRIOR_STEPS)


def _logarithm(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the upper triangle of log(`matrix`), with the elements off the diagonal multiplied by √2.

    The Euclidean distance of two such vectors is the Frobenius distance of the matrices.
    """
    values, vectors = np.linalg.eigh(matrix)
    logarithm = (vectors * np.log(np.maximum(values, 1e-9))) @ vectors.T
    rows, columns = np.triu_indices(len(matrix))
    triangle: NDArray[np.float64] = logarithm[rows, columns] * np.where(rows == columns, 1.0, np.sqrt(2.0))
    return triangle


def _modulation(levels: Floats) -> Floats:
    """Return the log power of the changes of the loudness contours, shape (CONTOURS · bands,), contour by
    contour.

    They are like the fluctuation patterns of E. Pampalk, "Computational Models of Music Similarity" (2006).
    """
    steps = len(levels)
    edges = np.rint(np.linspace(0, MEL_BANDS, CONTOURS + 1)).astype(int)
    contours = np.add.reduceat(levels, edges[:-1], axis=1) / np.diff(edges).astype(np.float32)
    contours = np.pad(contours - contours.mean(axis=0), ((0, max(0, BLOCK - steps)), (0, 0)))
    blocks = np.lib.stride_tricks.sliding_window_view(contours, BLOCK, axis=0)[:: BLOCK // 2]
    spectra = rfft(blocks * np.hanning(BLOCK).astype(np.float32))
    powers = (spectra.real**2 + spectra.imag**2).mean(axis=0) * np.float32(BLOCK / min(BLOCK, steps))
    bins = np.arange(BLOCK // 2 + 1) * WORKING_RATE / (HOP * BLOCK)
    starts = np.searchsorted(bins, MODULATION_EDGES)
    sums = np.add.reduceat(powers, starts[:-1], axis=1)
    sums[:, -1] = powers[:, starts[-2] : starts[-1]].sum(axis=1)
    return np.log1p(sums / np.diff(starts).astype(np.float32)).ravel()


def _periods(levels: Floats) -> NDArray[np.float64]:
    """Return the autocorrelation of the onset strength at the lags PERIODS, relative to lag 0; zeros without
    onsets.

    Onset strength is the mean rise of the mel levels (S. Böck and G. Widmer, DAFx 2013, without the filter).
    """
    longest = int(PERIODS[-1]) + 2
    onsets = np.maximum(np.diff(levels, axis=0), 0.0).mean(axis=1) if len(levels) > 1 else np.zeros(1)
    onsets = onsets - onsets.mean()
    size = fast_size(len(onsets) + longest)
    spectrum = rfft(onsets, size)
    correlation = irfft(spectrum.real**2 + spectrum.imag**2, size)[:longest]
    overlap = np.maximum(1.0 - np.arange(longest) / len(onsets), MINIMUM_OVERLAP)
    periods: NDArray[np.float64] = np.interp(
        PERIODS, np.arange(longest), correlation / overlap / (correlation[0] + 1e-3)
    )
    return periods


def _harmony(pitches: Floats) -> dict[str, Floats]:
    """Return the parts `persistence`, `chroma` and `intervals` from powers of semitones, shape (steps,
    SEMITONES)."""
    nepers = decibels(pitches, FLOOR) * np.float32(np.log(10.0) / 20.0)
    sums = np.cumsum(np.pad(nepers, ((0, 0), (AROUND // 2 + 1, AROUND // 2)), mode="edge"), axis=1)
    peaks = np.maximum(nepers - (sums[:, AROUND:] - sums[:, :-AROUND]) / np.float32(AROUND), 0.0)
    # The first semitone is an E, four semitones above C: rotate the pitch classes so that C comes first.
    classes = np.roll(peaks.reshape(len(peaks), -1, 12).sum(axis=1), LOWEST_MIDI % 12, axis=1)
    chroma = classes / (np.linalg.norm(classes, axis=1, keepdims=True) + np.float32(0.5))
    together = chroma.T @ chroma / np.float32(len(chroma))
    turned = (np.arange(12) + np.arange(INTERVALS)[:, None]) % 12
    # A lag longer than the clip gets the value of lag 0, as if the clip went on unchanged.
    at_zero_lag = float(np.trace(together))
    persistence = [
        float(np.vdot(chroma[lag:], chroma[:-lag])) / (len(chroma) - lag)
        if len(chroma) > lag
        else at_zero_lag
        for lag in CHROMA_LAGS
    ]
    return {
        "persistence": np.array(persistence, np.float32),
        "chroma": chroma.mean(axis=0),
        "intervals": together[np.arange(12), turned].mean(axis=1),
    }
