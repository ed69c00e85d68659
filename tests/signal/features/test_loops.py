"""Loops: repeated phrases have their period; steady, drifting and unrepeated sounds are not loops."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support import RATE
from thresher.signal.features.descriptors import mel_levels
from thresher.signal.features.loops import Loop, autocorrelation, find_loop, peaks
from thresher.signal.features.spectra import HOP, at_working_rate, spectra

STEP = HOP / RATE
Sound = NDArray[np.float64]


def looped(y: Sound) -> Loop:
    found = find_loop([mel_levels(spectra(at_working_rate(y.astype(np.float32), RATE)))])
    assert found is not None
    return found


def phrase(seconds: float, seed: int = 1) -> Sound:
    """Notes of random pitch, length and strength."""
    generator = np.random.default_rng(seed)
    notes: list[Sound] = []
    while sum(map(len, notes)) < seconds * RATE:
        time = np.arange(round(generator.uniform(0.06, 0.2) * RATE)) / RATE
        hz = 110 * 2 ** (generator.integers(0, 40) / 12)
        attack = np.minimum(1.0, time / 0.01) * np.exp(-time / 0.15)
        notes.append(generator.uniform(0.2, 1.0) * attack * np.sin(2 * np.pi * hz * time))
    return np.concatenate(notes)[: round(seconds * RATE)]


def hiss(seconds: float, seed: int = 0) -> Sound:
    return np.random.default_rng(seed).normal(size=round(seconds * RATE))


PERIODS = [0.3, 0.37, 0.5, 0.77, 1.0, 1.3, 1.5, 2.0, 2.51, 3.0, 4.0, 5.0, 6.0]


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.05])
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("period", PERIODS)
def test_a_repeated_phrase_is_a_loop_with_its_period(period: float, seed: int, noise: float) -> None:
    y = np.tile(phrase(period, seed), int(np.ceil(12 / period)))
    found = looped(y + noise * hiss(len(y) / RATE))
    assert found.period == pytest.approx(period, abs=STEP)
    assert found.strength > (0.8 if noise < 0.05 else 0.6)


@pytest.mark.parametrize("times", [2, 3, 5])
def test_a_phrase_can_repeat_two_or_more_times(times: int) -> None:
    found = looped(np.tile(phrase(4.0, 5), times))
    assert found.period == pytest.approx(4.0, abs=STEP)
    assert found.strength > 0.9


@pytest.mark.parametrize("seconds", [3.0, 8.0, 20.0, 60.0])
@pytest.mark.parametrize("colour", [0, 1, 2])
def test_steady_noise_is_hardly_a_loop(seconds: float, colour: int) -> None:
    spectrum = np.fft.rfft(hiss(seconds, seed=colour))
    spectrum /= np.maximum(np.fft.rfftfreq(round(seconds * RATE), 1 / RATE), 20.0) ** (colour / 2)
    found = looped(np.fft.irfft(spectrum))
    assert found.strength < 0.2
    assert found.period is None


@pytest.mark.parametrize("hz", [60.0, 440.0, 3_000.0])
def test_a_steady_tone_is_not_a_loop(hz: float) -> None:
    """It is the same at every lag: nothing is said twice."""
    time = np.arange(8 * RATE) / RATE
    found = looped(0.5 * np.sin(2 * np.pi * hz * time))
    assert found.strength == pytest.approx(0.0, abs=0.02)
    assert found.period is None


@pytest.mark.parametrize("what", ["noise", "tone", "sweep", "swell"])
def test_a_drifting_sound_is_not_a_loop(what: str) -> None:
    time = np.arange(10 * RATE) / RATE
    y = {
        "noise": hiss(10.0) * time,
        "tone": np.sin(2 * np.pi * 440 * time) * time,
        "swell": hiss(10.0) * 100 ** (np.sin(np.pi * time / 20) ** 2) * (1 + 0.1 * np.sin(4 * np.pi * time)),
        "sweep": np.sin(2 * np.pi * (100 * time + 150 * time * time)),
    }[what]
    assert looped(y).strength < 0.1


def test_music_without_repetition_is_a_weaker_loop_than_repeated_music() -> None:
    strengths = [looped(phrase(12.0, seed)).strength for seed in range(8)]
    assert max(strengths) < 0.5
    assert float(np.median(strengths)) < 0.3


def test_a_repeated_pause_is_a_loop() -> None:
    time = np.arange(10 * RATE) / RATE
    found = looped(np.sin(2 * np.pi * 440 * time) * (time % 0.9 < 0.6))
    assert found.period == pytest.approx(0.9, abs=STEP)
    assert found.strength > 0.8


def test_a_clip_too_short_for_a_lag_has_no_loop() -> None:
    assert find_loop([np.zeros((14, 40), np.float32)]) is None
    assert find_loop([np.zeros((20, 40), np.float32)]) == Loop(0.0, None)


def test_excerpts_are_not_compared_with_each_other() -> None:
    """One excerpt four times says no more than once: its own lags, and none of its length."""
    levels = mel_levels(spectra(phrase(10.0, 3).astype(np.float32)))
    once, often = find_loop([levels]), find_loop([levels] * 4)
    assert once is not None
    assert often is not None
    assert often.strength == pytest.approx(once.strength, abs=1e-4)


def test_autocorrelation_equals_its_definition() -> None:
    generator = np.random.default_rng(0)
    series = [generator.normal(size=(steps, 3)).astype(np.float32) for steps in (40, 31)]
    found = autocorrelation(series, 20, 0.5)
    for lag in (0, 1, 7, 20):
        pairs = [(values[: len(values) - lag], values[lag:]) for values in series]
        least = sum(0.5 * head.size for head, _ in pairs)
        product = sum(float((head * tail).sum()) for head, tail in pairs)
        energies = [sum(float((pair[side] ** 2).sum()) for pair in pairs) + least for side in (0, 1)]
        assert found[lag] == pytest.approx(product / np.sqrt(energies[0] * energies[1]), abs=1e-5)


def test_peaks_are_found_between_samples() -> None:
    at = np.arange(30.0)
    lags, heights = peaks(np.maximum(0.0, 1.0 - 0.1 * (at - 12.3) ** 2), 2)
    assert lags == pytest.approx([12.3])
    assert heights == pytest.approx([1.0])
    assert peaks(at, 2)[0].size == 0


def test_a_ripple_on_a_long_swell_is_a_weak_loop() -> None:
    """The swell alone is much like itself at every short lag; the ripple adds little to that."""
    steps = np.arange(400)
    contour = 20 * np.cos(np.pi * steps / 100) + 2 * np.sin(2 * np.pi * steps / 20)
    found = find_loop([np.repeat(contour[:150, None], 40, axis=1).astype(np.float32)])
    assert found is not None
    assert found.strength < 0.3
