"""The share of clipped samples: at full scale and in flat tops, but not in coarsely quantised waves."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from thresher.signal.features.clipping import PIECE_FRAMES, clipping

RATE = 44_100
Floats = NDArray[np.float64]


def sine(hz: float, seconds: float = 1.0) -> Floats:
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


def music() -> Floats:
    generator = np.random.default_rng(0)
    tones = [generator.normal() * sine(hz, 3.0) for hz in 55 * 2 ** (generator.integers(0, 60, 30) / 12)]
    y = np.sum(tones, axis=0)
    return np.asarray(y / np.abs(y).max())


def as_is(y: Floats) -> Floats:
    return y


def in_16_bit(y: Floats) -> Floats:
    return np.asarray(np.round(y * 2**15) / 2**15)


def in_8_bit(y: Floats) -> Floats:
    return np.asarray(np.round(y * 2**7) / 2**7)


def in_mu_law(y: Floats) -> Floats:
    file = io.BytesIO()
    soundfile.write(file, y, RATE, "ULAW", format="WAV")
    return np.asarray(soundfile.read(io.BytesIO(file.getvalue()))[0])


def share(y: Floats) -> float:
    rows = np.asarray(y, np.float32).reshape(len(y), -1)
    found = clipping([rows])
    assert clipping([rows[start : start + 997] for start in range(0, len(rows), 997)]) == found
    return found


@pytest.mark.parametrize("stored", [as_is, in_16_bit, in_8_bit, in_mu_law])
@pytest.mark.parametrize("gain", [0.9, 0.7, 0.3, 0.05])
@pytest.mark.parametrize("hz", [20.0, 40.0, 60.0, 100.0, 441.0])
def test_an_unclipped_wave_has_no_clipping_in_any_sample_format(
    hz: float, gain: float, stored: object
) -> None:
    assert callable(stored)
    assert share(stored(gain * sine(hz))) == 0.0


@pytest.mark.parametrize("stored", [as_is, in_16_bit, in_8_bit, in_mu_law])
def test_unclipped_music_and_noise_have_no_clipping(stored: object) -> None:
    assert callable(stored)
    assert share(stored(0.6 * music())) == 0.0
    assert share(stored(0.01 * music())) == 0.0
    assert share(stored(0.1 * np.random.default_rng(1).normal(size=RATE))) == 0.0


def test_coarse_quantisation_is_not_clipping() -> None:
    """Square waves, a constant, and noise of one step of 16 bits consist of flat tops only."""
    assert share(0.5 * np.sign(sine(100.3))) == 0.0
    assert share(np.full(RATE, 0.3)) == 0.0
    assert share(np.round(np.random.default_rng(2).normal(size=RATE)) / 2**15) == 0.0


@pytest.mark.parametrize("stored", [as_is, in_16_bit])
@pytest.mark.parametrize("gain", [1.0, 0.8, 0.1])
@pytest.mark.parametrize("limit", [0.95, 0.7, 0.5])
def test_a_clipped_wave_is_clipped_at_any_gain(stored: object, gain: float, limit: float) -> None:
    assert callable(stored)
    for y in (sine(60.3), sine(440.0), sine(500.0), music()):
        cut = gain / limit * np.clip(y, -limit, limit)
        assert share(stored(cut)) == pytest.approx(np.mean(np.abs(y) >= limit), rel=0.05, abs=1e-5)


def test_one_side_or_one_channel_can_be_clipped() -> None:
    y = music()
    above = 0.5 * np.minimum(y, 0.5)
    expected = np.mean(y >= 0.5)
    assert share(above) == pytest.approx(expected, rel=0.02)
    assert share(-above) == pytest.approx(expected, rel=0.02)
    assert share(np.column_stack([0.5 * y, above])) == pytest.approx(expected / 2, rel=0.02)


def test_full_scale_and_beyond_is_clipped() -> None:
    y = 0.5 * music()
    y[100], y[200], y[300] = 1.0, -1.7, 2.0**-15 - 1.0
    assert share(y) == 3 / len(y)
    y[400] = 1.0 - 2.0**-14
    assert share(y) == 3 / len(y)


def test_a_flat_top_can_span_several_pieces() -> None:
    y = 0.5 * music()
    y[PIECE_FRAMES - 3 : PIECE_FRAMES + 3] = 0.7
    assert share(y) == 6 / len(y)
    y[PIECE_FRAMES - 3 : PIECE_FRAMES + 3] = -0.7
    assert share(y) == 6 / len(y)
