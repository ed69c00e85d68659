"""What measures share: the passages of a clip's excerpts."""

from __future__ import annotations

import numpy as np

from thresher.signal.features.measured_clip import split
from thresher.signal.features.spectra import WORKING_RATE


def test_excerpts_are_split_without_the_frames_that_cover_two() -> None:
    levels = np.arange(3_747, dtype=np.float32)[:, None]  # two minutes
    passages = split(levels, 4)
    assert [len(passage) for passage in passages] == [934, 934, 934, 934]
    for index, passage in enumerate(passages):
        first, last = float(passage[0, 0]) * 512, float(passage[-1, 0]) * 512 + 2_048
        assert first >= index * 30 * WORKING_RATE
        assert last <= (index + 1) * 30 * WORKING_RATE
    assert len(split(levels, 1)[0]) == 3_747
