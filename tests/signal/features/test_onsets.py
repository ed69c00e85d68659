"""Onset rate and tempo of clicks at known times, and of sounds without a pulse."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support import RATE
from thresher.signal.features.descriptors import mel_levels
from thresher.signal.features.onsets import Pulse, count_onsets, find_pulse
from thresher.signal.features.spectra import at_working_rate, spectra

Sound = NDArray[np.float64]


def pulse(y: Sound, sr: int = RATE) -> Pulse:
    found = find_pulse([mel_levels(spectra(at_working_rate(y.astype(np.float32), sr)))])
    assert found is not None
    return found


def struck(times: Sound, seconds: float, hz: float = 1_000.0, decay: float = 0.01, sr: int = RATE) -> Sound:
    """Strokes at `times`, each a tone that dies away."""
    y = np.zeros(round(seconds * sr))
    time = np.arange(round(10 * decay * sr)) / sr
    stroke = np.sin(2 * np.pi * hz * time) * np.exp(-time / decay)
    for start in np.rint(times * sr).astype(int):
        y[start : start + len(stroke)] += stroke[: len(y) - start]
    return 0.5 * y


def hiss(seconds: float, seed: int = 0) -> Sound:
    return np.random.default_rng(seed).normal(size=round(seconds * RATE))


@pytest.mark.parametrize("noise", [0.0, 0.01])
@pytest.mark.parametrize("tempo", range(70, 161, 10))
def test_clicks_have_their_tempo_and_their_rate(tempo: int, noise: float) -> None:
    times = np.arange(0.2, 11.8, 60 / tempo)
    found = pulse(struck(times, 12.0) + noise * hiss(12.0))
    assert found.tempo == pytest.approx(tempo, rel=0.01)
    assert found.onset_rate == pytest.approx(len(times) / 12.0, rel=0.05)


@pytest.mark.parametrize("sr", [8_000, 22_050, 44_100])
def test_the_sample_rate_does_not_matter(sr: int) -> None:
    found = pulse(struck(np.arange(0.2, 11.8, 0.5), 12.0, sr=sr), sr)
    assert found.tempo == pytest.approx(120.0, rel=0.01)
    assert found.onset_rate == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize("tempo", [80, 100, 125, 140])
def test_a_bar_of_strong_and_weak_beats_has_the_tempo_of_its_beats(tempo: int) -> None:
    beat = 60 / tempo
    y = struck(np.arange(0.2, 15.5, beat), 16.0, hz=2_000.0)
    y += 2 * struck(np.arange(0.2, 15.5, 4 * beat), 16.0, hz=90.0, decay=0.05)
    y += 0.5 * struck(np.arange(0.2 + beat / 2, 15.5, beat), 16.0, hz=5_000.0)
    assert pulse(y + 0.003 * hiss(16.0)).tempo == pytest.approx(tempo, rel=0.02)


@pytest.mark.parametrize("seed", range(4))
def test_random_onsets_have_a_rate_but_no_tempo(seed: int) -> None:
    gaps = np.random.default_rng(seed).exponential(0.4, size=60) + 0.15
    times = 0.2 + np.cumsum(gaps)
    times = times[times < 23.5]
    found = pulse(struck(times, 24.0) + 0.003 * hiss(24.0))
    assert found.onset_rate == pytest.approx(len(times) / 24.0, rel=0.1)
    assert found.tempo is None


@pytest.mark.parametrize("what", ["hiss", "rumble", "drone", "chord", "swell"])
def test_sounds_without_rises_have_no_onsets(what: str) -> None:
    time = np.arange(12 * RATE) / RATE
    y = {
        "hiss": hiss(12.0),
        "rumble": np.convolve(hiss(12.0), np.ones(200) / 200, mode="same"),
        "drone": np.sin(2 * np.pi * 110 * time),
        "chord": np.sum([np.sin(2 * np.pi * hz * time) for hz in (220, 277, 330)], axis=0),
        "swell": np.sin(2 * np.pi * 440 * time) * np.sin(np.pi * time / 12) ** 2,
    }[what]
    found = pulse(y)
    assert found.onset_rate < 0.2
    assert found.tempo is None


def test_a_clip_that_is_too_short_has_no_tempo() -> None:
    assert find_pulse([np.zeros((1, 40), np.float32)]) is None
    assert find_pulse([np.zeros((9, 40), np.float32)]) == Pulse(0.0, None)


def test_of_close_onsets_the_strongest_counts_and_of_equal_ones_the_first() -> None:
    strength = np.zeros(200, np.float32)
    strength[[20, 22, 60, 61, 100, 103, 150]] = [9, 5, 7, 7, 9, 9, 1.5]
    assert count_onsets(strength) == 4
