"""Dither: the rounding error does not depend on the signal, and the noise does not depend on the blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.signal.mixing.dither import Dither

STEP = 1 / 32768


def rounded(level: float, frames: int = 200_000) -> np.ndarray:
    """A constant signal of `level` steps with dither, in steps of 16 bits."""
    y: np.ndarray = Dither(1).process(np.full((frames, 1), level * STEP, np.float32)) / STEP
    steps: np.ndarray = np.rint(y)
    return steps


@pytest.mark.parametrize("level", [0.0, 0.1, 0.25, 0.5, 0.9, -3.3])
def test_mean_and_variance_of_the_error_are_the_same_at_every_level(level: float) -> None:
    """Triangular noise: mean 0, and a quarter of a step squared (Lipshitz, Wannamaker and Vanderkooy, 1992)."""
    error = rounded(level) - level
    assert error.mean() == pytest.approx(0, abs=0.01)
    assert error.var() == pytest.approx(0.25, abs=0.01)


def test_a_signal_smaller_than_a_step_is_preserved() -> None:
    time = np.arange(160_000) / 16_000
    tone = 0.3 * np.sin(2 * np.pi * 500 * time)
    dithered = Dither(1).process((tone * STEP).astype(np.float32)[:, np.newaxis])
    y: np.ndarray = np.rint(np.ravel(dithered) / STEP)
    assert 2 * np.dot(y, np.sin(2 * np.pi * 500 * time)) / len(y) == pytest.approx(0.3, abs=0.02)


def test_the_noise_is_within_a_step_and_differs_between_channels() -> None:
    noise = Dither(2).process(np.zeros((50_000, 2), np.float32))
    assert np.abs(noise).max() < STEP
    assert abs(np.asarray(np.corrcoef(noise.T))[0, 1]) < 0.02


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8))
def test_the_noise_does_not_depend_on_the_blocks(sizes: list[int]) -> None:
    whole = Dither(2).process(np.zeros((sum(sizes), 2), np.float32))
    dither = Dither(2)
    pieces = [dither.process(np.zeros((size, 2), np.float32)) for size in sizes]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
