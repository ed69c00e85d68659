"""Outlines of waveforms equal the lowest and highest sample of each span, for any division into blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.signal.features.peaks import outline


@given(st.integers(1, 300), st.integers(1, 50), st.lists(st.integers(1, 90), max_size=6), st.integers(1, 2))
def test_an_outline_holds_the_extremes_of_each_span(
    frames: int, columns: int, sizes: list[int], channels: int
) -> None:
    y = np.random.default_rng(frames).uniform(-1, 1, (frames, channels)).astype(np.float32)
    cuts = [cut for cut in np.cumsum(sizes).tolist() if cut < frames]
    found = outline(np.split(y, cuts), frames, columns)
    count = min(frames, columns)
    assert found.shape == (count, 2)
    for column in range(count):
        span = y[column * frames // count : (column + 1) * frames // count]
        assert found[column].tolist() == [round(127 * float(span.min())), round(127 * float(span.max()))]


def test_what_is_missing_is_silence_and_loud_samples_are_clipped() -> None:
    loud = np.full((2, 1), 4.0, np.float32)
    assert outline([loud], 4, 4).tolist() == [[127, 127], [127, 127], [0, 0], [0, 0]]
    with pytest.raises(ValueError, match="0 and 4"):
        outline([], 0, 4)
