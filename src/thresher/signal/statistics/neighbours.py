"""The clips nearest to each clip in likeness: what maps and clusters are made of, instead of all n² distances.

Distances are 1 - likeness, float64, in [LEAST_DISTANCE, 1]. Clips go in a canonical order, by a digest of their
descriptors, so that what is made of them does not depend on the order in which they came.
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
Places = NDArray[np.int64]
Watch = Callable[[int, int], None]
"""Called with how many clips are done, and how many there are."""

LEAST_DISTANCE = 1e-6
"""Even equal clips lie so far apart: in a sparse matrix a distance of 0 would be none at all."""

# Rows compared at a time: their scores against 10,000 clips take 20 MB.
ROWS = 512


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest of each of n clips: `places`, int64, and `distances`, both of shape (n, count), nearest first."""

    places: Places
    distances: Exact


def unwatched(_done: int, _total: int) -> None:
    """For callers that don't watch."""


def distinct(descriptors: Sequence[NDArray[Any]]) -> tuple[list[int], Places]:
    """Where in `descriptors` the distinct ones are, in canonical order, and for each descriptor its place there."""
    digests = [hashlib.blake2b(one.tobytes(), digest_size=16).digest() for one in descriptors]
    first: dict[bytes, int] = {}
    for index, digest in enumerate(digests):
        first.setdefault(digest, index)
    ordered = sorted(first)
    place = {digest: number for number, digest in enumerate(ordered)}
    places = np.array([place[digest] for digest in digests], np.int64)
    return [first[digest] for digest in ordered], places


def distances(rows: Likenesses, columns: Likenesses, *, threads: int = 1) -> Exact:
    """1 - likeness of m and n clips, shape (m, n)."""
    apart: Exact = 1.0 - likeness_scores(rows, columns, threads=threads).astype(np.float64)
    return np.maximum(apart, LEAST_DISTANCE, out=apart)


def nearest_among(
    rows: Likenesses, columns: Likenesses, count: int, *, threads: int = 1, watch: Watch = unwatched
) -> Neighbours:
    """The `count` clips of `columns`, at most all, that are nearest to each of `rows`."""
    return _nearest(rows, columns, min(count, columns.count), threads, watch, is_own=False)


def nearest_others(kept: Likenesses, count: int, *, threads: int = 1, watch: Watch = unwatched) -> Neighbours:
    """The `count` other clips, at most all, that are nearest to each."""
    return _nearest(kept, kept, min(count, max(0, kept.count - 1)), threads, watch, is_own=True)


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
        some = np.argpartition(apart, count - 1, axis=1)[:, :count] if count else found.places[start:stop]
        near = np.take_along_axis(apart, some, axis=1)
        order = np.lexsort((some, near), axis=1)
        found.places[start:stop] = np.take_along_axis(some, order, axis=1)
        found.distances[start:stop] = np.take_along_axis(near, order, axis=1)
    watch(rows.count, rows.count)
    return found
