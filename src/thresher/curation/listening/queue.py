"""What to hear in the time there is: a queue of clips that covers what is new, kept until it has been heard.

A queue is chosen once and stays as it is; how far one got is read from the clips. A clip of a queue is done when it
was heard since the queue began, was passed over, or was rejected elsewhere meanwhile; so undoing what was said of a
clip brings it back. Instants are seconds since 1970 (UTC), lengths seconds, gaps 1 - likeness.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from thresher.catalog.catalog import Catalog
from thresher.catalog.clip_source import IS_HEARD, SECONDS, SOURCE, shown_location
from thresher.catalog.content_files import content_files
from thresher.catalog.database import chunks, insert_row
from thresher.catalog.decisions import Decision
from thresher.catalog.measures import measure_value
from thresher.catalog.query import join_terms, split_text
from thresher.catalog.schema import checkpoint, clip, listening, listening_clip, location, recording
from thresher.curation.clips.decisions import storable
from thresher.curation.clips.selection import Terms, select_ids
from thresher.curation.listening.heard import mark_heard
from thresher.errors import NotFoundError, UsageError

MINUTES = 20.0
MOST_MINUTES = 100_000.0

_ASKS_FOR_REJECTED = {"rejected:yes", "rejected:true", "rejected:1", "^rejected:no", "^rejected:false"}

LONGEST_SHARE = 0.25
"""Clips that take more of the time than this come behind the shorter ones: one of them costs too many others."""


@dataclass(frozen=True)
class ListenRow:
    """A clip of a queue.

    `gap` is how far it is from the nearest of the clips before it and of those heard before the queue began, None
    where nothing is known; `why` says what it is there for. `missing` tells that its file is nowhere now, `done`
    that it need not be heard any more.
    """

    position: int
    id: int
    done: bool
    path: str | None
    missing: bool
    run: str | None
    epoch: int | None
    step: int | None
    seconds: float
    rating: int | None
    rejected: bool
    heard_at: float | None
    gap: float | None
    why: str
    loop: float | None
    noise: float | None
    file_seconds: float
    start: float
    sha256: str


@dataclass(frozen=True)
class Reach:
    """What a new queue leaves: unheard clips without a place in it, how far the farthest of them is from what will
    have been heard (None where nothing is known of any), and how many of all have no descriptor."""

    left_out: int
    radius: float | None
    without_descriptor: int


@dataclass(frozen=True)
class Queue:
    """Clips to hear, in order; `id` is None while it is not stored. `reach` is known when it is planned."""

    id: int | None
    started_at: float
    query: str
    minutes: float
    clips: tuple[ListenRow, ...]
    reach: Reach | None = None

    @property
    def left(self) -> tuple[ListenRow, ...]:
        """The clips still to be heard whose files are there."""
        return tuple(row for row in self.clips if not row.done and not row.missing)

    @property
    def seconds(self) -> float:
        """How long all of it plays."""
        return sum(row.seconds for row in self.clips)


def plan_listening(
    catalog: Catalog, terms: Terms = (), minutes: float = MINUTES, *, dry_run: bool = False
) -> Queue:
    """Choose what to hear of the clips that the terms find, and keep it as the queue to go on with.

    Generated clips that listings show are chosen among: of every checkpoint the one farthest from what was heard,
    those checkpoints first of which nothing was; then whatever lies farthest, as long as it fits; heard clips only
    where there is time left, the longest ago first. A `dry_run` stores nothing. NotFoundError where none is found.
    """
    if not 0 < minutes <= MOST_MINUTES:
        raise UsageError(f"{minutes:g} minutes can't be filled; give more than 0, up to {MOST_MINUTES:,.0f}")
    asked = split_text(terms) if isinstance(terms, str) else list(terms)
    now = time.time()
    with catalog.reading() as connection:
        ids = sorted(select_ids(catalog, connection, asked, song=True))
        if not ids:
            which = f"no generated clip matches {join_terms(asked)}" if asked else "there is nothing to hear"
            raise NotFoundError(
                f"{which}; `thresher list` shows what there is, `thresher ingest` brings more"
            )
        chosen, reach = _chosen(connection, ids, minutes * 60)
    query = storable(join_terms(asked))
    number = None if dry_run else _store(catalog, now, query, minutes, chosen)
    with catalog.reading() as connection:
        rows = _rows(catalog, connection, now, query, [(clip_id, False) for clip_id in chosen])
    return Queue(number, now, query, minutes, rows, reach)


def resume_listening(catalog: Catalog) -> Queue | None:
    """The latest queue, where something in it can still be heard."""
    queue = _latest(catalog)
    return queue if queue is not None and queue.left else None


def finish_listening(catalog: Catalog) -> Decision:
    """Remember the rest of the latest queue as heard, as one decision; NotFoundError where there is none."""
    queue = resume_listening(catalog)
    if queue is None:
        raise NotFoundError("no queue has anything left to hear; `thresher listen` makes one")
    made = mark_heard(catalog, [row.id for row in queue.left], not_before=queue.started_at)
    assert made is not None, "what is left was not heard since the queue began"
    return made


def pass_over(catalog: Catalog, queue: Queue, clip_id: int) -> None:
    """Let a clip of a stored queue be done without having been heard."""
    with catalog.writing() as connection:
        here = (listening_clip.c.listening_id == queue.id, listening_clip.c.clip_id == clip_id)
        connection.execute(update(listening_clip).where(*here).values(is_done=True))


# -- choosing ----------------------------------------------------------------------------------------------


def _chosen(connection: Connection, ids: Sequence[int], seconds: float) -> tuple[list[int], Reach]:
    import numpy as np

    from thresher.curation.comparison.distances import ClipDistances
    from thresher.signal.statistics.farthest_first import cover

    found = _facts(connection, ids)
    heard_ids = _heard(connection)
    heard = set(heard_ids)
    unheard = [clip_id for clip_id in ids if clip_id not in heard]
    among = ClipDistances.read(connection, unheard)
    # a checkpoint is numbered from 1; clips of none are a group of their own
    groups = np.array([found[clip_id].checkpoint_id or 0 for clip_id in unheard], np.int64)
    lengths = np.array([found[clip_id].seconds for clip_id in unheard], np.float64)
    covered = cover(
        among.column,
        among.gaps(ClipDistances.read(connection, heard_ids)),
        groups,
        lengths,
        seconds,
        longest=LONGEST_SHARE * seconds,
        familiar={number or 0 for number in _checkpoints_of(connection, heard_ids)},
    )
    chosen = [unheard[choice.item] for choice in covered.choices]
    left_out = len(unheard) - len(chosen)
    described = len(among.described)
    radius = covered.radius if left_out and described and np.isfinite(covered.radius) else None
    left = seconds - sum(found[clip_id].seconds for clip_id in chosen)
    asked = set(ids)
    for clip_id in (clip_id for clip_id in heard_ids if clip_id in asked):
        if found[clip_id].seconds <= left or not chosen:
            chosen.append(clip_id)
            left -= found[clip_id].seconds
    return chosen, Reach(left_out, radius, len(unheard) - described)


def _facts(connection: Connection, ids: Sequence[int]) -> dict[int, Any]:
    """Length and checkpoint of clips."""
    found: dict[int, Any] = {}
    for chunk in chunks(list(ids)):
        rows = connection.execute(
            select(clip.c.id, SECONDS.label("seconds"), recording.c.checkpoint_id)
            .select_from(clip.join(recording, recording.c.id == clip.c.recording_id))
            .where(clip.c.id.in_(chunk))
        )
        found.update((row.id, row) for row in rows)
    return found


def _heard(connection: Connection, before: float | None = None) -> list[int]:
    """Clips that were heard – before an instant, if one is given –, the longest ago first; of those that were only
    rated it is not known when."""
    statement = select(clip.c.id).where(IS_HEARD)
    if before is not None:
        statement = statement.where(clip.c.heard_at.is_(None) | (clip.c.heard_at < before))
    return list(connection.scalars(statement.order_by(clip.c.heard_at.nulls_first(), clip.c.id)))


def _checkpoints_of(connection: Connection, ids: Sequence[int]) -> set[int | None]:
    return {row.checkpoint_id for row in _facts(connection, ids).values()}


# -- keeping -----------------------------------------------------------------------------------------------


def _store(catalog: Catalog, now: float, query: str, minutes: float, chosen: Sequence[int]) -> int:
    with catalog.writing() as connection:
        values = {"started_at": now, "query": query, "minutes": minutes}
        number = insert_row(connection, listening, values)
        connection.execute(
            insert(listening_clip),
            [
                {"listening_id": number, "position": position, "clip_id": clip_id}
                for position, clip_id in enumerate(chosen)
            ],
        )
    return number


def _latest(catalog: Catalog) -> Queue | None:
    with catalog.reading() as connection:
        last = connection.execute(select(listening).order_by(listening.c.id.desc()).limit(1)).one_or_none()
        if last is None:
            return None
        clips = connection.execute(
            select(listening_clip.c.clip_id, listening_clip.c.is_done)
            .where(listening_clip.c.listening_id == last.id)
            .order_by(listening_clip.c.position)
        ).all()
        rows = _rows(
            catalog, connection, last.started_at, last.query, [(row.clip_id, row.is_done) for row in clips]
        )
    return Queue(last.id, last.started_at, last.query, last.minutes, rows)


def _rows(
    catalog: Catalog, connection: Connection, started_at: float, query: str, clips: Sequence[tuple[int, bool]]
) -> tuple[ListenRow, ...]:
    """The clips of a queue, given with whether they were passed over, as they are now."""
    ids = [clip_id for clip_id, _ in clips]
    found = _full_rows(connection, ids)
    files = content_files(catalog, {row.sha256 for row in found.values()})
    before = _heard(connection, started_at)
    asks_for_rejected = not _ASKS_FOR_REJECTED.isdisjoint(split_text(query))
    gaps = _gaps(connection, ids, before)
    reasons = _reasons(connection, [found[clip_id] for clip_id in ids], before)
    rows = []
    for position, ((clip_id, passed), gap, why) in enumerate(zip(clips, gaps, reasons, strict=True)):
        row = found[clip_id]
        heard_since = row.heard_at is not None and row.heard_at >= started_at
        rejected_since = row.rejected and not asks_for_rejected
        rows.append(
            ListenRow(
                position=position,
                id=clip_id,
                done=passed or heard_since or rejected_since,
                path=row.path_text,
                missing=row.sha256 not in files or not row.seconds,
                run=row.run,
                epoch=row.epoch,
                step=row.step,
                seconds=row.seconds or 0.0,
                rating=row.rating,
                rejected=row.rejected,
                heard_at=row.heard_at,
                gap=gap,
                why=why,
                loop=row.loop,
                noise=row.noise,
                file_seconds=row.frames / row.sample_rate if row.seconds else 0.0,
                start=row.start_frame / row.sample_rate if row.seconds else 0.0,
                sha256=row.sha256,
            )
        )
    return tuple(rows)


def _full_rows(connection: Connection, ids: Sequence[int]) -> dict[int, Any]:
    found: dict[int, Any] = {}
    for chunk in chunks(list(ids)):
        rows = connection.execute(
            select(
                clip.c.id,
                clip.c.start_frame,
                clip.c.rating,
                clip.c.rejected,
                clip.c.heard_at,
                SECONDS.label("seconds"),
                recording.c.sha256,
                recording.c.frames,
                recording.c.sample_rate,
                recording.c.checkpoint_id,
                checkpoint.c.run,
                checkpoint.c.epoch,
                checkpoint.c.step,
                measure_value("loop").label("loop"),
                measure_value("noise").label("noise"),
                shown_location(location.c.path_text).label("path_text"),
            )
            .select_from(SOURCE)
            .where(clip.c.id.in_(chunk))
        )
        found.update((row.id, row) for row in rows)
    return found


def _gaps(connection: Connection, ids: Sequence[int], before: Sequence[int]) -> list[float | None]:
    """How far each clip is from the nearest of those in front of it and of those heard `before`."""
    import numpy as np

    from thresher.curation.comparison.distances import ClipDistances

    own = set(ids)
    among = ClipDistances.read(connection, ids)
    gaps = among.gaps(ClipDistances.read(connection, [clip_id for clip_id in before if clip_id not in own]))
    found: list[float | None] = []
    for place in range(len(ids)):
        gap = float(gaps[place])
        found.append(round(gap, 6) if np.isfinite(gap) else None)
        if not np.isnan(gap):
            np.fmin(gaps, among.column(place), out=gaps)
    return found


def _reasons(connection: Connection, rows: Sequence[Any], before: Sequence[int]) -> list[str]:
    """What each clip of a queue is there for."""
    heard, familiar = set(before), _checkpoints_of(connection, before)
    seen: set[int | None] = set()
    reasons = []
    for row in rows:
        if row.id in heard:
            reasons.append("heard before")
        elif row.checkpoint_id not in seen:
            is_new = row.checkpoint_id not in familiar
            reasons.append("new checkpoint" if is_new else "its checkpoint's first here")
        else:
            reasons.append("unlike the others")
        seen.add(row.checkpoint_id)
    return reasons
