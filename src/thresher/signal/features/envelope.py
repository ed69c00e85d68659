"""The envelope of a recording: its level in a number of equal stretches, for drawing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Exact = NDArray[np.float64]


def envelope(powers: Exact, columns: int) -> Exact:
    """Return the level of each of `columns` equal stretches, in decibels below the loudest frame: float64, ≤ 0.

    `powers` are those of consecutive analysis frames (see `trim.LevelMeter.frame_powers`), > 0, shape (frames,),
    at least one. The level of a stretch is that of its loudest frame. Stretches shorter than a frame repeat it.
    """
    edges = np.arange(columns + 1) * len(powers) // columns
    starts = np.minimum(edges[:-1], len(powers) - 1)
    highest = np.array(
        [powers[start : max(end, start + 1)].max() for start, end in zip(starts, edges[1:], strict=True)]
    )
    levels: Exact = 10.0 * np.log10(highest / powers.max())
    return levels
