"""Spectral flatness: about 1 for noise of every colour, about 0 for tones; silent and empty bands do not count."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support import RATE
from thresher.signal.features.noise import noisiness
from thresher.signal.features.spectra import at_working_rate, spectra


def noise_of(y: NDArray[np.float64], sr: int = RATE) -> float:
    found = noisiness(spectra(at_working_rate(y.astype(np.float32), sr)), sr)
    assert found is not None
    return found


def coloured(exponent: float, seconds: float = 8.0, sr: int = RATE, seed: int = 0) -> NDArray[np.float64]:
    """Noise whose power falls with frequency to the power of `exponent`, 20 Hz and up."""
    white = np.fft.rfft(np.random.default_rng(seed).normal(size=round(seconds * sr)))
    hz = np.maximum(np.fft.rfftfreq(round(seconds * sr), 1 / sr), 20.0)
    y = np.fft.irfft(white / hz ** (exponent / 2))
    return np.asarray(0.2 * y / y.std())


def tones(*pitches: float, seconds: float = 8.0, sr: int = RATE) -> NDArray[np.float64]:
    time = np.arange(round(seconds * sr)) / sr
    return np.asarray(0.2 * np.sum([np.sin(2 * np.pi * hz * time) for hz in pitches], axis=0))


@pytest.mark.parametrize("exponent", [-1.0, 0.0, 1.0, 2.0])
@pytest.mark.parametrize("sr", [8_000, 16_000, 44_100])
def test_noise_of_every_colour_is_about_1(exponent: float, sr: int) -> None:
    assert noise_of(coloured(exponent, sr=sr), sr) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize(
    "pitches", [(60.0,), (440.0,), (3_000.0,), (220.0, 277.2, 329.6), (82.4, 164.8, 329.6, 659.3)]
)
@pytest.mark.parametrize("sr", [8_000, 16_000, 44_100])
def test_tones_are_about_0(pitches: tuple[float, ...], sr: int) -> None:
    assert noise_of(tones(*pitches, sr=sr), sr) < 0.1


def test_more_noise_gives_a_higher_flatness() -> None:
    chord, hiss = tones(220.0, 277.2, 329.6, 880.0, 2_500.0), coloured(0.0)
    found = [noise_of(chord + gain * hiss) for gain in (0.0, 0.001, 0.01, 0.1, 1.0, 10.0)]
    assert found == sorted(found)
    assert found[0] < 0.05
    assert found[-1] > 0.95


def test_silent_spectra_do_not_count() -> None:
    tone = tones(440.0)
    tone[RATE : 6 * RATE] = 2.5e-4 * np.random.default_rng(3).normal(size=5 * RATE)
    assert noise_of(tone) < 0.15


def test_bands_cut_off_by_a_codec_do_not_count() -> None:
    spectrum = np.fft.rfft(coloured(0.0))
    spectrum[len(spectrum) // 3 :] *= 1e-5
    assert noise_of(np.asarray(np.fft.irfft(spectrum))) > 0.94


def test_flatness_without_power_is_none() -> None:
    assert noisiness(spectra(np.zeros(4_000, np.float32)), RATE) is None
    assert noisiness(spectra(np.full(4_000, 0.25, np.float32)), RATE) is None
