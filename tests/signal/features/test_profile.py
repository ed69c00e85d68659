"""The profile of a clip: absolute pitch in segments of two seconds, and how fast the loudness moves."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from thresher.signal.features.profile import (
    MODULATION_BANDS,
    MODULATION_EDGES,
    SEGMENT_SECONDS,
    Profile,
    modulation,
    profile,
)
from thresher.signal.features.spectra import (
    PITCH_BANDS,
    PITCH_CENTRES,
    WORKING_RATE,
    described_spectra,
    spectra,
)

TIME = np.arange(8 * WORKING_RATE) / WORKING_RATE


def sine(hz: float) -> NDArray[np.float32]:
    return np.sin(2 * np.pi * hz * TIME).astype(np.float32)


def profile_of(y: NDArray[np.float32]) -> Profile:
    return Profile.unpack(profile(y, spectra(y)))


@pytest.mark.parametrize("hz", [55.0, 110.0, 440.0, 3_000.0])
def test_the_strongest_band_is_that_of_the_pitch(hz: float) -> None:
    found = profile_of(sine(hz)).segments
    assert found.shape == (int(np.ceil(8 / SEGMENT_SECONDS)), PITCH_BANDS)
    for segment in found:
        assert PITCH_CENTRES[segment.argmax()] == pytest.approx(hz, abs=8.0, rel=0.03)


@pytest.mark.parametrize("rate", [0.5, 2.0, 11.0, 30.0])
def test_the_strongest_modulation_is_that_of_the_loudness(rate: float) -> None:
    y = sine(1_000) * (1 + 0.5 * np.sin(2 * np.pi * rate * TIME)).astype(np.float32)
    found = modulation(y)
    assert found.max() == pytest.approx(0.25, rel=0.3)
    low, high = MODULATION_EDGES[found.argmax()], MODULATION_EDGES[found.argmax() + 1]
    assert low * 0.9 <= rate <= high * 1.1


def test_a_steady_sound_has_no_modulation() -> None:
    assert modulation(sine(440)).max() < 1e-3
    assert len(modulation(sine(440))) == MODULATION_BANDS


def test_a_profile_is_small_and_does_not_depend_on_gain_or_descriptor() -> None:
    y = (sine(440) + 0.1 * sine(1_234)).astype(np.float32)
    found = profile(y, spectra(y))
    assert (found.dtype, found.shape) == (np.dtype(np.uint8), (MODULATION_BANDS + 4 * PITCH_BANDS,))
    soft = (0.01 * y).astype(np.float32)
    quiet = profile(soft, spectra(soft))
    assert np.abs(found.astype(int) - quiet).max() <= 1
    assert np.array_equal(found, profile(y, described_spectra(y)))


@pytest.mark.parametrize("frames", [2_048, 2_049, 20_000])
def test_short_and_silent_signals_have_a_profile(frames: int) -> None:
    for y in (np.zeros(frames, np.float32), sine(440)[:frames]):
        assert np.isfinite(profile_of(y).segments).all()
        assert np.isfinite(profile_of(y).modulation).all()
