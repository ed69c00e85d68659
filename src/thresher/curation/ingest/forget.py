"""Forget: take back an ingest of the wrong folder. Files are never touched.

Locations go; a recording goes with its last location, unless the curator has said something about it or its
clips, or a rendering holds it: then both stay, as missing, so that nothing anybody did is lost.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from thresher.catalog import recordings, scores
from thresher.catalog.catalog import Catalog
from thresher.catalog.decisions import judged_clips
from thresher.catalog.paths import absolute
from thresher.catalog.schema import attribute, clip, location, recording, rendering_clip, score_row
from thresher.catalog.values import LARGEST_INTEGER
from thresher.errors import NotFoundError, UsageError


@dataclass(frozen=True)
class ForgetReport:
    """What forgetting takes: locations, recordings that go with them, and those kept because of what was said.

    `locations` counts those of kept recordings too, which become missing.
    """

    locations: int
    recordings: int
    kept: int
    dry_run: bool


class _DryRunEnds(Exception):  # noqa: N818  a signal, not an error
    """Rolls a dry run back."""


def forget(catalog: Catalog, target: str, *, dry_run: bool = False) -> ForgetReport:
    """Forget all locations at or under a path, or those that `batch:N` brought.

    NotFoundError where the catalog knows nothing there, UsageError where nothing is named.
    """
    if not target:
        raise UsageError("nothing is named to forget; write a path, or batch:N")
    report = ForgetReport(0, 0, 0, dry_run)
    try:
        with catalog.writing() as connection:
            found = _locations(catalog, connection, target)
            report = _forget(connection, found, dry_run=dry_run)
            if dry_run:
                raise _DryRunEnds
    except _DryRunEnds:
        pass
    return report


def _locations(catalog: Catalog, connection: Connection, target: str) -> list[int]:
    kind, colon, number = target.partition(":")
    if kind == "batch" and colon:
        if not number.isdecimal():
            raise UsageError(f'"{target}" names no batch; `thresher batches` shows their numbers')
        batch_id = min(int(number), LARGEST_INTEGER)
        found = list(connection.scalars(select(location.c.id).where(location.c.batch_id == batch_id)))
    else:
        path = absolute(target)
        prefix = path.rstrip(b"/") + b"/"
        found = [
            row.id
            for row in connection.execute(select(location.c.id, location.c.path))
            if (here := catalog.absolute(row.path)) == path or here.startswith(prefix)
        ]
    if not found:
        raise NotFoundError(
            f'the catalog knows no file of "{target}"; `thresher batches` shows what came when'
        )
    return found


def _forget(connection: Connection, location_ids: Sequence[int], *, dry_run: bool) -> ForgetReport:
    touched = sorted(_recordings_at(connection, location_ids))
    places = _places(connection, touched)
    named = set(location_ids)
    bereft = [recording_id for recording_id in touched if named.issuperset(places[recording_id])]
    history = _history(connection, bereft)
    gone = [recording_id for recording_id in bereft if recording_id not in history]
    for recording_id in bereft:
        named.difference_update(places[recording_id])
    _leave(connection, [place for recording_id in sorted(history) for place in places[recording_id]])
    _forget_recordings(connection, gone)
    recordings.forget_locations(connection, sorted(named))
    for recording_id in sorted(set(touched).difference(bereft)):
        recordings.refresh_checkpoint(connection, recording_id)
    return ForgetReport(len(location_ids), len(gone), len(history), dry_run)


def _recordings_at(connection: Connection, location_ids: Sequence[int]) -> set[int]:
    found: set[int] = set()
    for chunk in _chunks(location_ids):
        is_here = location.c.id.in_(chunk) & location.c.recording_id.is_not(None)
        found.update(connection.scalars(select(location.c.recording_id).where(is_here)))
    return found


def _places(connection: Connection, recording_ids: Sequence[int]) -> dict[int, list[int]]:
    """All locations of each recording."""
    places: dict[int, list[int]] = {recording_id: [] for recording_id in recording_ids}
    for chunk in _chunks(recording_ids):
        statement = select(location.c.recording_id, location.c.id).where(location.c.recording_id.in_(chunk))
        for row in connection.execute(statement):
            places[row.recording_id].append(row.id)
    return places


def _history(connection: Connection, recording_ids: Sequence[int]) -> set[int]:
    """Those of the recordings that were judged, corrected or rendered."""
    history: set[int] = set()
    for chunk in _chunks(recording_ids):
        of_clip = {
            row.id: row.recording_id
            for row in connection.execute(
                select(clip.c.id, clip.c.recording_id).where(clip.c.recording_id.in_(chunk))
            )
        }
        history.update(of_clip[clip_id] for clip_id in judged_clips(connection, list(of_clip)))
        for statement in (
            select(clip.c.recording_id)
            .join(rendering_clip, rendering_clip.c.clip_id == clip.c.id)
            .where(clip.c.recording_id.in_(chunk)),
            select(recording.c.id).where(recording.c.id.in_(chunk), recording.c.checkpoint_pinned),
            select(location.c.recording_id)
            .join(attribute, attribute.c.location_id == location.c.id)
            .where(location.c.recording_id.in_(chunk), attribute.c.pinned),
        ):
            history.update(connection.scalars(statement))
    return history


def _leave(connection: Connection, location_ids: Sequence[int]) -> None:
    """The locations of what stays become missing, those that were not missing before."""
    present = [
        place
        for chunk in _chunks(location_ids)
        for place in connection.scalars(
            select(location.c.id).where(location.c.id.in_(chunk), location.c.missing_since.is_(None))
        )
    ]
    recordings.mark_missing(connection, present, time.time())


def _forget_recordings(connection: Connection, recording_ids: Sequence[int]) -> None:
    clip_ids = [
        int(clip_id)
        for chunk in _chunks(recording_ids)
        for clip_id in connection.scalars(select(clip.c.id).where(clip.c.recording_id.in_(chunk)))
    ]
    scores.retire(connection, clip_ids)  # all at once: each time it looks through the matrix
    for chunk in _chunks(clip_ids):
        connection.execute(update(score_row).where(score_row.c.clip_id.in_(chunk)).values(clip_id=None))
    for chunk in _chunks(recording_ids):
        connection.execute(delete(recording).where(recording.c.id.in_(chunk)))


def _chunks(ids: Sequence[int], size: int = 500) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
