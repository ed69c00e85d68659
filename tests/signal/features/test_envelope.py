"""The envelope has the level of the loudest frame of each stretch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.signal.features.envelope import envelope


def test_a_stretch_has_the_level_of_its_loudest_frame() -> None:
    powers = np.array([1e-9, 1e-2, 1e-9, 1e-9, 1e-1, 1e-3])
    np.testing.assert_allclose(envelope(powers, 3), [-10, -80, 0], atol=1e-9)


@pytest.mark.parametrize("columns", [1, 2, 7, 40])
def test_a_short_recording_fills_all_columns(columns: int) -> None:
    np.testing.assert_allclose(envelope(np.array([0.25]), columns), np.zeros(columns))


@given(frames=st.integers(1, 300), columns=st.integers(1, 300))
def test_every_frame_is_seen(frames: int, columns: int) -> None:
    for loud in {0, frames // 2, frames - 1}:
        powers = np.full(frames, 1e-6)
        powers[loud] = 1.0
        assert envelope(powers, columns).max() == 0
        assert (envelope(powers, columns) == 0).sum() <= max(1, -(-columns // frames) + 1)
