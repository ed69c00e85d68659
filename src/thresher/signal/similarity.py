"""How alike two clips are: the metrics, and what each keeps of a clip.

A metric maps blocks: what it keeps of m clips and of n clips → scores, float32, shape (m, n), in
[0, 1], row i and column j being clip i of the first block and clip j of the second. A score is
computed in float64 and rounded once to float32; no metric depends on anything but the two clips,
so a score once stored stays true while its metric's version does.

A fingerprint is a uint32 array, shape (words,), one word per 0.1238 s, in order of time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Scores = NDArray[np.float32]

WORD_BITS = 32

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
# Below so many clips a triangle is compared pair by pair, in chunks of about CHUNK_WORDS words.
TRIANGLE_CLIPS = 64
CHUNK_WORDS = 1 << 20
FIRST_WORD = np.uint64(0xFFFFFFFF)


class Packed(Protocol):
    """What a metric keeps of a sequence of clips, ready for its kernel."""

    @property
    def count(self) -> int:
        """How many clips."""
        ...

    def part(self, start: int, stop: int) -> Self:
        """The clips `start` … `stop` - 1, sharing memory."""
        ...

    def joined(self, other: Self) -> Self:
        """These clips, then those of `other`."""
        ...


Kept = TypeVar("Kept", bound=Packed)


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """The fingerprints of `count` clips, one behind the other.

    `words` is uint32, shape (sum of `lengths`,); `lengths` is int64, shape (count,), in words, each
    at least 1. Build it with `pack`. A long clip costs its own words only: nothing is padded here.
    """

    words: Words
    lengths: NDArray[np.int64]

    @classmethod
    def pack(cls, fingerprints: Iterable[NDArray[Any]]) -> Self:
        """Pack fingerprints, each of shape (words,), uint32, at least one word long.

        Raises ValueError for another dtype or shape, and for an empty fingerprint: a clip without
        one has no score.
        """
        arrays = list(fingerprints)
        for index, array in enumerate(arrays):
            _check_fingerprint(index, array)
        words = np.concatenate(arrays, dtype=np.uint32) if arrays else np.empty(0, np.uint32)
        return cls(words, np.array([array.size for array in arrays], dtype=np.int64))

    @property
    def count(self) -> int:
        """How many fingerprints."""
        return int(self.lengths.size)

    def part(self, start: int, stop: int) -> Self:
        """The fingerprints `start` … `stop` - 1 (both within 0 … count), sharing memory."""
        if not 0 <= start <= stop <= self.count:
            raise ValueError(f"fingerprints {start} to {stop} were asked of {self.count}")
        first = int(self.lengths[:start].sum())
        last = first + int(self.lengths[start:stop].sum())
        return type(self)(self.words[first:last], self.lengths[start:stop])

    def joined(self, other: Self) -> Self:
        """These fingerprints, then those of `other`."""
        words = np.concatenate([self.words, other.words])
        return type(self)(words, np.concatenate([self.lengths, other.lengths]))

    def __iter__(self) -> Iterator[Words]:
        """Each fingerprint in turn, sharing memory."""
        start = 0
        for length in self.lengths.tolist():
            yield self.words[start : start + length]
            start += length


def _check_fingerprint(index: int, array: NDArray[Any]) -> None:
    if array.dtype.newbyteorder("=") != np.dtype(np.uint32) or array.ndim != 1:
        raise ValueError(
            f"fingerprint {index} is {array.dtype} of shape {array.shape}, not uint32 of shape (words,)"
        )
    if array.size == 0:
        raise ValueError(f"fingerprint {index} is empty; a clip without a fingerprint has no prefix score")


@dataclass(frozen=True)
class Metric(Generic[Kept]):
    """A named, versioned function of two clips → score.

    `keeps` says what is needed of a clip ("fingerprint"); `pack` turns a sequence of those arrays
    into what `scores` takes; `scores` maps blocks of m and n clips → float32, shape (m, n).
    `small_triangle` maps n clips, few of them, → float32, shape (n, n), filled below the diagonal.
    """

    name: str
    version: int
    keeps: str
    pack: Callable[[Iterable[NDArray[Any]]], Kept]
    scores: Callable[[Kept, Kept], Scores]
    small_triangle: Callable[[Kept], Scores]

    def triangle(self, kept: Kept) -> Scores:
        """The scores of n clips among themselves, float32, shape (n, n): below the diagonal, NaN elsewhere.

        Exactly n (n - 1) / 2 pairs are computed: two halves, and the rectangle between them.
        """
        if kept.count <= TRIANGLE_CLIPS:
            return self.small_triangle(kept)
        middle = kept.count // 2
        first, second = kept.part(0, middle), kept.part(middle, kept.count)
        scores = np.full((kept.count, kept.count), np.nan, dtype=np.float32)
        scores[:middle, :middle] = self.triangle(first)
        scores[middle:, :middle] = self.scores(second, first)
        scores[middle:, middle:] = self.triangle(second)
        return scores


def prefix_scores(rows: Fingerprints, columns: Fingerprints) -> Scores:
    """The share of equal bits of each pair, both cut to the shorter of the two.

    Returns float32, shape (rows.count, columns.count): with L the shorter length in words, the mean
    over the first L words of (32 - popcount(a ^ b)) / 32. Symmetric, and 1 for equal beginnings.
    Beside the result, memory stays below 16 MB up to clips of a day and more.

    The formula is the one of `correlation` in curation.py of sevagh/1000sharks.xyz.
    """
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
    "prefix", 1, "fingerprint", Fingerprints.pack, prefix_scores, prefix_triangle
)

_METRICS: Sequence[Metric[Any]] = (PREFIX,)
METRICS: Mapping[str, Metric[Any]] = MappingProxyType({metric.name: metric for metric in _METRICS})
