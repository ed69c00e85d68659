"""Group similar clips by density; the number of clusters follows from the data.

The method is scikit-learn's HDBSCAN (R. Campello, D. Moulavi and J. Sander, "Density-based clustering based on
hierarchical density estimates", PAKDD 2013) on the distances 1 - likeness. HDBSCAN builds a minimum spanning
tree, which hardly uses long distances. So it is given the distances between near clips and from all clips to a
few hubs, instead of all n². Clips are sorted in the canonical order of `statistics/neighbours.py`, so that the
result does not depend on the order in which they are passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thresher.signal.metrics.likeness import Likenesses, likeness_scores
from thresher.signal.statistics.neighbours import (
    Exact,
    Indices,
    Neighbours,
    Watch,
    distinct,
    nearest_among,
    nearest_others,
    unwatched,
)

SMALLEST = 4
"""The default for the least number of clips in a cluster; docs/clusters.md has the figures that led to it."""

NEAR = 64
"""Neighbours of each clip whose distances HDBSCAN gets."""

HUBS = 64
"""Clips whose distances from all others HDBSCAN gets, so that the graph of distances is connected."""

# The density at a clip is taken from the distance of its nearest neighbour. With more neighbours small groups
# vanish.
DENSITY_NEIGHBOURS = 1

# Clips compared with all others at a time.
ROWS = 512


@dataclass(frozen=True, eq=False)
class Clusters:
    """The clusters of n clips.

    `labels`, int64, shape (n,): the cluster of each clip, 0 … k - 1 by descending size, -1 for clips in no
    cluster. `probabilities`, float64, shape (n,), in [0, 1]: the strength of each membership, 0 for clips in no
    cluster.
    """

    labels: Indices
    probabilities: Exact

    @property
    def count(self) -> int:
        """The number of clusters."""
        return int(self.labels.max(initial=-1)) + 1


def find_clusters(
    descriptors: Sequence[NDArray[Any]],
    smallest: int = SMALLEST,
    *,
    threads: int = 1,
    watch: Watch = unwatched,
) -> Clusters:
    """Group clips by their descriptors, with at least `smallest` (2 or more) clips in a cluster.

    Descriptors are float32, shape (DESCRIPTOR_SIZE,). Up to `threads` threads compare clips. One cluster of all
    clips is never returned; such clips are in no cluster.

    Raises ValueError for a `smallest` below 2, and what `Likenesses.pack` raises.
    """
    if smallest < 2:
        raise ValueError(f"smallest must be 2 or more clips, not {smallest}")
    count = len(descriptors)
    none = Clusters(np.full(count, -1, np.int64), np.zeros(count))
    if count < max(smallest, 3):
        return none
    order = np.argsort(distinct(descriptors)[1], kind="stable")
    packed = Likenesses.pack((descriptors[index] for index in order), threads=threads)
    near = nearest_others(packed, NEAR, threads=threads, watch=watch)
    hubs = nearest_among(packed, packed.part(0, min(count, HUBS)), HUBS, threads=threads)
    labels, probabilities = _hdbscan(_graph(near, hubs), smallest)
    none.labels[order], none.probabilities[order] = _largest_first(labels), probabilities
    return none


def find_medoid(packed: Likenesses, *, threads: int = 1) -> tuple[int, float]:
    """Return the index of the medoid of one or more clips, and the mean likeness of all pairs of them.

    The medoid is the clip with the highest mean likeness to the others. The mean likeness of a single clip is 1.
    """
    means = mean_likeness(packed, threads=threads)
    return int(means.argmax()), float(means.mean())


def mean_likeness(packed: Likenesses, *, threads: int = 1) -> Exact:
    """Return the mean likeness of each of n clips to the others: shape (n,), in [0, 1]; 1 for a single clip."""
    means = np.ones(packed.count)
    if packed.count > 1:
        for start, scores in _rows(packed, threads):
            own = scores[np.arange(len(scores)), np.arange(start, start + len(scores))]
            means[start : start + len(scores)] = (scores.sum(axis=1) - own) / (packed.count - 1)
    return means


def _rows(packed: Likenesses, threads: int) -> Iterator[tuple[int, Exact]]:
    for start in range(0, packed.count, ROWS):
        part = packed.part(start, min(packed.count, start + ROWS))
        yield start, likeness_scores(part, packed, threads=threads).astype(np.float64)


def _graph(*neighbours: Neighbours) -> Any:
    """Join the distances of several `Neighbours` of the same clips in one symmetric sparse matrix.

    It is a CSR matrix, float64, shape (n, n), without a diagonal.
    """
    from scipy.sparse import csr_matrix

    count = len(neighbours[0].indices)
    rows = np.concatenate([np.repeat(np.arange(count), each.indices.shape[1]) for each in neighbours])
    columns = np.concatenate([each.indices.ravel() for each in neighbours])
    apart = np.concatenate([each.distances.ravel() for each in neighbours])
    low, high = np.minimum(rows, columns), np.maximum(rows, columns)
    # The same pair may be listed from both sides and by several neighbours; keep its first entry.
    _, first = np.unique(low * count + high, return_index=True)
    first = first[low[first] != high[first]]
    low, high, apart = low[first], high[first], apart[first]
    pairs = (np.concatenate([low, high]), np.concatenate([high, low]))
    return csr_matrix((np.tile(apart, 2), pairs), shape=(count, count))


def _hdbscan(graph: Any, smallest: int) -> tuple[Indices, Exact]:
    from sklearn.cluster import HDBSCAN
    from threadpoolctl import threadpool_limits

    # Clusters are the leaves of the hierarchy. With the default method, excess of mass, one more or one fewer clip
    # can merge nearly all clips into one cluster.
    method = HDBSCAN(
        min_cluster_size=smallest,
        min_samples=DENSITY_NEIGHBOURS,
        metric="precomputed",
        cluster_selection_method="leaf",
        copy=True,
    )
    with threadpool_limits(1):
        method.fit(graph)
    return method.labels_, method.probabilities_


def _largest_first(labels: Indices) -> Indices:
    """Renumber labels by descending size; equally large clusters by their first member."""
    values, firsts, sizes = np.unique(labels[labels >= 0], return_index=True, return_counts=True)
    renumbered = np.full(len(labels), -1, np.int64)
    for number, index in enumerate(np.lexsort((firsts, -sizes))):
        renumbered[labels == values[index]] = number
    return renumbered
