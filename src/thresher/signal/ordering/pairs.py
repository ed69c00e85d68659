"""The ordering "pairs": the best pair of two unused clips, then the next best pair, and so on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from thresher.signal.ordering.shuffle import distinct_ids

Ids = NDArray[np.int64]
Positions = NDArray[np.int64]
Scores = NDArray[np.float32]


def pairs(scores: Scores, ids: Ids) -> Positions:
    """Repeatedly take the pair of unused clips with the highest score and append both clips to the sequence.

    `scores` is float32, shape (n, n), symmetric; NaN means that two clips have no score, and the diagonal is
    ignored. `ids` is int64, shape (n,), distinct, in any order. The result is int64 positions into `ids`, shape
    (n,), a permutation of 0 … n - 1.

    Within a pair, the clip with the smaller id comes first. Pairs with equal scores are ordered by their smaller
    id, then by their larger id. After the pairs come the unpaired clips that have at least one score (one clip if
    every clip has a score with every other), then the clips without any score, both ordered by id.

    Takes time n² and memory n for any scores. Raises ValueError if the shapes disagree, an id occurs twice, or the
    scores are not symmetric.

    The pairs and their order equal those of curation.py in sevagh/1000sharks.xyz.
    """
    ids = distinct_ids(ids)
    if scores.shape != (ids.size, ids.size):
        raise ValueError(f"scores of shape {scores.shape} were given for {ids.size} clips")
    first, second = _best_pairs(scores, ids)
    paired = np.column_stack([first, second]).ravel()
    left_over = np.ones(ids.size, dtype=np.bool_)
    left_over[paired] = False
    rest = np.flatnonzero(left_over)
    unscored = np.array([not _has_score(scores, position) for position in rest.tolist()], dtype=np.bool_)
    rest = rest[np.lexsort((ids[rest], unscored))]
    return np.concatenate([paired, rest]).astype(np.int64)


def _best_pairs(scores: Scores, ids: Ids) -> tuple[Positions, Positions]:
    """The positions of the first and of the second clip of each pair, shape (pairs,) each, best pair first."""
    found = np.array(list(_mutually_best(scores, ids)), dtype=np.int64).reshape(-1, 2)
    swapped = ids[found[:, 0]] > ids[found[:, 1]]
    found[swapped] = found[swapped, ::-1]
    first, second = found[:, 0], found[:, 1]
    order = np.lexsort((ids[second], ids[first], -scores[first, second]))
    return first[order], second[order]


def _mutually_best(scores: Scores, ids: Ids) -> Iterator[tuple[int, int]]:
    """Find the same pairs as "always take the best pair of unused clips", in a different order.

    Score, first id and second id rank all pairs strictly. If two clips are each other's best unused partner, the
    greedy rule takes that pair sooner or later, because no pair of higher rank contains either clip. The search
    walks from a clip to its best partner, to that clip's best partner, and so on. The rank rises with each step,
    so the walk ends at two clips that are each other's best partner. The earlier part of the walk stays valid
    after the pair is taken. Each clip enters a walk once, so about 1.5 n rows are read for any scores.
    """
    search = _PartnerSearch(scores, ids)
    for start in np.argsort(ids, kind="stable").tolist():
        chain = [start] if search.unused[start] else []
        while chain:
            clip = chain[-1]
            previous = chain[-2] if len(chain) > 1 else None
            partner = search.best(clip)
            if previous is not None:
                search.check_climb(previous, clip, partner)
            if partner is None:
                search.use(chain.pop())
            elif partner == previous:
                search.use(clip)
                search.use(partner)
                del chain[-2:]
                yield partner, clip
            else:
                chain.append(partner)


class _PartnerSearch:
    """The unused clips, and a search for the best partner of a clip among them."""

    def __init__(self, scores: Scores, ids: Ids) -> None:
        self.scores = scores
        self.ids = ids
        self.unused = np.ones(ids.size, dtype=np.bool_)
        # Added to a row of scores: 0 keeps a score, -∞ excludes a used clip.
        self._strike = np.zeros(ids.size, dtype=np.float32)
        self._row = np.empty(ids.size, dtype=np.float32)

    def use(self, clip: int) -> None:
        """Mark a clip as used."""
        self.unused[clip] = False
        self._strike[clip] = -np.inf

    def best(self, clip: int) -> int | None:
        """The unused clip with the highest score with `clip`; among equal scores, the one with the smallest id."""
        row = np.add(self.scores[clip], self._strike, out=self._row)
        row[clip] = -np.inf
        best = np.fmax.reduce(row, initial=-np.inf)
        if best == -np.inf:
            return None
        tied = np.flatnonzero(row == best)
        return int(tied[self.ids[tied].argmin()])

    def check_climb(self, previous: int, clip: int, partner: int | None) -> None:
        """Raise ValueError if the scores are not symmetric, because the walk might then never end."""
        here = self._rank(previous, clip)
        mirrored = partner is not None and self.scores[clip, previous] == self.scores[previous, clip]
        if partner is None or not mirrored or self._rank(clip, partner) > here:
            raise ValueError(
                f"scores are not symmetric: clip {self.ids[previous]} has {self.scores[previous, clip]} "
                f"with clip {self.ids[clip]}, which has {self.scores[clip, previous]} with it"
            )

    def _rank(self, one: int, other: int) -> tuple[float, int, int]:
        low, high = sorted((int(self.ids[one]), int(self.ids[other])))
        return -float(self.scores[one, other]), low, high


def _has_score(scores: Scores, position: int) -> bool:
    scored = ~np.isnan(scores[position])
    scored[position] = False
    return bool(scored.any())
