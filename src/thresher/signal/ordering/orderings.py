"""Clips → sequence: scores or ids in, positions out; the orders by fields are SQL's.

Everywhere n clips are given in some order, and the answer is int64 positions into that order, a
permutation of 0 … n - 1: no ordering loses a clip or shows one twice. `ids` is int64, shape (n,),
distinct, in any order. `scores` is float32, shape (n, n), symmetric; NaN is no score, and the
diagonal means nothing. All of it is deterministic, on every platform.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thresher.errors import UsageError

Ids = NDArray[np.int64]
Positions = NDArray[np.int64]
Scores = NDArray[np.float32]

FIELD_PATTERN = re.compile(r"[a-z_]+(?:@[a-z_]+)?")
SEED_PATTERN = re.compile(r"-?[0-9]{1,18}")
CHAIN_PATTERN = re.compile(r"chain(?::([0-9]{1,18})?\.\.([0-9]{1,18})?)?")
FORMS = ("pairs", "chain", "shuffle:SEED", "FIELD+", "FIELD-", "manual")


def pairs(scores: Scores, ids: Ids) -> Positions:
    """The best pair of two unused clips, again and again, appended to the sequence.

    Inside a pair the smaller id comes first; of pairs with equal scores the one with the smaller
    first id, then the smaller second. Behind the pairs come the clips that are left over though
    they have a score (one, where all have), then those without any, each by id.

    Raises ValueError for shapes that disagree, an id given twice, or scores that are not symmetric.
    Takes time n² and memory n, whatever the scores are.

    The pairs and their order are those of curation.py in sevagh/1000sharks.xyz.
    """
    ids = _checked_ids(ids)
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
    """The pairs' first and second positions, shape (pairs,) each, best pair first."""
    found = np.array(list(_mutually_best(scores, ids)), dtype=np.int64).reshape(-1, 2)
    swapped = ids[found[:, 0]] > ids[found[:, 1]]
    found[swapped] = found[swapped, ::-1]
    first, second = found[:, 0], found[:, 1]
    order = np.lexsort((ids[second], ids[first], -scores[first, second]))
    return first[order], second[order]


def _mutually_best(scores: Scores, ids: Ids) -> Iterator[tuple[int, int]]:
    """The pairs of "take the best pair of unused clips", in another order, by chains of best partners.

    Score, first id and second id rank all pairs strictly. So a pair in which each is the other's
    best unused partner is one that taking the best first would take sooner or later: nothing ranks
    before it that could use up either clip. A walk from clip to best partner climbs in rank until
    it meets such a pair, and what is behind it on the chain stays true when the pair is taken.
    Each clip is put on a chain once, so about 1.5 n rows are read, however the scores lie.
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
    """The unused clips, and which of them suits a clip best."""

    def __init__(self, scores: Scores, ids: Ids) -> None:
        self.scores = scores
        self.ids = ids
        self.unused = np.ones(ids.size, dtype=np.bool_)
        # Added to a row: 0 leaves a score as it is, -∞ strikes out a clip that is used.
        self._strike = np.zeros(ids.size, dtype=np.float32)
        self._row = np.empty(ids.size, dtype=np.float32)

    def use(self, clip: int) -> None:
        self.unused[clip] = False
        self._strike[clip] = -np.inf

    def best(self, clip: int) -> int | None:
        """The unused partner with the highest score, of several the one with the smallest id."""
        row = np.add(self.scores[clip], self._strike, out=self._row)
        row[clip] = -np.inf
        best = np.fmax.reduce(row, initial=-np.inf)
        if best == -np.inf:
            return None
        tied = np.flatnonzero(row == best)
        return int(tied[self.ids[tied].argmin()])

    def check_climb(self, previous: int, clip: int, partner: int | None) -> None:
        """Refuse scores that are not symmetric: with them a chain could go round for ever."""
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


def shuffle(ids: ArrayLike, seed: int) -> Positions:
    """A sequence that looks random, the same for the same ids and seed everywhere and always.

    Clips are sorted by BLAKE2b (8 bytes) of the text "SEED:ID", then by id. A clip's place depends
    on nothing but itself: when clips come or go, the others keep their order.
    """
    checked = _checked_ids(ids)
    keys = [(hashlib.blake2b(f"{seed}:{id}".encode(), digest_size=8).digest(), id) for id in checked.tolist()]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)


def transitions(order: ArrayLike, scores: Scores) -> Scores:
    """The score of each two consecutive clips: float32, shape (len(order) - 1,), NaN where none is.

    `order` is positions into `scores`: all of them, or those that fitted into a song.
    """
    positions = np.asarray(order, dtype=np.int64)
    return np.asarray(scores[positions[:-1], positions[1:]], dtype=np.float32)


def _checked_ids(ids: ArrayLike) -> Ids:
    array = np.asarray(ids, dtype=np.int64)
    if array.ndim != 1:
        raise ValueError(f"ids have shape {array.shape}, not (clips,)")
    distinct, times = np.unique(array, return_counts=True)
    if distinct.size != array.size:
        raise ValueError(f"clip {distinct[times > 1][0]} is given twice")
    return array


@dataclass(frozen=True)
class Ordering:
    """How a song's clips are put in sequence; `str()` gives the text that `parse_ordering` reads.

    `name` is "pairs", "chain" (with `start` and `end`, the ids of clips it shall begin and end with), "field" (with
    `field` and `descending`), "shuffle" (with `seed`) or "manual" (whose sequence is kept elsewhere).
    """

    name: str
    field: str | None = None
    descending: bool = False
    seed: int | None = None
    start: int | None = None
    end: int | None = None

    def __str__(self) -> str:
        if self.start is not None or self.end is not None:
            return f"chain:{'' if self.start is None else self.start}..{'' if self.end is None else self.end}"
        if self.name == "field":
            return f"{self.field}{'-' if self.descending else '+'}"
        return f"shuffle:{self.seed}" if self.name == "shuffle" else self.name


def parse_ordering(text: str) -> Ordering:
    """Read "pairs", "chain", "chain:12..40", "epoch+", "score-", "score@prefix-", "shuffle:7" or "manual".

    Whether a field exists is for the catalog to say. Raises UsageError for anything else.
    """
    if text in ("pairs", "manual"):
        return Ordering(text)
    chained = CHAIN_PATTERN.fullmatch(text)
    if chained is not None:
        start, end = (None if clip is None else int(clip) for clip in chained.groups())
        return Ordering("chain", start=start, end=end)
    name, _, seed = text.partition(":")
    if name == "shuffle" and SEED_PATTERN.fullmatch(seed):
        return Ordering("shuffle", seed=int(seed))
    if text.endswith(("+", "-")) and FIELD_PATTERN.fullmatch(text[:-1]):
        return Ordering("field", field=text[:-1], descending=text.endswith("-"))
    raise UsageError(f'"{text}" is not an ordering (there are {", ".join(FORMS)}){_hint(text)}')


def _hint(text: str) -> str:
    """What was probably meant; empty where there is no telling."""
    word = text.partition(":")[0].rstrip("+-").strip().lower()
    examples = {"pairs": "pairs", "manual": "manual", "chain": "chain:12..40", "shuffle": "shuffle:7"}
    nearest = difflib.get_close_matches(word, examples, n=1)
    if nearest:
        return f'; did you mean "{examples[nearest[0]]}"?'
    if FIELD_PATTERN.fullmatch(word) and ":" not in text:
        return f'; did you mean "{word}+" or "{word}-"?'
    return ""
