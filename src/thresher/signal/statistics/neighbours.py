"""The nearest neighbours of each clip by likeness. The map and the clusters need these, not all n² distances.

Distances are 1 - likeness, float64, in [LEAST_DISTANCE, 1]. `distinct` sorts clips in a canonical order, by a
digest of their descriptors, so that results do not depend on the order in which clips are passed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thresher.signal.metrics.likeness import Likenesses, likeness_scores

Exact = NDArray[np.float64]
Indices = NDArray[np.int64]
Watch = Callable[[int, int], None]
"""A progress callback: it gets the number of clips done and their total."""

LEAST_DISTANCE = 1e-6
"""The distance of equal clips: a sparse matrix would drop a distance of 0."""

# Clips compared with all others at a time: the scores against 10,000 clips take 20 MB.
ROWS = 512


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest neighbours of each of n clips, nearest first.

    `indices`, int64, and `distances`, float64, both have the shape (n, count).
    """

    indices: Indices
    distances: Exact


def unwatched(_done: int, _total: int) -> None:
    """A progress callback that does nothing."""


def distinct(descriptors: Sequence[NDArray[Any]]) -> tuple[list[int], Indices]:
    """Find equal descriptors and sort the distinct ones in canonical order.

    Returns the index in `descriptors` of each distinct one, in canonical order, and for each descriptor its
    index in that order, shape (len(descriptors),).
    """
    digests = [hashlib.blake2b(one.tobytes(), digest_size=16).digest() for one in descriptors]
    first: dict[bytes, int] = {}
    for index, digest in enumerate(digests):
        first.setdefault(digest, index)
    ordered = sorted(first)
    rank = {digest: number for number, digest in enumerate(ordered)}
    ranks = np.array([rank[digest] for digest in digests], np.int64)
    return [first[digest] for digest in ordered], ranks


def distances(rows: Likenesses, columns: Likenesses, *, threads: int = 1) -> Exact:
    """Return the distances between m and n clips, shape (m, n)."""
    apart: Exact = 1.0 - likeness_scores(rows, columns, threads=threads).astype(np.float64)
    return np.maximum(apart, LEAST_DISTANCE, out=apart)


def nearest_among(
    rows: Likenesses, columns: Likenesses, count: int, *, threads: int = 1, watch: Watch = unwatched
) -> Neighbours:
    """Find the `count` clips of `columns` (or all, if fewer) that are nearest to each clip of `rows`."""
    return _nearest(rows, columns, min(count, columns.count), threads, watch, is_own=False)


def nearest_others(
    packed: Likenesses, count: int, *, threads: int = 1, watch: Watch = unwatched
) -> Neighbours:
    """Find the `count` other clips (or all others, if fewer) that are nearest to each clip."""
    return _nearest(packed, packed, min(count, max(0, packed.count - 1)), threads, watch, is_own=True)


def _nearest(
    rows: Likenesses, columns: Likenesses, count: int, threads: int, watch: Watch, *, is_own: bool
) -> Neighbours:
    found = Neighbours(np.empty((rows.count, count), np.int64), np.empty((rows.count, count)))
    for start in range(0, rows.count, ROWS):
        watch(start, rows.count)
        stop = min(rows.count, start + ROWS)
        apart = distances(rows.part(start, stop), columns, threads=threads)
        if is_own:
            apart[np.arange(stop - start), np.arange(start, stop)] = np.inf
        some = np.argpartition(apart, count - 1, axis=1)[:, :count] if count else found.indices[start:stop]
        near = np.take_along_axis(apart, some, axis=1)
        order = np.lexsort((some, near), axis=1)
        found.indices[start:stop] = np.take_along_axis(some, order, axis=1)
        found.distances[start:stop] = np.take_along_axis(near, order, axis=1)
    watch(rows.count, rows.count)
    return found
