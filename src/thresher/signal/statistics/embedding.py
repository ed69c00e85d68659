"""Map clips to points in the plane so that similar clips are near each other.

Points are float64, shape (n, 2), in [0, 1]. The longer side of the map has the length 1, and x is the direction
in which the points vary most.

1. Landmark multidimensional scaling (V. de Silva and J. Tenenbaum, "Sparse multidimensional scaling using
   landmark points", 2004) of the distances 1 - likeness gives a first layout. For up to SCALED clips this is
   classical scaling.
2. t-SNE (L. van der Maaten and G. Hinton, JMLR 9, 2008; Barnes-Hut form) refines the layout from the neighbours of
   each clip.
3. Of more than LANDMARKS clips only that many are laid out. Each of the others is placed between the laid-out clips
   nearest to it.

Clips are sorted in the canonical order of `statistics/neighbours.py`, and whatever would depend on the number of
threads runs on one. So the same descriptors have the same map, whatever their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thresher.signal.metrics.likeness import Likenesses
from thresher.signal.statistics.neighbours import (
    Exact,
    Neighbours,
    Watch,
    distances,
    distinct,
    nearest_among,
    nearest_others,
    unwatched,
)

LANDMARKS = 4_000
"""The most clips laid out by t-SNE, which takes most of the time; its time grows faster than their number."""

PERPLEXITY = 15.0
"""The effective number of neighbours of a clip in t-SNE; docs/clusters.md has figures for other values."""

ITERATIONS = 500

FEWEST = 8
"""With fewer clips there are too few neighbours for t-SNE, and the first layout is final."""

BETWEEN, STEEPNESS = 3, 3.0
"""Each further clip is placed between BETWEEN landmarks, weighted by 1 / distance ** STEEPNESS."""

# The clips whose distances determine the first layout: one matrix of 8 MB.
SCALED = 1_000

# The spread of the first layout when t-SNE starts, as its authors advise, and that of the seeded noise added to it:
# without noise, points on one line would stay on it.
START_SPREAD, START_NOISE = 1e-4, 1e-6


def positions(descriptors: Sequence[NDArray[Any]], *, threads: int = 1, watch: Watch = unwatched) -> Exact:
    """Return the point of each clip on the map, shape (n, 2); clips with equal descriptors share a point.

    Descriptors are float32, shape (DESCRIPTOR_SIZE,). Up to `threads` threads compare clips. Raises what
    `Likenesses.pack` raises.
    """
    firsts, ranks = distinct(descriptors)
    if len(firsts) < 2:
        return np.full((len(descriptors), 2), 0.5)
    packed = Likenesses.pack((descriptors[index] for index in firsts), threads=threads)
    landmarks = packed.part(0, min(packed.count, LANDMARKS))
    others = packed.part(landmarks.count, packed.count)
    laid_out = _laid_out(landmarks, threads, watch)
    if others.count:
        nearest = nearest_among(others, landmarks, BETWEEN, threads=threads, watch=watch)
        laid_out = np.concatenate([laid_out, _between(laid_out, nearest)])
    return _fitted(laid_out)[ranks]


def scaled(kept: Likenesses, *, threads: int = 1) -> Exact:
    """Return the first layout: landmark multidimensional scaling in two dimensions, shape (n, 2)."""
    from scipy.linalg import eigh
    from threadpoolctl import threadpool_limits

    some = kept.part(0, min(kept.count, SCALED))
    squares = distances(some, some, threads=threads) ** 2
    squares = (squares + squares.T) / 2
    np.fill_diagonal(squares, 0.0)
    means = squares.mean(axis=0)
    centred = -0.5 * (squares - means - means[:, None] + means.mean())
    layout = np.empty((kept.count, 2))
    with threadpool_limits(1):
        values, vectors = eigh(centred, subset_by_index=[some.count - 2, some.count - 1])
        values = np.maximum(values[::-1], 0.0)
        lengths = np.sqrt(values)
        axes = np.divide(vectors[:, ::-1], lengths, out=np.zeros_like(vectors), where=lengths > 1e-9)
        for start in range(0, kept.count, SCALED):
            part = kept.part(start, min(kept.count, start + SCALED))
            apart = squares if start == 0 else distances(part, some, threads=threads) ** 2
            layout[start : start + SCALED] = -0.5 * (apart - means) @ axes
    return layout


def _laid_out(kept: Likenesses, threads: int, watch: Watch) -> Exact:
    first = scaled(kept, threads=threads)
    spread = first[:, 0].std()
    if kept.count < FEWEST or spread < 1e-9:
        return first
    perplexity = min(PERPLEXITY, (kept.count - 1) / 3)
    nearest = nearest_others(kept, int(3 * perplexity) + 1, threads=threads, watch=watch)
    noise = np.random.default_rng(0).normal(scale=START_NOISE, size=first.shape)
    return _refined(first * (START_SPREAD / spread) + noise, nearest, perplexity)


def _refined(start: Exact, nearest: Neighbours, perplexity: float) -> Exact:
    from scipy.sparse import csr_matrix
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    # scikit-learn takes the first entry of each row for the clip itself, and leaves it out.
    count = len(nearest.indices)
    columns = np.column_stack([np.arange(count), nearest.indices])
    apart = np.column_stack([np.zeros(count), nearest.distances])
    pointers = np.arange(0, apart.size + 1, apart.shape[1])
    graph = csr_matrix((apart.ravel(), columns.ravel(), pointers), shape=(count, count))
    layout = TSNE(
        metric="precomputed", perplexity=perplexity, init=start, max_iter=ITERATIONS, random_state=0, n_jobs=1
    )
    with threadpool_limits(1):
        refined: NDArray[np.float32] = layout.fit_transform(graph)
    return refined.astype(np.float64)


def _between(laid_out: Exact, nearest: Neighbours) -> Exact:
    """Return weighted means of the points of the nearest landmarks."""
    weights = nearest.distances**-STEEPNESS
    weights /= weights.sum(axis=1, keepdims=True)
    between: Exact = np.einsum("ij,ijk->ik", weights, laid_out[nearest.indices])
    return between


def _fitted(layout: Exact) -> Exact:
    """Rotate a layout so that x varies most, and fit it into the unit square without distortion.

    Each axis points in the direction of positive skewness.
    """
    centred = layout - layout.mean(axis=0)
    (a, c), (_, b) = centred.T @ centred
    angle = 0.5 * np.arctan2(2 * c, a - b)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = centred @ turn
    turned *= np.where((turned**3).sum(axis=0) < 0, -1.0, 1.0)
    low, high = turned.min(axis=0), turned.max(axis=0)
    size = (high - low).max()
    if size < 1e-9:
        return np.full_like(turned, 0.5)
    fitted: Exact = np.clip((turned - (low + high) / 2) / size + 0.5, 0.0, 1.0)
    return fitted
