"""Suspicion: that a clip is like what was rejected before it came.

A clip is suspect while a rejected clip stands of which it is a copy (by the metric `aligned`), or SEVERAL rejected
ones that it is very like (by `likeness`), unless it is trusted. So taking a rejection back lifts what followed
from it. Which clips these are is found once, when a clip is new: `examined` says that it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select, update

from thresher.catalog.database import chunks
from thresher.catalog.schema import clip, suspicion

SEVERAL = 3
"""So many rejected clips that a clip is very like make it suspect; one that it is a copy of does."""

COPY_METRIC, SIMILARITY_METRIC = "aligned", "likeness"

_OTHER = clip.alias("other")


@dataclass(frozen=True)
class Suspicion:
    """A rejected clip `other_id` that `clip_id` is like, by a metric."""

    clip_id: int
    other_id: int
    metric: str
    score: float


def _rejected_ones(metric: str) -> ColumnElement[int]:
    """How many rejected clips a clip is like by that metric."""
    return (
        select(func.count())
        .select_from(suspicion.join(_OTHER, _OTHER.c.id == suspicion.c.other_id))
        .where(suspicion.c.clip_id == clip.c.id, suspicion.c.metric == metric, _OTHER.c.rejected)
        .correlate(clip)
        .scalar_subquery()
    )


IS_SUSPECT: ColumnElement[bool] = ~clip.c.trusted & or_(
    _rejected_ones(COPY_METRIC) > 0, _rejected_ones(SIMILARITY_METRIC) >= SEVERAL
)
"""Whether a clip is suspect: true or false, never NULL."""


def read(connection: Connection, clip_id: int) -> list[Suspicion]:
    """The rejected clips that one clip is like, copies first, then the most like."""
    rows = connection.execute(
        select(suspicion)
        .join(_OTHER, _OTHER.c.id == suspicion.c.other_id)
        .where(suspicion.c.clip_id == clip_id, _OTHER.c.rejected)
        .order_by(suspicion.c.metric != COPY_METRIC, suspicion.c.score.desc(), suspicion.c.other_id)
    )
    return [Suspicion(row.clip_id, row.other_id, row.metric, row.score) for row in rows]


def suspects_among(connection: Connection, clip_ids: Sequence[int]) -> tuple[int, ...]:
    """Those of these clips that are suspect."""
    return tuple(
        clip_id
        for chunk in chunks(clip_ids)
        for clip_id in connection.scalars(select(clip.c.id).where(clip.c.id.in_(chunk), IS_SUSPECT))
    )


def record(connection: Connection, examined: Sequence[int], found: Sequence[Suspicion]) -> None:
    """Keep what was `found` about clips that were `examined`, and that they were."""
    for chunk in chunks(list(examined)):
        connection.execute(update(clip).where(clip.c.id.in_(chunk)).values(examined=True))
    if found:
        connection.execute(insert(suspicion).prefix_with("OR IGNORE"), [vars(each) for each in found])
