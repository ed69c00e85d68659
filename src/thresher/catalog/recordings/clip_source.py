"""The joined tables that every query reads, and expressions over them that fields, listings and reports share.

Lengths and positions in audio are seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Float, Integer, bindparam, case, exists, false, func, select

from thresher.catalog.database.schema import batch, checkpoint, clip, location, metric, recording

SOURCE = (
    clip.join(recording, recording.c.id == clip.c.recording_id)
    .outerjoin(batch, batch.c.id == recording.c.batch_id)
    .outerjoin(checkpoint, checkpoint.c.id == recording.c.checkpoint_id)
)
"""The tables that a query reads: one row for each clip."""


def _frames_as_seconds(frames: ColumnElement[Any]) -> ColumnElement[Any]:
    return frames / func.nullif(recording.c.sample_rate, 0, type_=Float())


SECONDS = _frames_as_seconds(clip.c.end_frame - clip.c.start_frame)
"""The length of a clip; NULL if its recording has no sample rate."""
START = _frames_as_seconds(clip.c.start_frame)
"""Where a clip starts in its recording."""
END = _frames_as_seconds(clip.c.end_frame)
"""Where a clip ends in its recording."""
STATUS = func.coalesce(clip.c.status, recording.c.status)
"""The status of a clip: that of its recording for a whole, its own for a part or a mark."""
REASON = case((clip.c.status.is_(None), recording.c.reason), else_=clip.c.reason)
"""Why the status of a clip is not ok; NULL without a reason."""
IS_HIDDEN = (clip.c.kind == "whole") & recording.c.split.is_not(None)
"""Whether a clip is the whole of a recording that was split. Its parts stand for it."""
IS_SHOWN = ~clip.c.removed & ~IS_HIDDEN
"""Whether a clip counts: a split, a join or `unmark` did not take it away, and no parts stand for it."""
IS_HEARD = clip.c.heard_at.is_not(None) | clip.c.rating.is_not(None)
"""Whether a clip was played by thresher or rated. A rating means that the curator has heard the clip."""


def has_location(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return whether a location of a clip's recording meets all conditions."""
    return exists().where(location.c.recording_id == clip.c.recording_id, *conditions).correlate(clip)


def shown_location(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return `column` of the location shown for a clip: the earliest present one, else the earliest."""
    return (
        select(column)
        .where(location.c.recording_id == clip.c.recording_id)
        .order_by(location.c.missing_since.is_not(None), location.c.id)
        .limit(1)
        .correlate(clip)
        .scalar_subquery()
    )


def latest_metric(name: str) -> ColumnElement[Any]:
    """Return the id of the highest version of a metric in this catalog; NULL if nothing was scored under it."""
    return (
        select(metric.c.id)
        .where(metric.c.name == name)
        .order_by(metric.c.version.desc())
        .limit(1)
        .scalar_subquery()
    )


def any_id(numbers: Sequence[int]) -> ColumnElement[bool]:
    """Return whether a clip has one of these ids. They are text of the statement, so that their number is free."""
    if not numbers:
        return false()
    return clip.c.id.in_(bindparam(None, list(numbers), Integer, expanding=True, literal_execute=True))
