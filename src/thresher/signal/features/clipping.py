"""How much of a clip is clipped: at full scale, or in flat tops where it was clipped before it was made quieter.

A signal is float32, in blocks of shape (frames, channels), full scale ±1.0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FULL_SCALE = np.float32(1.0 - 2.0**-15)
"""The highest sample of 16-bit audio."""

SHORTEST_RUN = 3  # equal samples in a row

PIECE_FRAMES = 16_384  # looked at together: in a core's cache

# The top of a smooth wave in few levels is flat too. But half its own length beyond such a run the wave has gone
# down by 4.5 levels at most (9 of the finest, where those of µ-law halve), whereas one that was cut off goes on as
# steeply as it came. In very few levels nothing falls so far.
LEVELS_BEYOND = 10.0


def clipping(blocks: Sequence[Floats]) -> float:
    """Share of the samples of a signal that are clipped, 0 … 1; `blocks` are all of it, in order, none empty."""
    highest, lowest = np.empty((2, len(blocks), blocks[0].shape[1]), np.float32)
    for index, block in enumerate(blocks):
        for start in range(0, len(block), PIECE_FRAMES):
            rows = np.ascontiguousarray(block[start : start + PIECE_FRAMES].T)
            above, below = rows.max(axis=1), rows.min(axis=1)
            highest[index] = np.maximum(highest[index], above) if start else above
            lowest[index] = np.minimum(lowest[index], below) if start else below
    clipped = 0
    for channel in range(highest.shape[1]):
        pieces = [block[:, channel] for block in blocks]
        clipped += _clipped(pieces, np.float32(1.0), highest[:, channel])
        clipped += _clipped(pieces, np.float32(-1.0), -lowest[:, channel])
    return clipped / sum(block.size for block in blocks)


def _clipped(pieces: list[Floats], sign: np.float32, extremes: Floats) -> int:
    """How many samples of `sign` · `pieces` of a channel, (frames,), are clipped above; each has its extreme."""
    extreme = extremes.max()
    if not extreme > 0:
        return 0
    if extreme < FULL_SCALE:
        return _in_flat_tops(pieces, sign, extreme, extremes)
    loud = [piece for piece, highest in zip(pieces, extremes, strict=True) if highest >= FULL_SCALE]
    return sum(int(np.count_nonzero(sign * piece >= FULL_SCALE)) for piece in loud)


def _in_flat_tops(pieces: list[Floats], sign: np.float32, extreme: np.float32, extremes: Floats) -> int:
    """How many samples of `sign` · `pieces` lie in flat tops at `extreme`, the highest of `extremes`."""
    firsts = np.cumsum([0] + [len(piece) for piece in pieces[:-1]])
    reaching = zip(firsts, pieces, extremes, strict=True)
    at = np.concatenate(
        [
            first + np.flatnonzero(piece == sign * extreme)
            for first, piece, highest in reaching
            if highest == extreme
        ]
    )
    if len(at) < SHORTEST_RUN:
        return 0
    breaks = np.flatnonzero(np.diff(at) > 1)
    starts, ends = at[np.r_[0, breaks + 1]], at[np.r_[breaks, len(at) - 1]]
    lengths = ends - starts + 1
    beyond = (lengths + 1) // 2
    before, after = starts - beyond, ends + beyond
    runs = (lengths >= SHORTEST_RUN) & (before >= 0) & (after < firsts[-1] + len(pieces[-1]))
    if not runs.any():
        return 0
    channel = sign * np.concatenate(pieces)
    level = _level(channel, extreme)
    beside = np.maximum(channel[before[runs]], channel[after[runs]])
    return int(lengths[runs][extreme - beside > LEVELS_BEYOND * level].sum())


def _level(channel: Floats, extreme: np.float32) -> float:
    """How far apart the levels of `channel` are near `extreme`."""
    near = np.unique(channel[channel > np.float32(0.5) * extreme])
    return float(np.diff(near).min()) if len(near) > 1 else float(extreme)
