"""Which clips of a checkpoint to hear first: the best, and the oddest.

The best are those rated 3 or more, the highest rating first, then what nobody rated, then what was rated 1 or 2.
Among equals come first those that are not suspect, then the most *typical*: those whose mean likeness to the other
clips of the checkpoint is highest, so that without ratings the first one is its medoid. The oddest are those whose
best likeness to any other clip of the catalog is lowest, among what is not shown as best.

Likenesses are scores in [0, 1]; where `likeness` is not scored, the unrated follow in the order of their ids and
nothing is called odd.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from sqlalchemy import Connection, select

from thresher.catalog import scores
from thresher.catalog.database import chunks
from thresher.catalog.schema import nearest
from thresher.signal.metrics.likeness import LIKENESS

WORTH_HEARING = 3
"""The lowest rating that puts a clip before what nobody rated."""

MOST_COMPARED = 2_000
"""So many clips of one checkpoint are compared with each other at most, evenly chosen: n of them take n² scores."""

Reason = Literal["rated", "typical", "first", "odd"]


class Candidate(Protocol):
    """What of a clip decides."""

    @property
    def id(self) -> int: ...
    @property
    def rating(self) -> int | None: ...
    @property
    def suspect(self) -> bool: ...


@dataclass(frozen=True)
class Pick:
    """A clip and why it was picked: `value` is its rating, its mean likeness to the others, or its best to any."""

    clip: int
    reason: Reason
    value: float | None


@dataclass(frozen=True)
class Picks:
    """The best and the oddest clips of a checkpoint."""

    best: tuple[Pick, ...]
    oddest: tuple[Pick, ...]


def pick(connection: Connection, clips: Sequence[Candidate], best: int, oddest: int) -> Picks:
    """The first `best` and `oddest` clips of one checkpoint, as this module's text says."""
    by = scores.metric_id(connection, LIKENESS.name, LIKENESS.version)
    typicality = mean_likeness(connection, by, _evenly([clip.id for clip in clips]))
    ordered = sorted(clips, key=lambda clip: _preference(clip, typicality))
    chosen = tuple(_best(clip, typicality) for clip in ordered[:best])
    shown = {each.clip for each in chosen}
    alone = best_likeness(connection, by, [clip.id for clip in clips if clip.id not in shown])
    odd = sorted(alone.items(), key=lambda pair: (pair[1], pair[0]))[:oddest]
    return Picks(chosen, tuple(Pick(clip_id, "odd", score) for clip_id, score in odd))


def mean_likeness(connection: Connection, by: int, clip_ids: Sequence[int]) -> dict[int, float]:
    """The mean score of each of these clips against the others of them; those without one are left out."""
    if len(clip_ids) < 2:
        return {}
    matrix = scores.between(connection, by, clip_ids).astype(np.float64)
    counts = np.isfinite(matrix).sum(axis=1)
    sums = np.nansum(matrix, axis=1)
    return {
        clip_id: float(total / count)
        for clip_id, total, count in zip(clip_ids, sums, counts, strict=True)
        if count
    }


def best_likeness(connection: Connection, by: int, clip_ids: Sequence[int]) -> dict[int, float]:
    """The highest score of each of these clips against any other of the catalog."""
    found: dict[int, float] = {}
    for chunk in chunks(list(clip_ids)):
        statement = select(nearest.c.clip_id, nearest.c.score).where(
            nearest.c.metric_id == by, nearest.c.clip_id.in_(chunk)
        )
        found.update((row.clip_id, row.score) for row in connection.execute(statement))
    return found


def _evenly(clip_ids: Sequence[int]) -> list[int]:
    if len(clip_ids) <= MOST_COMPARED:
        return list(clip_ids)
    places = np.linspace(0, len(clip_ids) - 1, MOST_COMPARED).astype(int)
    return [clip_ids[place] for place in places]


def _preference(clip: Candidate, typicality: Mapping[int, float]) -> tuple[float, ...]:
    rating = WORTH_HEARING - 0.5 if clip.rating is None else clip.rating
    return -rating, clip.suspect, -typicality.get(clip.id, 0.0), clip.id


def _best(clip: Candidate, typicality: Mapping[int, float]) -> Pick:
    if clip.rating is not None:
        return Pick(clip.id, "rated", clip.rating)
    value = typicality.get(clip.id)
    return Pick(clip.id, "first" if value is None else "typical", value)
