"""Compute `aligned` by cross-correlation: all offsets of many pairs of fingerprints at once, in numpy.

The 32 bits of a word are treated as 32 signals of ±1. The sum of their cross-correlations at an offset is the
number of equal bits minus the number of different bits. A product of Fourier transforms gives all offsets at
once: for each frequency bin, the products of m by n clips are one matrix product, (m, 32) by (32, n).

Correlations are whole numbers, so rounding makes them exact. Up to LONGEST_SINGLE words, the error in single
precision stays far below 0.5, and two different ratios of correlation to overlap differ by more than the rounding
error. Longer clips are compared in double precision.

Offsets and lengths are in words (0.1238 s each). An offset is positive where the column begins after the row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thresher.signal.metrics.metric import WORD_BITS, Fingerprints, Scores, Words
from thresher.signal.threads import in_threads

LONGEST_SINGLE = 512

LEAST_WORDS = 12
LEAST_SHARE = 3
"""Clips must overlap by a third of the shorter clip and by 12 words, or by the whole shorter clip if it has fewer.
Shorter overlaps match by chance."""

TILE_CLIPS = 32
TILE_VALUES = 1 << 19
"""The most correlations in one tile, so that a tile stays in the CPU caches."""

GROUP_TILES = 16
"""The number of row tiles that keep their transforms at a time. It bounds the memory."""


KEPT_VALUES = 1 << 21
"""The most samples of signals that one tile transforms at a time: 16 MB of single, 32 MB of double precision.

Short clips that are compared with an hour-long one are transformed over its length, a few at a time.
"""


def correlated_scores(rows: Fingerprints, columns: Fingerprints, *, threads: int = 1) -> Scores:
    """Return the best score of each pair over all offsets: float32, shape (rows.count, columns.count)."""
    if rows.count > columns.count:  # keep the transforms of the smaller side
        return correlated_scores(columns, rows, threads=threads).T.copy()
    scores = np.empty((rows.count, columns.count), np.float32)
    row_tiles, column_tiles = _tiles(rows), list(_tiles(columns))
    while group := list(islice(row_tiles, GROUP_TILES)):
        in_threads(partial(_fill, scores, group), column_tiles, threads)
    return scores


def least_overlap(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the least overlap, in words, of clips of these lengths."""
    shorter = np.minimum(one, other)
    least: NDArray[np.int64] = np.maximum(-(-shorter // LEAST_SHARE), np.minimum(LEAST_WORDS, shorter))
    return least


@dataclass(frozen=True, eq=False)
class _Tile:
    """Fingerprints of similar length, the longest last: their indices in the block, their words and lengths."""

    indices: NDArray[np.intp]
    clips: list[Words]
    lengths: NDArray[np.int64]
    kept: dict[int, NDArray[Any]] = field(default_factory=dict)

    @property
    def longest(self) -> int:
        return int(self.lengths[-1])

    def transforms(self, size: int) -> NDArray[Any]:
        """Return the transforms over `size` words: complex, shape (bins, clips, WORD_BITS)."""
        if size not in self.kept:
            signals = np.zeros((len(self.clips), WORD_BITS, size))
            for signal, words in zip(signals, self.clips, strict=True):
                bits = np.unpackbits(np.ascontiguousarray(words).view(np.uint8)).reshape(-1, WORD_BITS)
                signal[:, : len(words)] = 1.0 - 2.0 * bits.T
            precision = np.complex64 if size <= 2 * LONGEST_SINGLE else np.complex128
            transforms = np.fft.rfft(signals, axis=-1).astype(precision)
            self.kept[size] = np.ascontiguousarray(transforms.transpose(2, 0, 1))
        return self.kept[size]

    def parts(self, size: int) -> Iterator[_Tile]:
        """Yield the tile itself, or pieces of it if its transforms over `size` words would exceed KEPT_VALUES."""
        most = max(1, KEPT_VALUES // (WORD_BITS * size))
        if len(self.clips) <= most:
            yield self
            return
        for first in range(0, len(self.clips), most):
            some = slice(first, first + most)
            yield _Tile(self.indices[some], self.clips[some], self.lengths[some])


def _tiles(fingerprints: Fingerprints) -> Iterator[_Tile]:
    """Yield tiles of up to TILE_CLIPS fingerprints, the shortest first."""
    clips, lengths = list(fingerprints), fingerprints.lengths
    order = np.argsort(lengths, kind="stable")
    while order.size:
        size = min(TILE_CLIPS, order.size)
        while size > 1 and size * size * 2 * lengths[order[size - 1]] > TILE_VALUES:
            size //= 2
        indices, order = order[:size], order[size:]
        yield _Tile(indices, [clips[index] for index in indices], lengths[indices])


def _fill(scores: Scores, rows: list[_Tile], columns: _Tile) -> None:
    """Write the scores of the pairs of tiles."""
    for row_tile in rows:
        size = transform_size(row_tile.longest + columns.longest - 1)
        for some_columns in columns.parts(size):
            conjugates = np.conj(some_columns.transforms(size).transpose(0, 2, 1))
            for some_rows in row_tile.parts(size):
                products = some_rows.transforms(size) @ conjugates
                correlations = np.rint(np.fft.irfft(np.ascontiguousarray(products.transpose(1, 2, 0)), size))
                places = np.ix_(some_rows.indices, some_columns.indices)
                scores[places] = _best(some_rows, some_columns, correlations)
    columns.kept.clear()


def transform_size(least: int) -> int:
    """Return the smallest fast transform size of at least `least`: 4 to 7 times a power of two."""
    power = 1 << max(0, (least - 1).bit_length() - 3)
    return power * next(part for part in (4, 5, 6, 7, 8) if power * part >= least)


def _best(rows: _Tile, columns: _Tile, correlations: NDArray[Any]) -> Scores:
    """Return the best score of each pair of two tiles: float32, shape (rows, columns).

    `correlations` has shape (rows, columns, size), for the offsets 0, 1 … and, at the end, … -2, -1.
    """
    size, precision = correlations.shape[-1], correlations.dtype
    offsets = np.arange(size, dtype=precision)
    offsets[rows.longest :] -= size
    one, other = rows.lengths[:, None], columns.lengths[None, :]
    overlaps = np.minimum(other[..., None].astype(precision), one[..., None].astype(precision) - offsets)
    overlaps += np.minimum(offsets, 0)
    ratios = np.full_like(correlations, -np.inf)
    enough = overlaps >= least_overlap(one, other)[..., None].astype(precision)
    np.divide(correlations, overlaps, out=ratios, where=enough)
    best = ratios.argmax(axis=-1)[..., None]
    bits = WORD_BITS * np.take_along_axis(overlaps, best, axis=-1)[..., 0].astype(np.int64)
    more_equal = np.take_along_axis(correlations, best, axis=-1)[..., 0].astype(np.int64)
    # Both are whole numbers and exact in float64. The ratio is rounded there once, then to float32.
    scores: Scores = ((bits + more_equal) // 2 / bits).astype(np.float32)
    return scores
