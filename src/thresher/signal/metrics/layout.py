"""Fingerprints laid out for the compiled kernels: rows in time order, columns word-major, both by length.

Both are padded to whole steps of the kernel by repeating the longest clip: its scores are then written more
than once, with one value. Memory is about three times that of the fingerprints; where lengths differ within a
step, each counts as its longest: at worst 16 clips of the longest length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thresher.signal.metrics.metric import Fingerprints, Words

LANES = 16
ROWS = 4
MARGIN = ROWS - 1
"""Zero words before and after each row: `ROWS` offsets are compared at once, and not all end together."""

PRESENT = 0xFFFFFFFF


@dataclass(frozen=True, eq=False)
class Rows:
    """Fingerprints in time order, shortest first, `ROWS` of them at even distances.

    `words` and `masks` are uint32 and flat: row r lies at `starts[r]` and is `lengths[r]` words long, with
    at least `MARGIN` zeros on both sides; a mask has all bits set where its word is the clip's. `indices[r]`
    is the clip's place in the block. The count is a multiple of `ROWS`.
    """

    words: Words
    masks: Words
    starts: NDArray[np.int64]
    lengths: NDArray[np.int32]
    indices: NDArray[np.int64]

    @classmethod
    def of(cls, fingerprints: Fingerprints, longest: int) -> Rows:
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
class Columns:
    """Fingerprints word-major, shortest first, in groups of `LANES`.

    `words` is uint32 and flat: word t of lane l of group g lies at `starts[g]` + `LANES` t + l, zero past the
    clip's end. Column `LANES` g + l is `lengths[…]` words long and its clip's place in the block `indices[…]`.
    """

    words: Words
    starts: NDArray[np.int64]
    lengths: NDArray[np.int32]
    indices: NDArray[np.int64]

    @classmethod
    def of(cls, fingerprints: Fingerprints, longest: int) -> Columns:
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
        """How many groups of `LANES`."""
        return int(self.starts.size)


def _in_order(
    fingerprints: Fingerprints, multiple: int, longest: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Indices, first words and (cut) lengths of the fingerprints, shortest first, the last repeated."""
    order = np.argsort(fingerprints.lengths, kind="stable")
    indices = np.append(order, np.repeat(order[-1], -order.size % multiple))
    starts = np.cumsum(fingerprints.lengths) - fingerprints.lengths
    return indices, starts[indices], np.minimum(fingerprints.lengths[indices], longest)


def _interleaved(words: Words, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Words:
    """Word-major words of some clips, flat, zero where a clip has ended."""
    padded = np.zeros((starts.size, int(lengths[-1])), np.uint32)
    for row, start, length in zip(padded, starts.tolist(), lengths.tolist(), strict=True):
        row[:length] = words[start : start + length]
    return padded.T.ravel()
