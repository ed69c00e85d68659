"""The share of a clip's samples that are clipped: at full scale, or in flat tops below it.

Flat tops below full scale come from audio that was clipped first and made quieter afterwards. A signal is
float32, in blocks of shape (frames, channels), full scale ±1.0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FULL_SCALE = np.float32(1.0 - 2.0**-15)
"""The highest sample of 16-bit audio."""

SHORTEST_RUN = 3  # equal samples in a row

PIECE_FRAMES = 16_384  # frames searched at a time: they fit into a core's cache

# The top of a smooth wave is also flat if the wave is quantised to few levels. But at a distance of half the run's
# length beyond the run, such a wave has fallen by 4.5 levels at most (by 9 of the smallest levels of µ-law, whose
# step sizes double). A clipped wave falls as steeply as it rose, so it has fallen further. With very few levels no
# wave falls that far, and nothing is counted.
LEVELS_BEYOND = 10.0


def clipping(blocks: Sequence[Floats]) -> float:
    """Return the share of the samples of a signal that are clipped, in [0, 1].

    `blocks` hold the whole signal, in order; none is empty.
    """
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
    """Count the samples of one channel, `sign` · `pieces`, that are clipped at the top.

    `pieces` have the shape (frames,); `extremes` holds the highest sample of each.
    """
    extreme = extremes.max()
    if not extreme > 0:
        return 0
    if extreme < FULL_SCALE:
        return _in_flat_tops(pieces, sign, extreme, extremes)
    loud = [piece for piece, highest in zip(pieces, extremes, strict=True) if highest >= FULL_SCALE]
    return sum(int(np.count_nonzero(sign * piece >= FULL_SCALE)) for piece in loud)


def _in_flat_tops(pieces: list[Floats], sign: np.float32, extreme: np.float32, extremes: Floats) -> int:
    """Count the samples of `sign` · `pieces` in flat tops at `extreme`, which is the highest of `extremes`."""
    firsts = np.cumsum([0] + [len(piece) for piece in pieces])
    starts, ends = _runs(
        [
            (first, piece == sign * extreme)
            for first, piece, highest in zip(firsts, pieces, extremes, strict=False)
            if highest == extreme
        ]
    )
    lengths = ends - starts
    beyond = (lengths + 1) // 2
    before, after = starts - beyond, ends - 1 + beyond
    runs = (lengths >= SHORTEST_RUN) & (before >= 0) & (after < firsts[-1])
    if not runs.any():
        return 0
    near = [np.unique(sign * piece[sign * piece > np.float32(0.5) * extreme]) for piece in pieces]
    level = _level(np.concatenate(near), extreme)
    beside = sign * np.stack([_samples(pieces, firsts, at[runs]) for at in (before, after)])
    return int(lengths[runs][extreme - beside.max(axis=0) > LEVELS_BEYOND * level].sum())


def _runs(places: list[tuple[np.intp, NDArray[np.bool_]]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where runs of True start and end, given pieces of a sequence and the place of each.

    Runs that are too short to count are left out, unless they touch the end of a piece: those are joined.
    """
    found = []
    for first, is_inside in places:
        changes = np.flatnonzero(np.diff(is_inside, prepend=False, append=False))
        starts, ends = changes[::2], changes[1::2]
        kept = (ends - starts >= SHORTEST_RUN) | (starts == 0) | (ends == len(is_inside))
        found.append(first + np.stack([starts[kept], ends[kept]]))
    starts, ends = np.concatenate(found, axis=1)
    return starts[starts != np.r_[-1, ends][:-1]], ends[ends != np.r_[starts, -1][1:]]


def _samples(pieces: list[Floats], firsts: NDArray[np.intp], at: NDArray[np.intp]) -> Floats:
    """Return the samples at the places `at` of a signal in pieces; each begins at its place in `firsts`."""
    where = np.searchsorted(firsts, at, "right") - 1
    values = np.empty(len(at), np.float32)
    for index in np.unique(where):
        inside = where == index
        values[inside] = pieces[index][at[inside] - firsts[index]]
    return values


def _level(values: Floats, extreme: np.float32) -> float:
    """Return the step between the quantisation levels near `extreme`; `values` are the samples above half of it."""
    near = np.unique(values)
    return float(np.diff(near).min()) if len(near) > 1 else float(extreme)
