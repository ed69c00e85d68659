"""The listening queue: clips to hear in a given time, chosen so that they cover what is new.

A queue is chosen once and stored; what is left of it is read from the clips. A clip of the queue is done if it
was heard after the queue was made, skipped, or rejected by another command. So `undo` of a decision about a
clip puts the clip back. A clip that a split hides or takes away is done, too, until the split is undone. Times are
seconds since 1970 (UTC), lengths are seconds, distances are 1 - likeness.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select, update

from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import KnownFile, intact_file, keep_looks, known_files_in
from thresher.catalog.database.database import chunks, insert_row
from thresher.catalog.database.schema import checkpoint, clip, listening, listening_clip, location, recording
from thresher.catalog.decisions.journal import Decision
from thresher.catalog.queries.query import join_terms
from thresher.catalog.queries.text import Terms, tokens_of
from thresher.catalog.recordings.clip_rows import known_clips
from thresher.catalog.recordings.clip_source import IS_HIDDEN, SECONDS, SOURCE, shown_location
from thresher.catalog.recordings.cut_clips import cut_places
from thresher.catalog.recordings.measures import measure_value
from thresher.curation.clips.decisions import utf8_text
from thresher.curation.clips.reach import no_match
from thresher.curation.clips.selection import select_ids
from thresher.curation.listening.choice import (
    QueueReach,
    checkpoints_of,
    choose,
    heard_clips,
    read_candidates,
)
from thresher.curation.listening.heard import mark_heard
from thresher.errors import NotFoundError, ReadOnlyCatalogError, ThresherError, UsageError

if TYPE_CHECKING:
    from thresher.curation.comparison.distances import ClipDistances

MINUTES = 20.0
MOST_MINUTES = 100_000.0

_WANTS_REJECTED = {"rejected:yes", "rejected:true", "rejected:1", "^rejected:no", "^rejected:false"}


@dataclass(frozen=True)
class ListenRow:
    """A clip of a queue. `position` is its place in the queue, counted from 1.

    `distance` is measured to the nearest of the clips before it in the queue and those heard before the queue was
    made; None if unknown. `why` says why the clip was chosen. `missing`: no file of it is present. `done`: it was
    heard, skipped or rejected, or it is not shown any more. `start` is where it starts in its file, `part` which
    part or mark of its recording it is; None for a whole.
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
    distance: float | None
    why: str
    loop: float | None
    noise: float | None
    file_seconds: float
    start: float
    sha256: str
    part: str | None = None


@dataclass(frozen=True)
class Queue:
    """Clips to hear, in order. `id` is None if the queue is not stored; `reach` is set only for a new queue."""

    id: int | None
    started_at: float
    query: str
    minutes: float
    clips: tuple[ListenRow, ...]
    reach: QueueReach | None = None

    @property
    def left(self) -> tuple[ListenRow, ...]:
        """The clips that are not done and whose files are present."""
        return tuple(row for row in self.clips if not row.done and not row.missing)

    @property
    def seconds(self) -> float:
        """The length of all clips."""
        return sum(row.seconds for row in self.clips)


def plan_listening(
    catalog: Catalog, terms: Terms = (), minutes: float = MINUTES, *, dry_run: bool = False
) -> Queue:
    """Choose clips to hear among those that the terms match, and store them as the current queue.

    Candidates are the generated clips that listings show. From each checkpoint, the clip farthest from all
    heard clips is chosen, checkpoints without a heard clip first; then the farthest of the remaining clips,
    while they fit. Heard clips fill what time is left, the longest ago first. `dry_run` does not store the
    queue, and a role that may only read can't. Raises NotFoundError if there is no candidate.
    """
    if not 0 < minutes <= MOST_MINUTES:
        raise UsageError(
            f"invalid number of minutes {minutes:g} (expected more than 0, and up to {MOST_MINUTES:,.0f})"
        )
    text = join_terms(terms)
    now = time.time()
    with catalog.reading() as connection:
        ids = sorted(select_ids(catalog, connection, terms, song=True))
        if not ids:
            raise no_match(catalog, connection, terms, "generated clip")
        candidates = read_candidates(connection, ids)
    chosen, reach = choose(candidates, minutes * 60)
    query = utf8_text(text)
    number = None if dry_run else _store(catalog, now, query, minutes, chosen)
    with catalog.reading() as connection:
        known = known_clips(connection, chosen)
        rows = _read_rows(
            catalog, connection, now, query, [(each, False) for each in chosen if each in known]
        )
    clips = rows.complete(catalog)
    if not dry_run:
        keep_looks(catalog)
    return Queue(number, now, query, minutes, clips, reach)


