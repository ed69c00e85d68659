"""The nearest other clip of each clip, by each metric. It is stored, so that listings don't read score rows.

Of equal scores, the smallest id is nearest. A clip that was compared with no other has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, or_, select, true
from sqlalchemy.dialects.sqlite import insert

from thresher.catalog.database import chunks, plain_rows
from thresher.catalog.schema import nearest

Scores = NDArray[np.float32]
Ids = NDArray[np.int64]
Row = tuple[int, int, float]
"""A clip, the nearest other, and their score."""

NO_ID = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Nearest:
    """The ids of n clips, of the nearest other clip of each, and their scores; `NO_ID` and -inf if there is none.

    `clip_ids` and `others` are int64, `scores` float32, shape (n,) each.
    """

    clip_ids: Ids
    others: Ids
    scores: Scores

    @classmethod
    def none(cls, clip_ids: Ids) -> Self:
        """Return the state of clips that were not compared yet."""
        n = clip_ids.size
        return cls(clip_ids, np.full(n, NO_ID), np.full(n, -np.inf, np.float32))

    def extended(self, new_ids: Sequence[int], to_these: Scores, triangle: Scores) -> tuple[Self, list[Row]]:
        """Return the state after m new clips were compared, and the rows that changed.

        `to_these`, shape (m, n), holds the scores of the new clips against these; `triangle`, shape (m, m), their
        scores among themselves. Only the part of it below the diagonal is read.
        """
        ids = np.array(new_ids, dtype=np.int64)
        below = np.where(np.tri(ids.size, k=-1, dtype=bool), triangle, np.float32(-np.inf))
        of_new = self.none(ids)
        for others, scores in ((self.clip_ids, to_these), (ids, below), (ids, below.T)):
            of_new = of_new._or_best(others, scores)
        of_these = self._or_best(ids, to_these.T)
        changed = of_these.others != self.others
        rows = [*of_these._rows(changed), *of_new._rows(of_new.others < NO_ID)]
        joined = type(self)(
            np.concatenate([of_these.clip_ids, of_new.clip_ids]),
            np.concatenate([of_these.others, of_new.others]),
            np.concatenate([of_these.scores, of_new.scores]),
        )
        return joined, rows

    def _or_best(self, others: Ids, scores: Scores) -> Self:
        """Return the state after each clip was compared with k `others`; `scores` has shape (n, k)."""
        highest = scores.max(axis=1, initial=-np.inf)
        places = np.flatnonzero((highest >= self.scores) & (highest > -np.inf))
        best = np.where(scores[places] == highest[places, None], others, NO_ID).min(axis=1, initial=NO_ID)
        nearer = (highest[places] > self.scores[places]) | (best < self.others[places])
        places, best = places[nearer], best[nearer]
        found_others, found_scores = self.others.copy(), self.scores.copy()
        found_others[places], found_scores[places] = best, highest[places]
        return type(self)(self.clip_ids, found_others, found_scores)

    def _rows(self, which: NDArray[np.bool_]) -> Iterator[Row]:
        return zip(*(array[which].tolist() for array in self._arrays()), strict=True)

    def _arrays(self) -> tuple[Ids, Ids, Scores]:
        return self.clip_ids, self.others, self.scores


def read(connection: Connection, of_metric: int, clip_ids: Ids) -> Nearest:
    """Read the stored nearest clips of these clips, whose ids ascend."""
    columns = (nearest.c.clip_id, nearest.c.other_id, nearest.c.score)
    rows = plain_rows(connection, select(*columns).where(nearest.c.metric_id == of_metric))
    kept = np.fromiter(rows, dtype=[("clip", np.int64), ("other", np.int64), ("score", np.float32)])
    kept = kept[np.isin(kept["clip"], clip_ids, assume_unique=True)]
    stored, places = Nearest.none(clip_ids), np.searchsorted(clip_ids, kept["clip"])
    stored.others[places], stored.scores[places] = kept["other"], kept["score"]
    return stored


def write(connection: Connection, of_metric: int, rows: Sequence[Row]) -> None:
    """Store the nearest clips of some clips; older rows of these clips are replaced."""
    if not rows:
        return
    statement = insert(nearest)
    values = {"other_id": statement.excluded.other_id, "score": statement.excluded.score}
    connection.execute(
        statement.on_conflict_do_update(index_elements=["metric_id", "clip_id"], set_=values),
        [
            {"metric_id": of_metric, "clip_id": clip_id, "other_id": other, "score": score}
            for clip_id, other, score in rows
        ],
    )


def forget(connection: Connection, clip_ids: Sequence[int], only: int | None) -> Mapping[int, list[int]]:
    """Delete the rows of clips that leave all metrics, or `only` one, and the rows whose nearest clip they are.

    Return, by metric, the other clips that lost their row.
    """
    by_metric = true() if only is None else nearest.c.metric_id == only
    without_row: dict[int, set[int]] = {}
    for chunk in chunks(list(clip_ids)):
        to_them = select(nearest.c.metric_id, nearest.c.clip_id).where(
            by_metric, nearest.c.other_id.in_(chunk)
        )
        for of_metric, clip_id in connection.execute(to_them):
            without_row.setdefault(of_metric, set()).add(clip_id)
        concerned = or_(nearest.c.clip_id.in_(chunk), nearest.c.other_id.in_(chunk))
        connection.execute(delete(nearest).where(by_metric, concerned))
    return {of_metric: sorted(found) for of_metric, found in sorted(without_row.items())}


def search(ids: Ids, positions: Ids, rows: Iterable[Scores], wanted: Sequence[int]) -> list[Row]:
    """Search the nearest of the `wanted` clips in the stored rows of the live clips, one row in memory at a time.

    `ids` and `positions`, shape (live,), are in the order of `rows`, each of shape (position,).
    """
    places = np.flatnonzero(np.isin(ids, wanted))
    best = Nearest.none(ids)
    for place, values in enumerate(rows):
        earlier = places[: np.searchsorted(places, place)]
        scores = values[positions[earlier]]
        closer = (scores > best.scores[earlier]) | (
            (scores == best.scores[earlier]) & (ids[place] < best.others[earlier])
        )
        best.scores[earlier[closer]], best.others[earlier[closer]] = scores[closer], ids[place]
        if place and earlier.size < places.size and places[earlier.size] == place:
            own = values[positions[:place]]
            best.scores[place] = own.max()
            best.others[place] = ids[:place][own == best.scores[place]].min()
    return [
        (int(ids[place]), int(best.others[place]), float(best.scores[place]))
        for place in places
        if best.scores[place] >= 0
    ]
