"""`prefix`: the share of equal bits of two fingerprints, both cut to the shorter; vectorised, or compiled.

Exactly the score of curation.py in sevagh/1000sharks.xyz, so that its songs can be made again. The numpy kernel
below and the compiled one give the same scores, bit for bit; which one runs is a matter of time only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thresher.signal.metrics.blocks import Threshold, compiled_scores, worth_compiling
from thresher.signal.metrics.metric import WORD_BITS, Fingerprints, Metric, Scores

# Work is a bound on the words that are compared: of each pair the shorter clip's, at most. In a fresh process
# numpy compares so many in the time that compiling takes, or loading what was compiled before.
PREFIX_WORK = Threshold(cold=3 << 30, cached=5 << 28)

# The kernel works on tiles of about TILE_PAIRS pairs, wide in columns: the scratch arrays of one
# tile (some 14 bytes a pair) stay in the caches, and numpy's cost per call is shared by many pairs.
# TILE_BYTES bounds the words that are laid out for one tile, where clips are very long.
TILE_PAIRS = 65_536
TILE_COLUMNS = 2_048
TILE_BYTES = 2 << 20
# Numpy copies a broadcast operand into its buffer wherever a row of the output is much shorter than
# that buffer, which costs more than the XOR itself; a short buffer keeps it from doing so.
UFUNC_BUFFER = 1_024
# Counts of 64 bits are summed in a byte this often before they must move to a wider type.
BYTE_SUMS = 3
# A triangle of few clips is compared pair by pair, in chunks of about CHUNK_WORDS words.
CHUNK_WORDS = 1 << 20
FIRST_WORD = np.uint64(0xFFFFFFFF)


def prefix_scores(rows: Fingerprints, columns: Fingerprints, *, threads: int = 1) -> Scores:
    """The share of equal bits of each pair, both cut to the shorter of the two.

    Returns float32, shape (rows.count, columns.count): with L the shorter length in words, the mean
    over the first L words of (32 - popcount(a ^ b)) / 32. Symmetric, and 1 for equal beginnings.

    The formula is the one of `correlation` in curation.py of sevagh/1000sharks.xyz.
    """
    work = min(rows.words.size * columns.count, columns.words.size * rows.count)
    if worth_compiling("prefix_block", work, PREFIX_WORK):
        # What the longest clip of one side does not reach, no pair compares.
        longest = int(min(rows.lengths.max(initial=0), columns.lengths.max(initial=0)))
        return compiled_scores("prefix_block", rows, columns, longest=longest, work=work, threads=threads)
    return vectorised_prefix_scores(rows, columns)


def vectorised_prefix_scores(rows: Fingerprints, columns: Fingerprints) -> Scores:
    """`prefix_scores` by numpy. Beside the result, memory stays below 16 MB up to clips of a day and more."""
    scores = np.empty((rows.count, columns.count), dtype=np.float32)
    # Wide tiles are the fast ones, and the score is symmetric.
    narrow, wide, target = (
        (rows, columns, scores) if rows.count <= columns.count else (columns, rows, scores.T)
    )
    if narrow.count == 0:
        return scores
    longest = int(narrow.lengths.max())
    buffer_size = np.setbufsize(UFUNC_BUFFER)
    try:
        for wide_tile in _tiles(wide, TILE_COLUMNS, longest):
            height = max(1, TILE_PAIRS // wide_tile.lengths.size)
            scratch = _Scratch.of(min(height, narrow.count) * wide_tile.lengths.size)
            for narrow_tile in _tiles(narrow, height, int(wide_tile.lengths[-1])):
                block = _tile_scores(narrow_tile, wide_tile, scratch)
                target[np.ix_(narrow_tile.indices, wide_tile.indices)] = block
    finally:
        np.setbufsize(buffer_size)
    return scores


@dataclass(frozen=True, eq=False)
class _Tile:
    """Some fingerprints of about one length, shortest first, laid out for the kernel.

    `double_words` is uint64, shape (depth, width): two words of time in one, the earlier in the low
    half, zero past the end. `indices` and `lengths` are int64, shape (width,): where each came from,
    and how many words it has. `longer_than[L]` is the first column with more than L words.
    """

    indices: NDArray[np.intp]
    lengths: NDArray[np.int64]
    double_words: NDArray[np.uint64]
    longer_than: list[int]


def _tiles(fingerprints: Fingerprints, width: int, longest: int) -> Iterator[_Tile]:
    """Tiles of up to `width` fingerprints, longest first; no more than `longest` words are laid out."""
    starts = np.cumsum(fingerprints.lengths) - fingerprints.lengths
    order = np.argsort(fingerprints.lengths, kind="stable")
    stop = order.size
    while stop > 0:
        depth = (min(int(fingerprints.lengths[order[stop - 1]]), longest) + 1) // 2
        start = max(0, stop - max(1, min(width, TILE_BYTES // (8 * depth))))
        yield _tile(fingerprints, starts, order[start:stop], depth)
        stop = start


def _tile(
    fingerprints: Fingerprints, starts: NDArray[np.int64], indices: NDArray[np.intp], depth: int
) -> _Tile:
    lengths = fingerprints.lengths[indices]
    padded = np.zeros((indices.size, 2 * depth), dtype="<u4")
    laid_out = np.minimum(lengths, 2 * depth).tolist()
    for row, start, length in zip(padded, starts[indices].tolist(), laid_out, strict=True):
        row[:length] = fingerprints.words[start : start + length]
    double_words = np.ascontiguousarray(padded.view("<u8").T, dtype=np.uint64)
    longer_than = np.searchsorted(lengths, np.arange(2 * depth + 1), side="right")
    return _Tile(indices, lengths, double_words, longer_than.tolist())


@dataclass(frozen=True, eq=False)
class _Scratch:
    """The kernel's work arrays, flat, made once and used for every tile."""

    differences: NDArray[np.uint64]
    counts: NDArray[np.uint8]
    byte_sums: NDArray[np.uint8]
    sums: NDArray[np.uint32]

    @classmethod
    def of(cls, pairs: int) -> _Scratch:
        return cls(
            np.empty(pairs, np.uint64),
            np.empty(pairs, np.uint8),
            np.empty(pairs, np.uint8),
            np.empty(pairs, np.uint32),
        )


