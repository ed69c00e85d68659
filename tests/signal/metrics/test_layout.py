"""Fingerprints are laid out for the kernels: every word once at its place, zeros elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from thresher.signal.metrics.layout import LANES, MARGIN, PRESENT, ROWS, ColumnLayout, RowLayout
from thresher.signal.metrics.metric import Fingerprints, Words


def fingerprints(lengths: list[int]) -> list[Words]:
    generator = np.random.default_rng(len(lengths))
    return [generator.integers(1, 1 << 32, length, dtype=np.uint32) for length in lengths]


LENGTHS = [[1], [5, 1, 9], [7] * ROWS, list(range(1, 2 * LANES + 4))]


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("longest", [1_000, 4])
def test_each_row_is_its_clip_between_zeros(lengths: list[int], longest: int) -> None:
    clips = fingerprints(lengths)
    layout = RowLayout.of(Fingerprints.pack(clips), longest)
    assert layout.starts.size % ROWS == 0
    assert set(layout.indices.tolist()) == set(range(len(clips)))
    assert (np.diff(layout.lengths) >= 0).all()
    used = np.zeros(layout.words.size, bool)
    for index, start, length in zip(layout.indices, layout.starts, layout.lengths, strict=True):
        assert np.array_equal(layout.words[start : start + length], clips[index][:longest])
        around = np.r_[start - MARGIN : start, start + length : start + length + MARGIN]
        assert not layout.words[around].any()
        used[start : start + length] = True
    assert np.array_equal(layout.masks, np.where(used, PRESENT, 0))
    assert not layout.words[~used].any()


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("longest", [1_000, 4])
def test_each_lane_is_its_clip_then_zeros(lengths: list[int], longest: int) -> None:
    clips = fingerprints(lengths)
    layout = ColumnLayout.of(Fingerprints.pack(clips), longest)
    assert layout.indices.size == LANES * layout.groups
    assert set(layout.indices.tolist()) == set(range(len(clips)))
    ends = [*layout.starts[1:].tolist(), layout.words.size]
    for column, (index, length) in enumerate(zip(layout.indices, layout.lengths, strict=True)):
        group, lane = divmod(column, LANES)
        words = layout.words[layout.starts[group] + lane : ends[group] : LANES]
        assert np.array_equal(words[:length], clips[index][:longest])
        assert not words[length:].any()
