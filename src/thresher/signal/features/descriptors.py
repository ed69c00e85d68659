"""What a clip sounds like, as one vector: timbre, movement, rhythm and harmony, from one shared STFT.

A signal `y` is float32, shape (frames,), mono, at `sr` Hz, of any gain; a descriptor is float32, shape
(DESCRIPTOR_SIZE,), its parts named by PARTS. It is made of spectra every 32 ms ("steps" below) that look no higher
than 7.2 kHz, so that exports of one clip at 16 kHz and at 44.1 kHz have nearly the same. Levels are decibels
relative to the clip's own mean power, with a soft floor: gain cancels, and bands that a low sample rate leaves
empty lie on the floor.

| part | what it is |
|---|---|
| timbre | how the spectral envelope (CEPSTRA mel cepstra) is distributed: mean and covariance as one Gaussian |
| changes | how it moves from step to step: the covariance of its differences |
| contrast | in octave bands, how far peaks stand above valleys: mean, then standard deviation |
| modulation | how strongly the loudness of CONTOURS bands moves at each speed, 0.2 to 15.7 Hz |
| persistence | how alike the chroma is to itself 1, 2, 4 … 64 steps later: held or changing harmony |
| periods | autocorrelation of the onsets at lags from 0.19 to 4.1 s: tempo and metre |
| chroma | mean strength of the twelve pitch classes, from C on |
| intervals | how often pitch classes 0 … 6 semitones apart sound together, whatever the key |

Nothing here is learned from audio: what weighs these numbers against each other is in `likeness.py`.
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

Floats = NDArray[np.float32]

VERSION = 1
"""Changes whenever a descriptor of the same sound would."""

# Of a clip longer than EXCERPTS * EXCERPT_SECONDS so many pieces of that length are looked at, evenly spread.
EXCERPTS = 4
EXCERPT_SECONDS = 30

CEPSTRA = 16
FLOOR = 1e-7  # of the mean power: -70 dB

# What cepstra are about, and by how much they usually differ, in dB: brings them to one scale.
CEPSTRA_CENTRES = np.array([-60.0, 40.0] + [0.0] * (CEPSTRA - 2))
CEPSTRA_SCALES = np.maximum(3.0, 30.0 / np.sqrt(1.0 + np.arange(CEPSTRA)))

# A covariance is drawn towards PRIOR_VARIANCE (dB²) as if PRIOR_STEPS steps had shown it: matters to short clips.
PRIOR_VARIANCE = 4.0
PRIOR_STEPS = 4.0

CONTOURS = 12
BLOCK = 128  # steps, 4.1 s; blocks overlap by half
MODULATION_EDGES = (0.2, 0.4, 0.8, 1.2, 1.7, 2.4, 3.4, 4.8, 6.8, 9.6, 15.7)

PERIODS = np.geomspace(6.0, 128.0, 25)  # lags in steps
MINIMUM_OVERLAP = 0.25  # of the clip: where less overlaps, its autocorrelation is not raised further

# A pitch sounds where it stands out of the AROUND semitones it is the middle of.
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
    """Which frames of a clip its descriptor is made of: half-open spans, in order, at most two minutes in all.

    A caller that reads only these, one behind the other, gets the descriptor of the whole.
    """
    length = EXCERPT_SECONDS * sr
    if frames <= EXCERPTS * length:
        return [(0, frames)]
    starts = [(frames - length) * index // (EXCERPTS - 1) for index in range(EXCERPTS)]
    return [(start, start + length) for start in starts]


def descriptor(y: Floats, sr: int) -> Floats:
    """The descriptor of a mono signal, float32, shape (DESCRIPTOR_SIZE,), finite.

    `y` is float32, shape (frames,), finite, at least one frame; `sr` is in Hz. Costs no more time and
    memory than two minutes of sound do.
    """
    if y.ndim != 1 or not y.size:
        raise ValueError(f"a signal must have shape (frames,) and a frame at least, not {tuple(y.shape)}")
    if sr < 1:
        raise ValueError(f"the sample rate must be at least 1 Hz, not {sr!r}")
    spans = analysed_spans(y.size, sr)
    if len(spans) > 1:
        y = np.concatenate([y[start:end] for start, end in spans])
    spectra = described_spectra(at_working_rate(y, sr))
    return descriptor_of(spectra, mel_levels(spectra))


def mel_levels(spectra: Spectra) -> Floats:
    """Levels of the mel bands relative to their mean power, in dB, on a soft floor; shape (steps, MEL_BANDS)."""
    return decibels(spectra.mel, FLOOR)


def descriptor_of(spectra: DescribedSpectra, levels: Floats) -> Floats:
    """The descriptor of a signal of these `spectra`, whose `mel_levels` are `levels`."""
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
    """The parts `timbre` and `changes` of mel levels in dB, shape (steps, MEL_BANDS).

    A Gaussian of mean m and covariance C is the matrix [[C + m mᵀ, m], [mᵀ, 1]], and Gaussians are compared
    by its logarithm: M. Lovric et al., "Multivariate normal distributions parametrized as a Riemannian
    symmetric space", J. Multivar. Anal. 74 (2000); V. Arsigny et al., "Log-Euclidean metrics", MRM 56 (2006).
    One Gaussian a clip: M. Mandel and D. Ellis, ISMIR 2005.
    """
    from scipy.fft import dct

    cepstra = dct(levels, norm="ortho", axis=1, workers=1)[:, :CEPSTRA].astype(np.float64)
    steps, mean = len(cepstra), cepstra.mean(axis=0)
    about_mean = cepstra - mean
    covariance = _with_prior(about_mean.T @ about_mean, steps) / np.outer(CEPSTRA_SCALES, CEPSTRA_SCALES)
    differences = cepstra[2:] - cepstra[:-2]
    place = np.append((mean - CEPSTRA_CENTRES) / CEPSTRA_SCALES, 1.0)
    gaussian = np.outer(place, place)
    gaussian[:CEPSTRA, :CEPSTRA] += covariance
    changes = _with_prior(differences.T @ differences, len(differences))
    return {"timbre": _logarithm(gaussian), "changes": _logarithm(changes)}


def _with_prior(scatter: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    return (scatter + PRIOR_STEPS * PRIOR_VARIANCE * np.eye(len(scatter))) / (steps + PRIOR_STEPS)


def _logarithm(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The upper triangle of log(`matrix`), what lies off the diagonal times √2: distances stay Frobenius'."""
    values, vectors = np.linalg.eigh(matrix)
    logarithm = (vectors * np.log(np.maximum(values, 1e-9))) @ vectors.T
    rows, columns = np.triu_indices(len(matrix))
    triangle: NDArray[np.float64] = logarithm[rows, columns] * np.where(rows == columns, 1.0, np.sqrt(2.0))
    return triangle


