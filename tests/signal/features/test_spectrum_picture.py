"""Pictures of spectra: pitch is height, level is brightness, timbre is colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from thresher.signal.features.spectrum_picture import (
    COLUMNS,
    LEVELS,
    ROWS,
    TONES,
    WINDOW,
    palette,
    spectrum_picture,
    window_starts,
)

SR = 16_000


def of_tone(hertz: float, amplitude: float = 0.9) -> NDArray[np.uint8]:
    y = amplitude * np.sin(np.arange(WINDOW) * 2 * np.pi * hertz / SR)
    return spectrum_picture(np.tile(y.astype(np.float32), (COLUMNS, 1)), SR)


def test_a_higher_tone_is_higher_and_has_another_colour() -> None:
    low, high = of_tone(400), of_tone(6_000)
    assert low.shape == (ROWS, COLUMNS)
    assert (low % LEVELS).argmax(axis=0)[0] > (high % LEVELS).argmax(axis=0)[0]
    assert low.max() // LEVELS < high.max() // LEVELS


def test_a_quieter_tone_is_darker_and_silence_is_black() -> None:
    assert (of_tone(1_000) % LEVELS).max() == LEVELS - 1
    assert 0 < (of_tone(1_000, 0.01) % LEVELS).max() < LEVELS - 1
    silent = spectrum_picture(np.zeros((COLUMNS, WINDOW), np.float32), SR)
    assert (silent % LEVELS).max() == 0


def test_windows_lie_within_the_clip_in_order() -> None:
    starts = window_starts(50_000)
    assert (len(starts), starts[0] >= 0, starts[-1] + WINDOW <= 50_000) == (COLUMNS, True, True)
    assert (np.diff(starts) >= 0).all()
    assert window_starts(10).tolist() == [0] * COLUMNS


def test_colours_get_lighter_with_the_level() -> None:
    colours = np.frombuffer(palette(), np.uint8).reshape(LEVELS * TONES, 3)
    weights = np.array([0.2126, 0.7152, 0.0722])
    light = (colours @ weights).reshape(TONES, LEVELS)
    assert (np.diff(light, axis=1) > 0).all()
