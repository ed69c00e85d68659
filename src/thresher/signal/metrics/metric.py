"""The interface of a metric, and the fingerprints that two of the metrics compare.

A metric maps the features of m clips and of n clips to scores: float32, shape (m, n), in [0, 1]. Row i, column
j is the score of clip i of the first block with clip j of the second. A score is computed in float64 and
rounded once to float32. It depends on the two clips and the metric's version only, so a stored score stays
valid as long as the version does.

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
Kind = Literal["fingerprint", "descriptor"]

WORD_BITS = 32

# The most clips whose triangle is computed by the metric's own function.
TRIANGLE_CLIPS = 64


class Packed(Protocol):
    """The features of a sequence of clips, laid out for a metric's kernel."""

    @classmethod
    def pack(cls, features: Iterable[NDArray[Any]], /, *, threads: int = 1) -> Self:
        """Pack the features of clips, in their order, on up to `threads` threads."""
        ...

    @property
    def count(self) -> int:
        """The number of clips."""
        ...

    def part(self, start: int, stop: int) -> Self:
        """Return the clips `start` … `stop` - 1, sharing memory."""
        ...

    def joined(self, other: Self) -> Self:
        """Return these clips followed by those of `other`."""
        ...


Features = TypeVar("Features", bound=Packed)
Compared = TypeVar("Compared", bound=Packed, contravariant=True)


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """The fingerprints of `count` clips, one after the other.

    `words` is uint32, shape (sum of `lengths`,); `lengths` is int64, shape (count,), in words, each at least 1.
    Build it with `pack`. Nothing is padded, so a long clip takes no more memory than its own words.
    """

    words: Words
    lengths: NDArray[np.int64]

    @classmethod
    def pack(cls, fingerprints: Iterable[NDArray[Any]], *, threads: int = 1) -> Self:  # noqa: ARG003  as all packs
        """Pack fingerprints, each uint32, shape (words,), at least one word long. It takes one thread only.

        Raises ValueError for another dtype or shape, and for an empty fingerprint: a clip without a fingerprint
        has no score.
        """
        arrays = list(fingerprints)
        for index, array in enumerate(arrays):
            _check_fingerprint(index, array)
        words = np.concatenate(arrays, dtype=np.uint32) if arrays else np.empty(0, np.uint32)
        return cls(words, np.array([array.size for array in arrays], dtype=np.int64))

    @property
    def count(self) -> int:
        """The number of fingerprints."""
        return int(self.lengths.size)

    def part(self, start: int, stop: int) -> Self:
        """Return the fingerprints `start` … `stop` - 1, sharing memory.

        Raises ValueError unless 0 ≤ `start` ≤ `stop` ≤ `count`.
        """
        if not 0 <= start <= stop <= self.count:
            raise ValueError(f"no part {start}:{stop} of {self.count} fingerprints")
        first = int(self.lengths[:start].sum())
        last = first + int(self.lengths[start:stop].sum())
        return type(self)(self.words[first:last], self.lengths[start:stop])

    def joined(self, other: Self) -> Self:
        """Return these fingerprints followed by those of `other`."""
        words = np.concatenate([self.words, other.words])
        return type(self)(words, np.concatenate([self.lengths, other.lengths]))

    def __iter__(self) -> Iterator[Words]:
        """Yield each fingerprint, sharing memory."""
        start = 0
        for length in self.lengths.tolist():
            yield self.words[start : start + length]
            start += length


def _check_fingerprint(index: int, array: NDArray[Any]) -> None:
    if array.dtype.type is not np.uint32 or array.ndim != 1:
        raise ValueError(
            f"fingerprint {index} must be uint32 of shape (words,), not {array.dtype} of shape {array.shape}"
        )
    if array.size == 0:
        raise ValueError(f"fingerprint {index} is empty; leave out clips without a fingerprint")


class BlockScores(Protocol[Compared]):
    """A function that scores all pairs of two blocks of clips."""

    def __call__(self, rows: Compared, columns: Compared, *, threads: int = 1) -> Scores:
        """Return the scores of m and n clips: float32, shape (m, n), on up to `threads` threads."""
        ...


@dataclass(frozen=True)
class Metric(Generic[Features]):
    """A named, versioned function of two clips → score.

    `keeps` names the feature of a clip that the catalog keeps for it: "fingerprint" or "descriptor". `packed`
    is the type that holds these features for `scores`. `small_triangle` maps the features of n clips, at most
    TRIANGLE_CLIPS, to float32, shape (n, n), filled below the diagonal and NaN elsewhere. `load_kernel` loads the
    compiled kernel, if there is one, so that also small jobs use it.
    """

    name: str
    version: int
    keeps: Kind
    packed: type[Features]
    scores: BlockScores[Features]
    small_triangle: Callable[[Features], Scores]
    load_kernel: Callable[[], object] = lambda: None

    def pack(self, features: Iterable[NDArray[Any]], *, threads: int = 1) -> Features:
        """Pack the features of clips for `scores` and `triangle`."""
        return self.packed.pack(features, threads=threads)

    def triangle(self, features: Features, *, threads: int = 1) -> Scores:
        """Return the scores of n clips among themselves: float32, shape (n, n), NaN except below the diagonal.

        It computes n (n - 1) / 2 pairs: the rectangle between the two halves of the clips, then the two halves.
        The rectangle comes first because it is the largest job: it decides whether compiled code is worth
        loading.
        """
        if features.count <= TRIANGLE_CLIPS:
            return self.small_triangle(features)
        middle = features.count // 2
        first, second = features.part(0, middle), features.part(middle, features.count)
        scores = np.full((features.count, features.count), np.nan, dtype=np.float32)
        scores[middle:, :middle] = self.scores(second, first, threads=threads)
        scores[:middle, :middle] = self.triangle(first, threads=threads)
        scores[middle:, middle:] = self.triangle(second, threads=threads)
        return scores
