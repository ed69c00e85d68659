"""Lay fingerprints out for the compiled kernels: rows in time order, columns word by word, both shortest first.

Both are padded to whole steps of the kernel by repeating the longest clip. Its scores are then written more
than once, with the same value. The layouts take about three times the memory of the fingerprints. If lengths
differ within a step, each clip takes the space of the longest one: at worst 16 clips of the longest length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thresher.signal.metrics.metric import Fingerprints, Words

LANES = 16
ROWS = 4
MARGIN = ROWS - 1
"""Zero words before and after each row: the kernel compares `ROWS` offsets at once, and not all of them end
together."""

PRESENT = 0xFFFFFFFF


@dataclass(frozen=True, eq=False)
class RowLayout:
    """Fingerprints in time order, shortest first, in steps of `ROWS` at equal distances.

    `words` and `masks` are uint32 and flat. Row r begins at `starts[r]`, is `lengths[r]` words long and has at
    least `MARGIN` zeros on both sides. A mask has all bits set where its word belongs to a clip. `indices[r]`
    is the index of the clip in the block. The number of rows is a multiple of `ROWS`.
    """

    words: Words
    masks: Words
    starts: NDArray[np.int64]
    lengths: NDArray[np.int32]
    indices: NDArray[np.int64]

    @classmethod
    def of(cls, fingerprints: Fingerprints, longest: int) -> RowLayout:
        """Lay out at least one fingerprint, each cut to `longest` words."""
        indices, sources, lengths = _in_order(fingerprints, ROWS, longest)
        steps = np.repeat(lengths[ROWS - 1 :: ROWS] + 2 * MARGIN, ROWS)
        starts = np.cumsum(steps) - steps + MARGIN
        words = np.zeros(int(steps.sum()), np.uint32)
        masks = np.zeros(words.size, np.uint32)
        for start, source, length in zip(starts.tolist(), sources.tolist(), lengths.tolist(), strict=True):
            words[start : start + length] = fingerprints.words[source : source + length]
            masks[start : start + length] = PRESENT
        return cls(words, masks, starts, lengths.astype(np.int32), indices)


@dataclass(frozen=True, eq=False)
class ColumnLayout:
    """Fingerprints word by word, shortest first, in groups of `LANES`.

    `words` is uint32 and flat. Word t of lane l of group g is at `starts[g]` + `LANES` t + l, zero after the
    end of the clip. Column `LANES` g + l is `lengths[…]` words long; `indices[…]` is the index of its clip in
    the block.
    """

    words: Words
    starts: NDArray[np.int64]
    lengths: NDArray[np.int32]
    indices: NDArray[np.int64]

    @classmethod
    def of(cls, fingerprints: Fingerprints, longest: int) -> ColumnLayout:
        """Lay out at least one fingerprint, each cut to `longest` words."""
        indices, sources, lengths = _in_order(fingerprints, LANES, longest)
        sizes = LANES * lengths[LANES - 1 :: LANES]
        starts = np.cumsum(sizes) - sizes
        words = np.empty(int(sizes.sum()), np.uint32)
        for group, (start, size) in enumerate(zip(starts.tolist(), sizes.tolist(), strict=True)):
            lanes = slice(group * LANES, group * LANES + LANES)
            words[start : start + size] = _interleaved(fingerprints.words, sources[lanes], lengths[lanes])
        return cls(words, starts, lengths.astype(np.int32), indices)

    @property
    def groups(self) -> int:
        """The number of groups."""
        return int(self.starts.size)


def _in_order(
    fingerprints: Fingerprints, multiple: int, longest: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices, first words and cut lengths of fingerprints, shortest first.

    The last one is repeated until their number is a multiple of `multiple`.
    """
    order = np.argsort(fingerprints.lengths, kind="stable")
    indices = np.append(order, np.repeat(order[-1], -order.size % multiple))
    starts = np.cumsum(fingerprints.lengths) - fingerprints.lengths
    return indices, starts[indices], np.minimum(fingerprints.lengths[indices], longest)


def _interleaved(words: Words, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Words:
    """Return the first words of all clips, then their second words and so on; zero after the end of a clip."""
    padded = np.zeros((starts.size, int(lengths[-1])), np.uint32)
    for row, start, length in zip(padded, starts.tolist(), lengths.tolist(), strict=True):
        row[:length] = words[start : start + length]
    return padded.T.ravel()
