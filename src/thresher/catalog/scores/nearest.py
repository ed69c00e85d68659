"""The nearest other clip of each clip, by each metric. It is stored, so that listings don't read score rows.

Of equal scores, the smallest id is nearest. Clips of one recording are not nearest to each other, and the whole of
a split recording is nearest to none; scores are kept for all of them. A clip that was compared with no other has no
nearest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, func, or_, select, true

from thresher.catalog.database.database import chunks, plain_rows
from thresher.catalog.database.portable_sql import upsert
from thresher.catalog.database.schema import IS_CUT, clip, nearest, recording
from thresher.catalog.recordings.clip_source import IS_HIDDEN

Scores = NDArray[np.float32]
Ids = NDArray[np.int64]
Row = tuple[int, int, float]
"""A clip, the nearest other, and their score."""

NO_ID = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Origins:
    """Where n clips come from: the ids of their recordings, and whether each is the whole of a split recording.

    `recordings` is int64, `is_hidden` bool, shape (n,) each. If `is_plain`, all clips of the catalog are the whole
    of their recording, and none is split.
    """

    recordings: Ids
    is_hidden: NDArray[np.bool_]
    is_plain: bool = False

    @classmethod
    def plain(cls, clip_ids: Ids) -> Self:
        """Return the origins of clips that each have a recording of their own; the ids stand for the recordings."""
        return cls(clip_ids, np.zeros(clip_ids.size, np.bool_), is_plain=True)

    def joined(self, other: Origins) -> Self:
        """Return the origins of these clips, followed by those of the other ones."""
        return type(self)(
            np.concatenate([self.recordings, other.recordings]),
            np.concatenate([self.is_hidden, other.is_hidden]),
            is_plain=self.is_plain and other.is_plain,
        )

    def taken(self, places: NDArray[np.int64]) -> Self:
        """Return the origins of the clips at these places."""
        return type(self)(self.recordings[places], self.is_hidden[places], is_plain=self.is_plain)

    def apart(self, place: int) -> NDArray[np.bool_]:
        """Return which of the clips before the one at `place` are of other recordings; shape (place,)."""
        found: NDArray[np.bool_] = self.recordings[:place] != self.recordings[place]
        return found

    def comparable(self, others: Origins, scores: Scores) -> Scores:
        """Return scores against k others, shape (n, k), with -inf where the other can't be nearest."""
        if self.is_plain and others.is_plain:
            return scores
        excluded = (self.recordings[:, None] == others.recordings) | others.is_hidden
        return np.where(excluded, np.float32(-np.inf), scores)


