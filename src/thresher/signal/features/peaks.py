"""The outline of a waveform: the lowest and the highest sample of each of many equal spans.

Blocks are float32, shape (frames, channels), full scale ±1.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def outline(blocks: Iterable[NDArray[np.float32]], frames: int, columns: int) -> NDArray[np.int8]:
    """Return the outline of `frames` frames as int8, shape (columns, 2): lowest and highest, 127 is full scale.

    Column i covers the frames from `i · frames // columns`; each holds at least one frame, so there are at most
    `frames` columns. Frames beyond the end of the blocks count as silence. Samples are those of all channels.
    """
    if frames < 1 or columns < 1:
        raise ValueError(f"an outline needs frames and columns, not {frames} and {columns}")
    edges = np.arange(min(columns, frames) + 1) * frames // min(columns, frames)
    low = np.full(len(edges) - 1, np.inf, np.float32)
    high = np.full(len(edges) - 1, -np.inf, np.float32)
    position = 0
    for block in blocks:
        lows, highs = block.min(axis=1), block.max(axis=1)
        first = int(np.searchsorted(edges, position, "right")) - 1
        last = int(np.searchsorted(edges, position + len(block), "left"))
        starts = np.maximum(edges[first:last] - position, 0)
        low[first:last] = np.minimum(low[first:last], np.minimum.reduceat(lows, starts))
        high[first:last] = np.maximum(high[first:last], np.maximum.reduceat(highs, starts))
        position += len(block)
    both = np.stack([np.where(np.isfinite(low), low, 0), np.where(np.isfinite(high), high, 0)], axis=1)
    rounded: NDArray[np.int8] = np.clip(np.rint(both * 127), -127, 127).astype(np.int8)
    return rounded
