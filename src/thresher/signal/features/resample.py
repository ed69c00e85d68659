"""Change the sample rate of a mono signal that arrives in blocks, with soxr at its "HQ" quality.

Blocks are float32, shape (frames,); rates are in Hz. The output does not depend on how the signal is cut into
blocks. Memory depends neither on the length of the signal nor on the rates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

PORTION = 1 << 20
"""Frames that are resampled, or made, at a time."""


def resampled(blocks: Iterable[NDArray[np.float32]], sr: int, target: int) -> Iterator[NDArray[np.float32]]:
    """Yield the signal at the rate `target`, in blocks of about PORTION frames at most."""
    import soxr  # type: ignore[import-untyped, unused-ignore]

    stream = soxr.ResampleStream(sr, target, 1, dtype="float32", quality="HQ")
    # A block of a very low rate becomes thousands of times as long.
    frames = max(1, PORTION * min(sr, target) // target)
    for block in blocks:
        for portion in _portions(block, frames):
            yield from _portions(stream.resample_chunk(np.ascontiguousarray(portion)), PORTION)
    yield from _portions(stream.resample_chunk(np.empty(0, np.float32), last=True), PORTION)


def _portions(y: NDArray[np.float32], frames: int) -> Iterator[NDArray[np.float32]]:
    return (y[start : start + frames] for start in range(0, len(y), frames))
