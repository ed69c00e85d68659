"""Potentials: what each clip's transitions contribute to every path alike, so that the search can ignore it.

A path joins each clip by two transitions, or by one at its ends. An amount subtracted from all transitions of a
clip is therefore subtracted from every path, and no path becomes better or worse than another (at the ends, the
transition to the gap returns it). Where some clips have good transitions with many others (hubs) and some with
none, the best transitions of a clip are then those that a good path has, and a search that looks at the nearest
clips first gets farther, sooner.

The potentials are found as in M. Held and R. Karp, "The traveling-salesman problem and minimum spanning trees",
Operations Research 18 (1970): those of clips by which much hangs in the best spanning tree rise, those of its
leaves fall, until each clip has two branches there as in a path. Each step heeds the tree before, too:
K. Helsgaun, "An effective implementation of the Lin-Kernighan traveling salesman heuristic", European Journal of
Operational Research 126 (2000).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
Potentials = NDArray[np.float64]
Counts = NDArray[np.int64]

# Trees that are looked at: fewer of many clips.
LEAST_TREES, MOST_TREES, TREE_CLIPS = 5, 25, 50_000
# Of the mean transition in the first tree; the last step in parts of the first.
FIRST_STEP, LAST_STEP = 0.1, 0.03
# What a tree counts beside the one before.
WEIGHT = 0.7


def potentials(scores: Scores) -> Potentials:
    """Potentials of n clips, float64, shape (n,), from their scores, float32, shape (n, n), symmetric and finite.

    Costs 25 n² steps up to 2,000 clips, fewer trees beyond; memory of a few rows. The same everywhere: sums are
    taken one by one.
    """
    count = len(scores)
    trees = max(LEAST_TREES, min(MOST_TREES, TREE_CLIPS // max(1, count)))
    tried: Potentials = np.zeros(count, dtype=np.float64)
    found: Potentials = tried
    excess: Potentials = np.zeros(count)
    lowest, step = np.inf, 0.0
    for tree in range(trees):
        branches, total = best_tree(scores, tried)
        bound = total + 2 * sum(tried.tolist())  # the lower, the nearer is the tree to a path
        if bound < lowest:
            found, lowest = tried, bound
        if tree == 0:
            step = FIRST_STEP * abs(total) / max(1, count)
        before, excess = excess, (branches - 2).astype(np.float64)
        tried = tried + step * (WEIGHT * excess + (1 - WEIGHT) * before)
        step *= LAST_STEP ** (1 / trees)
    return found


def best_tree(scores: Scores, taken: Potentials) -> tuple[Counts, float]:
    """The spanning tree whose transitions, less the potentials `taken`, sum to most, by Prim's algorithm.

    How many branches each clip has in it, int64, shape (n,), and the sum.
    """
    count = len(taken)
    best, by = np.full(count, -np.inf), np.zeros(count, dtype=np.int64)
    outside, branches = np.ones(count, dtype=np.bool_), np.zeros(count, dtype=np.int64)
    clip, total = 0, 0.0
    for _ in range(count - 1):
        outside[clip] = False
        row = scores[clip] - taken
        row -= taken[clip]
        better = (row > best) & outside
        np.copyto(best, row, where=better)
        by[better] = clip
        best[clip] = -np.inf
        clip = int(best.argmax())
        total += float(best[clip])
        branches[[clip, by[clip]]] += 1
    return branches, total
