"""Potentials: the part of each clip's transitions that contributes equally to every path.

A path contains two transitions of each clip, or one at its ends. If an amount is subtracted from all
transitions of a clip, every path loses the same amount (at the ends, the transition to the gap compensates for
it), so the best path stays the same. Some clips have good transitions with many others (hubs) and some with
none. With suitable potentials, the best transitions of a clip are those that a good path uses. A search that
examines near clips first then finds better paths in less time.

The potentials are found as in M. Held and R. Karp, "The traveling-salesman problem and minimum spanning trees",
Operations Research 18 (1970). Potentials of clips with many branches in the best spanning tree rise and those
of its leaves fall, until each clip has two branches as in a path. Each step also considers the tree before: K.
Helsgaun, "An effective implementation of the Lin-Kernighan traveling salesman heuristic", European Journal of
Operational Research 126 (2000).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
Potentials = NDArray[np.float64]
Counts = NDArray[np.int64]

# The number of trees: fewer for many clips.
LEAST_TREES, MOST_TREES, TREE_CLIPS = 5, 25, 50_000
# The first step as a part of the mean transition in the first tree, and the last step as a part of the first.
FIRST_STEP, LAST_STEP = 0.1, 0.03
# The weight of a tree; the tree before has the rest.
WEIGHT = 0.7


def potentials(scores: Scores) -> Potentials:
    """The potentials of n clips, float64, shape (n,), from their scores, float32, shape (n, n), symmetric and
    finite.

    Takes 25 n² steps up to 2,000 clips, and fewer trees for more clips. Needs the memory of a few rows. Sums
    are taken term by term, so the result is the same on every machine.
    """
    count = len(scores)
    trees = max(LEAST_TREES, min(MOST_TREES, TREE_CLIPS // max(1, count)))
    tried: Potentials = np.zeros(count, dtype=np.float64)
    found: Potentials = tried
    excess: Potentials = np.zeros(count)
    lowest, step = np.inf, 0.0
    for tree in range(trees):
        branches, total = best_tree(scores, tried)
        bound = total + 2 * sum(tried.tolist())  # the lower it is, the closer the tree is to a path
        if bound < lowest:
            found, lowest = tried, bound
        if tree == 0:
            step = FIRST_STEP * abs(total) / max(1, count)
        before, excess = excess, (branches - 2).astype(np.float64)
        tried = tried + step * (WEIGHT * excess + (1 - WEIGHT) * before)
        step *= LAST_STEP ** (1 / trees)
    return found


def best_tree(scores: Scores, taken: Potentials) -> tuple[Counts, float]:
    """Find the spanning tree with the highest sum of transitions less the potentials `taken`, by Prim's algorithm.

    Returns the number of branches of each clip, int64, shape (n,), and the sum.
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
