"""Minutes of audio: what was recorded, and what of it is kept in clips. Every second of a recording counts once.

A recording is kept in its whole, or in its parts once it was split. Marks lie anywhere in it and may overlap, so of
a mark only the frames count that no other clip holds. Lengths are seconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Float, Subquery, case, func, select

from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import IS_CUT, USABLE_STATUSES, clip, recording
from thresher.catalog.recordings.clip_source import IS_SHOWN, SECONDS, STATUS
from thresher.catalog.recordings.measures import measure_value

RECORDED = recording.c.frames / func.nullif(recording.c.sample_rate, 0, type_=Float())
IS_GENERATED = recording.c.role == "generated"
IS_COUNTED = IS_SHOWN & (clip.c.kind != "marked")
"""Whether the sound of a clip counts; that of marks is in wholes and parts."""
KEPT = case((STATUS.in_(USABLE_STATUSES) & IS_COUNTED, SECONDS), else_=0.0)
CLIPS = clip.join(recording, recording.c.id == clip.c.recording_id)


@dataclass(frozen=True)
class Beyond:
    """What usable marks hold of a recording that its whole or parts do not: seconds, and those with sound."""

    seconds: float
    sounding: float


def sounding() -> Subquery:
    """Return a subquery of the kept seconds of each recording, and of those that are not silent, without marks."""
    return (
        select(
            clip.c.recording_id,
            func.sum(KEPT).label("seconds"),
            func.sum(KEPT * (1.0 - func.coalesce(measure_value("silence"), 0.0))).label("sounding"),
        )
        .select_from(CLIPS)
        .group_by(clip.c.recording_id)
        .subquery()
    )


def beyond_clips(connection: Connection) -> Mapping[int, Beyond]:
    """Return what marks add to the kept seconds, by recording, without recordings to which they add nothing."""
    is_mark = (clip.c.kind == "marked") & ~clip.c.removed
    marked = connection.scalars(select(clip.c.recording_id).where(IS_CUT, is_mark).distinct()).all()
    found: dict[int, Beyond] = {}
    for chunk in chunks(sorted(marked)):
        clips: defaultdict[int, list[tuple[bool, int, int, int, float]]] = defaultdict(list)
        rows = connection.execute(
            select(
                clip.c.recording_id,
                clip.c.kind == "marked",
                clip.c.start_frame,
                clip.c.end_frame,
                recording.c.sample_rate,
                func.coalesce(measure_value("silence"), 0.0),
            )
            .select_from(CLIPS)
            .where(clip.c.recording_id.in_(chunk), IS_SHOWN, STATUS.in_(USABLE_STATUSES))
            .order_by(clip.c.start_frame, clip.c.id)
        )
        for recording_id, *facts in rows:
            clips[recording_id].append(tuple(facts))
        of_chunk = {recording_id: _beyond(each) for recording_id, each in clips.items()}
        found |= {recording_id: each for recording_id, each in of_chunk.items() if each.seconds}
    return found


def _beyond(clips: Sequence[tuple[bool, int, int, int, float]]) -> Beyond:
    spans: list[tuple[float, float]] = [(start, end) for is_mark, start, end, _, _ in clips if not is_mark]
    seconds = sound = 0.0
    for is_mark, start, end, rate, silence in clips:
        if is_mark:
            more = covered([*spans, (start, end)]) - covered(spans)
            spans.append((start, end))
            seconds += more / rate
            sound += more / rate * (1.0 - silence)
    return Beyond(seconds, sound)


def covered(spans: Sequence[tuple[float, float]]) -> float:
    """Return how much lies in at least one span `[start, end)`, in the unit of the spans."""
    total = last = 0.0
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, last))
        last = max(last, end)
    return total


def parts_of_split(connection: Connection) -> Mapping[int, int]:
    """Return the number of parts of each split recording."""
    rows = connection.execute(
        select(clip.c.recording_id, func.count())
        .select_from(CLIPS)
        .where(IS_CUT, clip.c.kind == "part", ~clip.c.removed, recording.c.split.is_not(None))
        .group_by(clip.c.recording_id)
    )
    return {row[0]: row[1] for row in rows}