def resume_listening(catalog: Catalog) -> Queue | None:
    """Return the current queue; None if nothing in it is left to hear."""
    queue = latest_listening(catalog)
    return queue if queue is not None and queue.left else None


def finish_listening(catalog: Catalog) -> Decision:
    """Mark the rest of the current queue as heard, in one decision. Raises NotFoundError if nothing is left."""
    queue = resume_listening(catalog)
    if queue is None:
        raise NotFoundError("no queue has clips left to hear; `thresher listen` makes one")
    made = mark_heard(catalog, [row.id for row in queue.left], not_before=queue.started_at)
    if catalog.not_noted is not None:
        raise ReadOnlyCatalogError(catalog.not_noted)
    assert made is not None, (
        "a clip that is left was not heard since the queue was made, so marking it changes it"
    )
    return made


def skip(catalog: Catalog, queue: Queue, clip_id: int) -> None:
    """Mark a clip of a stored queue as done without marking it as heard."""
    here = (listening_clip.c.listening_id == queue.id, listening_clip.c.clip_id == clip_id)
    done = update(listening_clip).where(*here).values(is_done=True)
    catalog.note(lambda connection: connection.execute(done))


def _store(catalog: Catalog, now: float, query: str, minutes: float, chosen: Sequence[int]) -> int | None:
    """Store a queue without the clips that were forgotten since they were chosen; return its number."""

    def store(connection: Connection) -> int:
        known = known_clips(connection, chosen)
        values = {"started_at": now, "query": query, "minutes": minutes}
        number = insert_row(connection, listening, values)
        clips = [
            {"listening_id": number, "position": position, "clip_id": clip_id}
            for position, clip_id in enumerate(chosen)
            if clip_id in known
        ]
        if clips:
            connection.execute(insert(listening_clip), clips)
        return number

    return catalog.note(store)


def latest_listening(catalog: Catalog) -> Queue | None:
    """Return the queue that was made last, also if nothing in it is left to hear; None if there was none."""
    with catalog.reading() as connection:
        last = connection.execute(select(listening).order_by(listening.c.id.desc()).limit(1)).one_or_none()
        if last is None:
            return None
        clips = connection.execute(
            select(listening_clip.c.clip_id, listening_clip.c.is_done)
            .where(listening_clip.c.listening_id == last.id)
            .order_by(listening_clip.c.position)
        ).all()
        rows = _read_rows(
            catalog, connection, last.started_at, last.query, [(row.clip_id, row.is_done) for row in clips]
        )
    return Queue(last.id, last.started_at, last.query, last.minutes, rows.complete(catalog))


@dataclass(frozen=True)
class _Rows:
    """The rows of a queue without distances, of which only clips without sound are marked missing.

    `files` are the known files of all clips, `queued` the descriptors of the clips, and `heard` those of the clips
    that were heard before.
    """

    rows: Sequence[ListenRow]
    files: Mapping[str, Sequence[KnownFile]]
    queued: ClipDistances
    heard: ClipDistances

    def complete(self, catalog: Catalog) -> tuple[ListenRow, ...]:
        """Return the rows with distances, and those without a file marked missing.

        Clips are compared and files may be hashed: never call this inside of a transaction.
        """
        missing = {sha256 for sha256, files in self.files.items() if intact_file(catalog, files) is None}
        return tuple(
            replace(row, missing=row.missing or row.sha256 in missing, distance=distance)
            for row, distance in zip(self.rows, _distances(self.queued, self.heard), strict=True)
        )


