"""Resampled signals: the same from blocks of any size, and never much at a time."""

from __future__ import annotations

import numpy as np
import pytest
import soxr  # type: ignore[import-untyped, unused-ignore]

from thresher.signal.features.resample import PORTION, resampled


@pytest.mark.parametrize(
    ("sr", "target"), [(8_000, 16_000), (44_100, 16_000), (10, 11_025), (192_000, 16_000)]
)
@pytest.mark.parametrize("size", [333, 100_000])
def test_blocks_of_any_size_give_the_samples_of_the_whole_signal(sr: int, target: int, size: int) -> None:
    y = np.random.default_rng(0).normal(size=min(3 * sr + 100, 60_000)).astype(np.float32)
    blocks = [y[start : start + size] for start in range(0, len(y), size)]
    np.testing.assert_array_equal(
        np.concatenate(list(resampled(blocks, sr, target))), soxr.resample(y, sr, target)
    )


def test_a_block_of_one_hertz_becomes_many_blocks() -> None:
    lengths = [len(block) for block in resampled([np.ones(1_000, np.float32)], 1, 11_025)]
    assert sum(lengths) == 11_025_000
    assert max(lengths) <= PORTION