def _modulation(levels: Floats) -> Floats:
    """Log power of the loudness contours' movement, shape (CONTOURS · bands,), contour by contour.

    As the fluctuation patterns of E. Pampalk, "Computational Models of Music Similarity" (2006).
    """
    from scipy.fft import rfft

    steps = len(levels)
    edges = np.rint(np.linspace(0, MEL_BANDS, CONTOURS + 1)).astype(int)
    contours = np.add.reduceat(levels, edges[:-1], axis=1) / np.diff(edges).astype(np.float32)
    contours = np.pad(contours - contours.mean(axis=0), ((0, max(0, BLOCK - steps)), (0, 0)))
    blocks = np.lib.stride_tricks.sliding_window_view(contours, BLOCK, axis=0)[:: BLOCK // 2]
    spectra = rfft(blocks * np.hanning(BLOCK).astype(np.float32), axis=-1, workers=1)
    powers = (spectra.real**2 + spectra.imag**2).mean(axis=0) * np.float32(BLOCK / min(BLOCK, steps))
    bins = np.arange(BLOCK // 2 + 1) * WORKING_RATE / (HOP * BLOCK)
    starts = np.searchsorted(bins, MODULATION_EDGES)
    sums = np.add.reduceat(powers, starts[:-1], axis=1)
    sums[:, -1] = powers[:, starts[-2] : starts[-1]].sum(axis=1)
    return np.log1p(sums / np.diff(starts).astype(np.float32)).ravel()


def _periods(levels: Floats) -> NDArray[np.float64]:
    """Autocorrelation of the onset strength at PERIODS, 1 at lag 0; zeros where nothing starts.

    Onset strength is the mean rise of the mel levels: S. Böck and G. Widmer, DAFx 2013 (without its filter).
    """
    from scipy.fft import irfft, next_fast_len, rfft

    longest = int(PERIODS[-1]) + 2
    onsets = np.maximum(np.diff(levels, axis=0), 0.0).mean(axis=1) if len(levels) > 1 else np.zeros(1)
    onsets = onsets - onsets.mean()
    size = next_fast_len(len(onsets) + longest, real=True)
    spectrum = rfft(onsets, size, workers=1)
    correlation = irfft(spectrum.real**2 + spectrum.imag**2, size, workers=1)[:longest]
    overlap = np.maximum(1.0 - np.arange(longest) / len(onsets), MINIMUM_OVERLAP)
    periods: NDArray[np.float64] = np.interp(
        PERIODS, np.arange(longest), correlation / overlap / (correlation[0] + 1e-3)
    )
    return periods


def _harmony(pitches: Floats) -> dict[str, Floats]:
    """The parts `persistence`, `chroma` and `intervals` of the powers of semitones, shape (steps, SEMITONES)."""
    nepers = decibels(pitches, FLOOR) * np.float32(np.log(10.0) / 20.0)
    sums = np.cumsum(np.pad(nepers, ((0, 0), (AROUND // 2 + 1, AROUND // 2)), mode="edge"), axis=1)
    peaks = np.maximum(nepers - (sums[:, AROUND:] - sums[:, :-AROUND]) / np.float32(AROUND), 0.0)
    # The first semitone is an E, the fourth above C: turned so that C comes first.
    classes = np.roll(peaks.reshape(len(peaks), -1, 12).sum(axis=1), LOWEST_MIDI % 12, axis=1)
    chroma = classes / (np.linalg.norm(classes, axis=1, keepdims=True) + np.float32(0.5))
    together = chroma.T @ chroma / np.float32(len(chroma))
    turned = (np.arange(12) + np.arange(INTERVALS)[:, None]) % 12
    # A clip shorter than a lag has nothing to say of it: as if it went on unchanged.
    itself = float(np.trace(together))
    persistence = [
        float(np.vdot(chroma[lag:], chroma[:-lag])) / (len(chroma) - lag) if len(chroma) > lag else itself
        for lag in CHROMA_LAGS
    ]
    return {
        "persistence": np.array(persistence, np.float32),
        "chroma": chroma.mean(axis=0),
        "intervals": together[np.arange(12), turned].mean(axis=1),
    }
