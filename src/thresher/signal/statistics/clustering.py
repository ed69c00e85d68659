"""Clusters: groups of clips that sound alike, found by their density, without their number being said.

HDBSCAN (R. Campello, D. Moulavi and J. Sander, "Density-based clustering based on hierarchical density
estimates", PAKDD 2013), as scikit-learn has it, on distances of 1 - likeness. It gets those between near clips,
and from all clips to a few, rather than all n²: what it makes of them is a minimum spanning tree, and that
hardly uses others. Clips go in the canonical order of signal/neighbours.py.
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
    Neighbours,
    Places,
    Watch,
    distinct,
    nearest_among,
    nearest_others,
    unwatched,
)

SMALLEST = 4
"""Clips that make a cluster at least, unless another number is asked for; docs/clusters.md says why."""

NEAR = 64
"""Neighbours of each clip whose distances count."""

HUBS = 64
"""Clips whose distances from all others count, so that no group of clips is cut off from the rest."""

# The density at a clip is measured by the distance of its nearest neighbour: more of them see no small groups.
DENSITY_NEIGHBOURS = 1

# Rows of members compared at a time.
ROWS = 512


@dataclass(frozen=True, eq=False)
class Clusters:
    """What n clips are grouped into.

    `labels`, int64, shape (n,): 0 … k - 1, the largest cluster first, -1 for clips that are kin to none;
    `probabilities`, float64, shape (n,), in [0, 1]: how surely a clip belongs where it is, 0 where it is nowhere.
    """

    labels: Places
    probabilities: Exact

    @property
    def count(self) -> int:
        """How many clusters there are."""
        return int(self.labels.max(initial=-1)) + 1


def find_clusters(
    descriptors: Sequence[NDArray[Any]],
    smallest: int = SMALLEST,
    *,
    threads: int = 1,
    watch: Watch = unwatched,
) -> Clusters:
    """Group clips by their descriptors, at least `smallest` (2 or more) to a cluster.

    All clips in one cluster is no answer: then they are in none. Up to `threads` compare clips. Raises ValueError
    for a smaller `smallest`, and as `Likenesses.pack` does.
    """
    if smallest < 2:
        raise ValueError(f"a cluster of {smallest} clips is none; 2 is the least")
    count = len(descriptors)
    none = Clusters(np.full(count, -1, np.int64), np.zeros(count))
    if count < max(smallest, 3):
        return none
    order = np.argsort(distinct(descriptors)[1], kind="stable")
    kept = Likenesses.pack((descriptors[index] for index in order), threads=threads)
    near = nearest_others(kept, NEAR, threads=threads, watch=watch)
    hubs = nearest_among(kept, kept.part(0, min(count, HUBS)), HUBS, threads=threads)
    labels, probabilities = _hdbscan(_graph(near, hubs), smallest)
    none.labels[order], none.probabilities[order] = _largest_first(labels), probabilities
    return none


def mean_likeness(kept: Likenesses, *, threads: int = 1) -> Exact:
    """How like the others each of n clips is, in the mean: shape (n,); 1 for a clip that is alone."""
    means = np.ones(kept.count)
    if kept.count > 1:
        for start, scores in _rows(kept, threads):
            own = scores[np.arange(len(scores)), np.arange(start, start + len(scores))]
            means[start : start + len(scores)] = (scores.sum(axis=1) - own) / (kept.count - 1)
    return means


def _rows(kept: Likenesses, threads: int) -> Iterator[tuple[int, Exact]]:
    for start in range(0, kept.count, ROWS):
        part = kept.part(start, min(kept.count, start + ROWS))
        yield start, likeness_scores(part, kept, threads=threads).astype(np.float64)


def _graph(*of: Neighbours) -> Any:
    """The distances of `of` as one symmetric sparse matrix without a diagonal, CSR, float64."""
    from scipy.sparse import csr_matrix

    count = len(of[0].places)
    rows = np.concatenate([np.repeat(np.arange(count), each.places.shape[1]) for each in of])
    columns = np.concatenate([each.places.ravel() for each in of])
    apart = np.concatenate([each.distances.ravel() for each in of])
    low, high = np.minimum(rows, columns), np.maximum(rows, columns)
    # a pair may be listed from both sides and by both kinds: it counts once
    _, first = np.unique(low * count + high, return_index=True)
    first = first[low[first] != high[first]]
    low, high, apart = low[first], high[first], apart[first]
    pairs = (np.concatenate([low, high]), np.concatenate([high, low]))
    return csr_matrix((np.tile(apart, 2), pairs), shape=(count, count))


def _hdbscan(graph: Any, smallest: int) -> tuple[Places, Exact]:
    from sklearn.cluster import HDBSCAN
    from threadpoolctl import threadpool_limits

    # leaves of the hierarchy; by excess of mass, one clip more or less could join nearly all in one cluster
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


def _largest_first(labels: Places) -> Places:
    """Labels renumbered by size; among equals, the one whose first member comes first."""
    values, firsts, sizes = np.unique(labels[labels >= 0], return_index=True, return_counts=True)
    renumbered = np.full(len(labels), -1, np.int64)
    for number, place in enumerate(np.lexsort((firsts, -sizes))):
        renumbered[labels == values[place]] = number
    return renumbered