@dataclass(frozen=True, eq=False)
class Nearest:
    """The ids of n clips, of the nearest other clip of each, and their scores; `NO_ID` and -inf if there is none.

    `clip_ids` and `others` are int64, `scores` float32, shape (n,) each.
    """

    clip_ids: Ids
    others: Ids
    scores: Scores
    origins: Origins

    @classmethod
    def none(cls, clip_ids: Ids, origins: Origins) -> Self:
        """Return the state of clips that were not compared yet."""
        n = clip_ids.size
        return cls(clip_ids, np.full(n, NO_ID), np.full(n, -np.inf, np.float32), origins)

    def extended(
        self, new_ids: Sequence[int], origins: Origins, to_these: Scores, triangle: Scores
    ) -> tuple[Self, list[Row]]:
        """Return the state after m new clips were compared, and the rows that changed.

        `to_these`, shape (m, n), holds the scores of the new clips against these; `triangle`, shape (m, m), their
        scores among themselves. Only the part of it below the diagonal is read. `origins` are those of the new
        clips.
        """
        ids = np.array(new_ids, dtype=np.int64)
        below = np.where(np.tri(ids.size, k=-1, dtype=bool), triangle, np.float32(-np.inf))
        of_new = self.none(ids, origins)
        of_new = of_new._or_best(self.clip_ids, origins.comparable(self.origins, to_these))
        for scores in (below, below.T):
            of_new = of_new._or_best(ids, origins.comparable(origins, scores))
        of_these = self._or_best(ids, self.origins.comparable(origins, to_these.T))
        changed = of_these.others != self.others
        rows = [*of_these._rows(changed), *of_new._rows(of_new.others < NO_ID)]
        joined = type(self)(
            np.concatenate([of_these.clip_ids, of_new.clip_ids]),
            np.concatenate([of_these.others, of_new.others]),
            np.concatenate([of_these.scores, of_new.scores]),
            self.origins.joined(origins),
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
        return replace(self, others=found_others, scores=found_scores)

    def _rows(self, which: NDArray[np.bool_]) -> Iterator[Row]:
        return zip(*(array[which].tolist() for array in self._arrays()), strict=True)

    def _arrays(self) -> tuple[Ids, Ids, Scores]:
        return self.clip_ids, self.others, self.scores


def origins_of(connection: Connection, clip_ids: Ids) -> Origins:
    """Return the origins of these clips, in their order."""
    if connection.scalar(select(clip.c.id).where(IS_CUT).limit(1)) is None:
        return Origins.plain(clip_ids)
    found = {
        row[0]: (row[1], row[2])
        for chunk in chunks(clip_ids.tolist())
        for row in plain_rows(
            connection,
            select(clip.c.id, clip.c.recording_id, IS_HIDDEN)
            .join(recording, recording.c.id == clip.c.recording_id)
            .where(clip.c.id.in_(chunk)),
        )
    }
    table = [found[clip_id] for clip_id in clip_ids.tolist()]
    recordings, hidden = zip(*table, strict=True) if table else ((), ())
    return Origins(np.array(recordings, np.int64), np.array(hidden, np.bool_))


def read(connection: Connection, of_metric: int, clip_ids: Ids) -> Nearest:
    """Read the stored nearest clips of these clips, whose ids ascend."""
    columns = (nearest.c.clip_id, nearest.c.other_id, nearest.c.score)
    rows = plain_rows(connection, select(*columns).where(nearest.c.metric_id == of_metric))
    kept = np.fromiter(rows, dtype=[("clip", np.int64), ("other", np.int64), ("score", np.float32)])
    kept = kept[np.isin(kept["clip"], clip_ids, assume_unique=True)]
    stored = Nearest.none(clip_ids, origins_of(connection, clip_ids))
    places = np.searchsorted(clip_ids, kept["clip"])
    stored.others[places], stored.scores[places] = kept["other"], kept["score"]
    return stored


def count(connection: Connection, of_metric: int) -> int:
    """Return how many clips have a nearest by a metric."""
    rows = select(func.count()).select_from(nearest).where(nearest.c.metric_id == of_metric)
    return connection.scalar(rows) or 0


def write(connection: Connection, of_metric: int, rows: Sequence[Row]) -> None:
    """Store the nearest clips of some clips; older rows of these clips are replaced."""
    if not rows:
        return
    statement = upsert(nearest)
    values = {"other_id": statement.excluded.other_id, "score": statement.excluded.score}
    connection.execute(
        statement.on_conflict_do_update(index_elements=["metric_id", "clip_id"], set_=values),
        [
            {"metric_id": of_metric, "clip_id": clip_id, "other_id": other, "score": score}
            for clip_id, other, score in rows
        ],
    )


def replace_all(connection: Connection, of_metric: int, rows: Sequence[Row]) -> None:
    """Store the nearest clips of a metric in place of all that are stored."""
    connection.execute(delete(nearest).where(nearest.c.metric_id == of_metric))
    write(connection, of_metric, rows)


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


def search(
    ids: Ids, positions: Ids, rows: Iterable[Scores], wanted: Sequence[int], origins: Origins
) -> list[Row]:
    """Search the nearest of the `wanted` clips in the stored rows of the live clips, one row in memory at a time.

    `ids` and `positions`, shape (live,), are in the order of `rows`, each of shape (position,); so are `origins`.
    """
    places = np.flatnonzero(np.isin(ids, wanted))
    best = Nearest.none(ids, origins)
    for place, values in enumerate(rows):
        here = origins.taken(np.array([place]))
        earlier = places[: np.searchsorted(places, place)]
        scores = origins.taken(earlier).comparable(here, values[positions[earlier], None])[:, 0]
        closer = (scores > best.scores[earlier]) | (
            (scores == best.scores[earlier]) & (ids[place] < best.others[earlier])
        )
        best.scores[earlier[closer]], best.others[earlier[closer]] = scores[closer], ids[place]
        if place and earlier.size < places.size and places[earlier.size] == place:
            own = here.comparable(origins.taken(np.arange(place)), values[None, positions[:place]])[0]
            best.scores[place] = own.max()
            if best.scores[place] >= 0:
                best.others[place] = ids[:place][own == best.scores[place]].min()
    return [
        (int(ids[place]), int(best.others[place]), float(best.scores[place]))
        for place in places
        if best.scores[place] >= 0
    ]