def _tile_scores(rows: _Tile, columns: _Tile, scratch: _Scratch) -> Scores:
    bits = WORD_BITS * np.minimum(rows.lengths[:, None], columns.lengths[None, :])
    equal = bits - _different_bits(rows, columns, scratch)
    # Both are whole numbers, exact in float64: the quotient is rounded once there, then to float32.
    scores: NDArray[np.float64] = equal / bits
    return scores.astype(np.float32)


def _different_bits(rows: _Tile, columns: _Tile, scratch: _Scratch) -> NDArray[np.uint32]:
    """popcount(a ^ b) over the shorter's length, shape (rows, columns); overwritten by the next call."""
    shape = (rows.lengths.size, columns.lengths.size)
    pairs = shape[0] * shape[1]
    byte_sums = scratch.byte_sums[:pairs].reshape(shape)
    sums = scratch.sums[:pairs].reshape(shape)
    byte_sums.fill(0)
    sums.fill(0)
    for depth in range(min(len(rows.double_words), len(columns.double_words))):
        row, column = rows.longer_than[2 * depth], columns.longer_than[2 * depth]
        counts = _count_double_word(rows, columns, depth, scratch)
        # Clips that are shorter than this take no further part: they lie above and left.
        byte_sums[row:, column:] += counts
        if depth % BYTE_SUMS == BYTE_SUMS - 1:
            sums += byte_sums
            byte_sums.fill(0)
    sums += byte_sums
    return sums


def _count_double_word(rows: _Tile, columns: _Tile, depth: int, scratch: _Scratch) -> NDArray[np.uint8]:
    """Different bits at words 2 · depth and 2 · depth + 1, of the clips that have the first of them."""
    row, column = rows.longer_than[2 * depth], columns.longer_than[2 * depth]
    shape = (rows.lengths.size - row, columns.lengths.size - column)
    differences = scratch.differences[: shape[0] * shape[1]].reshape(shape)
    counts = scratch.counts[: shape[0] * shape[1]].reshape(shape)
    np.bitwise_xor(
        rows.double_words[depth, row:, None], columns.double_words[depth, column:], out=differences
    )
    # Where one clip ends after the first word, what the other has in the second does not count.
    differences[: rows.longer_than[2 * depth + 1] - row] &= FIRST_WORD
    differences[:, : columns.longer_than[2 * depth + 1] - column] &= FIRST_WORD
    np.bitwise_count(differences, out=counts)
    return counts


def prefix_triangle(fingerprints: Fingerprints) -> Scores:
    """`prefix_scores` of few clips among themselves: float32, shape (n, n), NaN but below the diagonal."""
    scores = np.full((fingerprints.count, fingerprints.count), np.nan, dtype=np.float32)
    if fingerprints.count < 2:
        return scores
    # Of the longest clip nothing counts that its longest partner does not reach.
    depth = int(np.sort(fingerprints.lengths)[-2])
    padded = np.zeros((fingerprints.count, depth), dtype=np.uint32)
    for row, words in zip(padded, fingerprints, strict=True):
        row[: min(words.size, depth)] = words[:depth]
    all_rows, all_columns = np.tril_indices(fingerprints.count, k=-1)
    step = max(1, CHUNK_WORDS // depth)
    for start in range(0, all_rows.size, step):
        rows, columns = all_rows[start : start + step], all_columns[start : start + step]
        shorter = np.minimum(fingerprints.lengths[rows], fingerprints.lengths[columns])
        counts = np.bitwise_count(padded[rows] ^ padded[columns])
        counts[np.arange(depth) >= shorter[:, None]] = 0
        bits = WORD_BITS * shorter
        scores[rows, columns] = (bits - counts.sum(axis=1, dtype=np.int64)) / bits
    return scores


PREFIX: Metric[Fingerprints] = Metric(
    "prefix", 1, "fingerprint", Fingerprints, prefix_scores, prefix_triangle
)