def _read_rows(
    catalog: Catalog, connection: Connection, started_at: float, query: str, clips: Sequence[tuple[int, bool]]
) -> _Rows:
    """Read the rows of a queue's clips, which are given with whether they were skipped."""
    ids = [clip_id for clip_id, _ in clips]
    found = _full_rows(connection, ids)
    gone = _gone(catalog, connection, query, found)
    cut = cut_places(connection, ids)
    files = known_files_in(catalog, connection, {row.sha256 for row in found.values()})
    before = heard_clips(connection, started_at)
    wants_rejected = not _WANTS_REJECTED.isdisjoint(token.word.text for token in tokens_of(query))
    reasons = _reasons(connection, [found[clip_id] for clip_id in ids], before)
    rows = []
    for position, ((clip_id, skipped), why) in enumerate(zip(clips, reasons, strict=True), start=1):
        row = found[clip_id]
        heard_since = row.heard_at is not None and row.heard_at >= started_at
        rejected_since = row.rejected and not wants_rejected
        rows.append(
            ListenRow(
                position=position,
                id=clip_id,
                done=skipped or heard_since or rejected_since or clip_id in gone,
                path=row.path_text,
                missing=not row.seconds,
                run=row.run,
                epoch=row.epoch,
                step=row.step,
                seconds=row.seconds or 0.0,
                rating=row.rating,
                rejected=row.rejected,
                heard_at=row.heard_at,
                distance=None,
                why=why,
                loop=row.loop,
                noise=row.noise,
                file_seconds=row.frames / row.sample_rate if row.seconds else 0.0,
                start=row.start_frame / row.sample_rate if row.seconds else 0.0,
                sha256=row.sha256,
                part=None if (place := cut.get(clip_id)) is None else place.text,
            )
        )
    from thresher.curation.comparison.distances import ClipDistances

    others = sorted(set(before) - set(ids))
    queued, heard = (ClipDistances.read(connection, each) for each in (ids, others))
    return _Rows(rows, files, queued, heard)


def _gone(catalog: Catalog, connection: Connection, query: str, found: dict[int, Any]) -> set[int]:
    """Return the clips of a queue that were taken away, or that a split hides, unless the query asks for them."""
    removed = {clip_id for clip_id, row in found.items() if row.removed}
    hidden = {clip_id for clip_id, row in found.items() if row.is_hidden}
    if hidden:
        with suppress(ThresherError):  # a song that the query names may be gone
            hidden.difference_update(select_ids(catalog, connection, query, song=True))
    return removed | hidden


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
                clip.c.removed,
                IS_HIDDEN.label("is_hidden"),
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


def _distances(queued: ClipDistances, heard: ClipDistances) -> list[float | None]:
    """Return the distance of each clip to the nearest of the clips before it in the queue and those heard."""
    import numpy as np

    nearest = queued.to_nearest(heard)
    found: list[float | None] = []
    for position in range(queued.count):
        distance = float(nearest[position])
        found.append(round(distance, 6) if np.isfinite(distance) else None)
        if not np.isnan(distance):
            np.fmin(nearest, queued.column(position), out=nearest)
    return found


def _reasons(connection: Connection, rows: Sequence[Any], before: Sequence[int]) -> list[str]:
    """Say of each clip of a queue why it was chosen."""
    heard, familiar = set(before), checkpoints_of(connection, before)
    seen: set[int | None] = set()
    reasons = []
    for row in rows:
        if row.id in heard:
            reasons.append("heard before")
        elif row.checkpoint_id not in seen:
            is_new = row.checkpoint_id not in familiar
            reasons.append("new checkpoint" if is_new else "first of its checkpoint")
        else:
            reasons.append("different from the others")
        seen.add(row.checkpoint_id)
    return reasons
