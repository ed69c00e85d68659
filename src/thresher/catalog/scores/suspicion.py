"""Suspects: clips that resemble clips which were rejected before them.

A clip is suspect if it is a copy of a rejected clip (by the metric `aligned`) or very similar to at least SEVERAL
rejected clips (by `likeness`), and is not trusted. The rejected clips that a clip resembles are searched once, when
the clip is new; the column `examined` records that. Whether they are still rejected is read each time, so undoing a
rejection also clears the suspects that it caused. Rejected clips that a split or `unmark` took away do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, or_, select, update

from thresher.catalog.database.database import chunks
from thresher.catalog.database.portable_sql import upsert
from thresher.catalog.database.schema import clip, recording, suspicion
from thresher.catalog.recordings.clip_rows import known_clips

SEVERAL = 3
"""A clip is suspect if it is very similar to at least this many rejected clips. One is enough if it is a copy."""

COPY_METRIC, SIMILARITY_METRIC = "aligned", "likeness"

_OTHER, _ITS_RECORDING = clip.alias("other"), recording.alias("recording_of_other")
_OTHERS = suspicion.join(_OTHER, _OTHER.c.id == suspicion.c.other_id).join(
    _ITS_RECORDING, _ITS_RECORDING.c.id == _OTHER.c.recording_id
)
_IS_HIDDEN = (_OTHER.c.kind == "whole") & _ITS_RECORDING.c.split.is_not(None)
_COUNTS = _OTHER.c.rejected & ~_OTHER.c.removed & ~_IS_HIDDEN
"""Whether the clip that another one resembles is rejected, and shown."""


@dataclass(frozen=True)
class Suspicion:
    """A rejected clip `other_id` that `clip_id` resembles by a metric."""

    clip_id: int
    other_id: int
    metric: str
    score: float


def _similar_rejected(metric: str) -> ColumnElement[int]:
    """Count the rejected clips that a clip resembles by a metric."""
    return (
        select(func.count())
        .select_from(_OTHERS)
        .where(suspicion.c.clip_id == clip.c.id, suspicion.c.metric == metric, _COUNTS)
        .correlate(clip)
        .scalar_subquery()
    )


IS_SUSPECT: ColumnElement[bool] = ~clip.c.trusted & or_(
    _similar_rejected(COPY_METRIC) > 0, _similar_rejected(SIMILARITY_METRIC) >= SEVERAL
)
"""Whether a clip is suspect: true or false, never NULL."""


def read(connection: Connection, clip_id: int) -> list[Suspicion]:
    """Return the rejected clips that a clip resembles: copies first, then by descending score."""
    rows = connection.execute(
        select(suspicion)
        .select_from(_OTHERS)
        .where(suspicion.c.clip_id == clip_id, _COUNTS)
        .order_by(suspicion.c.metric != COPY_METRIC, suspicion.c.score.desc(), suspicion.c.other_id)
    )
    return [Suspicion(row.clip_id, row.other_id, row.metric, row.score) for row in rows]


def suspects_among(connection: Connection, clip_ids: Sequence[int]) -> tuple[int, ...]:
    """Return those of these clips that are suspect."""
    return tuple(
        clip_id
        for chunk in chunks(clip_ids)
        for clip_id in connection.scalars(
            select(clip.c.id).where(clip.c.id.in_(chunk), IS_SUSPECT).order_by(clip.c.id)
        )
    )


def record(connection: Connection, examined: Sequence[int], found: Sequence[Suspicion]) -> None:
    """Store the resemblances that were `found`, and mark the clips that were `examined`.

    Clips that were forgotten while they were compared are left out.
    """
    for chunk in chunks(list(examined)):
        connection.execute(update(clip).where(clip.c.id.in_(chunk)).values(examined=True))
    known = known_clips(connection, (clip_id for each in found for clip_id in (each.clip_id, each.other_id)))
    left = [vars(each) for each in found if {each.clip_id, each.other_id} <= known]
    if left:
        connection.execute(upsert(suspicion).on_conflict_do_nothing(), left)
