"""What a metric is, and what it keeps of clips.

A metric maps blocks: what it keeps of m clips and of n clips → scores, float32, shape (m, n), in
[0, 1], row i and column j being clip i of the first block and clip j of the second. A score is
computed in float64 and rounded once to float32; no metric depends on anything but the two clips,
so a score once stored stays true while its metric's version does.

A fingerprint is a uint32 array, shape (words,), one word per 0.1238 s, in order of time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Scores = NDArray[np.float32]

WORD_BITS = 32

# Below so many clips a triangle is computed by the metric itself.
TRIANGLE_CLIPS = 64


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
Taken = TypeVar("Taken", bound=Packed, contravariant=True)
Made = TypeVar("Made", bound=Packed, covariant=True)
Kind = Literal["fingerprint", "descriptor"]


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """The fingerprints of `count` clips, one behind the other.

    `words` is uint32, shape (sum of `lengths`,); `lengths` is int64, shape (count,), in words, each
    at least 1. Build it with `pack`. A long clip costs its own words only: nothing is padded here.
    """

    words: Words
    lengths: NDArray[np.int64]

    @classmethod
    def pack(cls, fingerprints: Iterable[NDArray[Any]], *, threads: int = 1) -> Self:  # noqa: ARG003
        """Pack fingerprints, each of shape (words,), uint32, at least one word long; one thread does it.

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
    if array.dtype.type is not np.uint32 or array.ndim != 1:
        raise ValueError(
            f"fingerprint {index} is {array.dtype} of shape {array.shape}, not uint32 of shape (words,)"
        )
    if array.size == 0:
        raise ValueError(f"fingerprint {index} is empty; a clip without a fingerprint has no score by it")


class Pack(Protocol[Made]):
    """What makes ready for the kernel what is kept of clips, on up to so many threads."""

    def __call__(self, kept: Iterable[NDArray[Any]], /, *, threads: int = 1) -> Made:
        """The fingerprints or descriptors, packed in their order."""
        ...


class BlockScores(Protocol[Taken]):
    """What maps blocks of m and n clips → their scores, float32, shape (m, n), on up to so many threads."""

    def __call__(self, rows: Taken, columns: Taken, *, threads: int = 1) -> Scores:
        """The scores of each pair of a row's and a column's clip."""
        ...


@dataclass(frozen=True)
class Metric(Generic[Kept]):
    """A named, versioned function of two clips → score.

    `keeps` says what is needed of a clip: "fingerprint" or "descriptor"; `pack` turns a sequence of those
    arrays into what `scores` takes. `small_triangle` maps n clips, few of them, → float32, shape (n, n), filled
    below the diagonal.
    """

    name: str
    version: int
    keeps: Kind
    pack: Pack[Kept]
    scores: BlockScores[Kept]
    small_triangle: Callable[[Kept], Scores]

    def triangle(self, kept: Kept, *, threads: int = 1) -> Scores:
        """The scores of n clips among themselves, float32, shape (n, n): below the diagonal, NaN elsewhere.

        n (n - 1) / 2 pairs: the rectangle between two halves – first, for it is the largest job and decides
        whether compiled code is worth its start – and the halves.
        """
        if kept.count <= TRIANGLE_CLIPS:
            return self.small_triangle(kept)
        middle = kept.count // 2
        first, second = kept.part(0, middle), kept.part(middle, kept.count)
        scores = np.full((kept.count, kept.count), np.nan, dtype=np.float32)
        scores[middle:, :middle] = self.scores(second, first, threads=threads)
        scores[:middle, :middle] = self.triangle(first, threads=threads)
        scores[middle:, middle:] = self.triangle(second, threads=threads)
        return scores
