"""The metric `prefix`: the share of equal bits of two fingerprints, both cut to the length of the shorter.

It is the score of curation.py in sevagh/1000sharks.xyz, so that the songs made by that script can be
reproduced. The numpy kernel in this module and the compiled one give the same scores, bit for bit. The faster
one for the job runs: small jobs use numpy, because loading numba would take longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from thresher.signal.metrics.blocks import Threshold, compiled_scores, find_kernel, worth_compiling
from thresher.signal.metrics.metric import WORD_BITS, Fingerprints, Metric, Scores

# Work is an upper bound of the words compared: those of the shorter clip of each pair. These thresholds are the
# words that numpy compares in the time it takes a new process to compile the kernel, or to load it from the
# cache.
PREFIX_WORK = Threshold(cold=3 << 30, cached=5 << 28)

# The kernel works on tiles of about TILE_PAIRS pairs with many columns. The scratch arrays of one tile (about
# 14 bytes a pair) stay in the caches, and numpy's overhead per call is shared by many pairs. TILE_BYTES bounds
# the memory of one tile's words if clips are very long.
TILE_PAIRS = 65_536
TILE_COLUMNS = 2_048
TILE_BYTES = 2 << 20
# Numpy copies a broadcast operand into its buffer if a row of the output is much shorter than that buffer. The copy
# takes longer than the XOR itself; a short buffer avoids it.
UFUNC_BUFFER = 1_024
# The number of counts of up to 64 bits that fit into the sum of a byte.
BYTE_SUMS = 3
# A triangle of few clips is compared in chunks of about CHUNK_WORDS words.
CHUNK_WORDS = 1 << 20
FIRST_WORD = np.uint64(0xFFFFFFFF)


def prefix_scores(rows: Fingerprints, columns: Fingerprints, *, threads: int = 1) -> Scores:
    """Return the share of equal bits of each pair of fingerprints, both cut to the length of the shorter.

    Returns float32, shape (rows.count, columns.count), in [0, 1]. With L the shorter length in words, a score
    is the mean over the first L words of (32 - popcount(a ^ b)) / 32. It is symmetric, and 1 for equal
    beginnings.

    Source: `correlation` in curation.py of sevagh/1000sharks.xyz.
    """
    work = min(rows.words.size * columns.count, columns.words.size * rows.count)
    if worth_compiling("prefix_block", work, PREFIX_WORK):
        # No pair compares words beyond the longest clip of either side.
        longest = int(min(rows.lengths.max(initial=0), columns.lengths.max(initial=0)))
        return compiled_scores("prefix_block", rows, columns, longest=longest, work=work, threads=threads)
    return vectorised_prefix_scores(rows, columns)


def vectorised_prefix_scores(rows: Fingerprints, columns: Fingerprints) -> Scores:
    """Return `prefix_scores`, computed by numpy.

    Besides the result it uses less than 16 MB, even for clips longer than a day.
    """
    scores = np.empty((rows.count, columns.count), dtype=np.float32)
    # Wide tiles are faster, and the score is symmetric.
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
    """Fingerprints of similar length, shortest first, laid out for the kernel.

    `double_words` is uint64, shape (depth, width): two consecutive words in one, the earlier in the low half,
    zero after the end of a clip. `indices` and `lengths`, int64, shape (width,), are the index of each clip in
    the block and its number of words. `longer_than[L]` is the first column with more than L words.
    """

    indices: NDArray[np.intp]
    lengths: NDArray[np.int64]
    double_words: NDArray[np.uint64]
    longer_than: list[int]


def _tiles(fingerprints: Fingerprints, width: int, longest: int) -> Iterator[_Tile]:
    """Yield tiles of up to `width` fingerprints, longest first, with at most `longest` words of each."""
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
    """The kernel's work arrays, flat, allocated once and used for every tile."""

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
    # Both are integers, exact in float64. The quotient is rounded once in float64, then to float32.
    scores: NDArray[np.float64] = equal / bits
    return scores.astype(np.float32)


def _different_bits(rows: _Tile, columns: _Tile, scratch: _Scratch) -> NDArray[np.uint32]:
    """Return popcount(a ^ b) over the shorter length, shape (rows, columns). The next call overwrites the
    result."""
    shape = (rows.lengths.size, columns.lengths.size)
    pairs = shape[0] * shape[1]
    byte_sums = scratch.byte_sums[:pairs].reshape(shape)
    sums = scratch.sums[:pairs].reshape(shape)
    byte_sums.fill(0)
    sums.fill(0)
    for depth in range(min(len(rows.double_words), len(columns.double_words))):
        row, column = rows.longer_than[2 * depth], columns.longer_than[2 * depth]
        counts = _count_double_word(rows, columns, depth, scratch)
        # Clips that have ended stand above and to the left, and are left out.
        byte_sums[row:, column:] += counts
        if depth % BYTE_SUMS == BYTE_SUMS - 1:
            sums += byte_sums
            byte_sums.fill(0)
    sums += byte_sums
    return sums


def _count_double_word(rows: _Tile, columns: _Tile, depth: int, scratch: _Scratch) -> NDArray[np.uint8]:
    """Count the different bits at words 2 · depth and 2 · depth + 1, for the clips that have the first of them."""
    row, column = rows.longer_than[2 * depth], columns.longer_than[2 * depth]
    shape = (rows.lengths.size - row, columns.lengths.size - column)
    differences = scratch.differences[: shape[0] * shape[1]].reshape(shape)
    counts = scratch.counts[: shape[0] * shape[1]].reshape(shape)
    np.bitwise_xor(
        rows.double_words[depth, row:, None], columns.double_words[depth, column:], out=differences
    )
    # If one clip ends after the first word, the second word of the other does not count.
    differences[: rows.longer_than[2 * depth + 1] - row] &= FIRST_WORD
    differences[:, : columns.longer_than[2 * depth + 1] - column] &= FIRST_WORD
    np.bitwise_count(differences, out=counts)
    return counts


def prefix_triangle(fingerprints: Fingerprints) -> Scores:
    """Return `prefix_scores` of few clips among themselves: float32, shape (n, n), NaN except below the
    diagonal."""
    scores = np.full((fingerprints.count, fingerprints.count), np.nan, dtype=np.float32)
    if fingerprints.count < 2:
        return scores
    # No pair compares more words than the second longest clip has.
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
    "prefix",
    1,
    "fingerprint",
    Fingerprints,
    prefix_scores,
    prefix_triangle,
    partial(find_kernel, "prefix_block"),
)
