"""Forget: take back an ingest of the wrong folder. Files are never touched.

Locations go; a recording goes with its last location, unless the curator has said something about its clips or
a rendering holds it: then it stays, as missing, so that nothing anybody did is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from thresher.catalog import recordings, scores
from thresher.catalog.catalog import Catalog
from thresher.catalog.decisions import judged_clips
from thresher.catalog.schema import clip, location, recording, rendering_clip, score_row
from thresher.errors import NotFoundError, UsageError


@dataclass(frozen=True)
class ForgetReport:
    """What forgetting takes: locations, recordings that go with them, and those kept because of what was said."""

    locations: int
    recordings: int
    kept: int
    dry_run: bool


class _DryRunEnds(Exception):  # noqa: N818  a signal, not an error
    """Rolls a dry run back."""


def forget(catalog: Catalog, target: str, *, dry_run: bool = False) -> ForgetReport:
    """Forget all locations at or under a path, or those that `batch:N` brought.

    NotFoundError where the catalog knows nothing there.
    """
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
        batch_id = int(number)
        found = list(connection.scalars(select(location.c.id).where(location.c.batch_id == batch_id)))
    else:
        path = catalog.absolute(catalog.stored(target).path)
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
    touched: set[int] = set()
    for start in range(0, len(location_ids), 500):
        chunk = location_ids[start : start + 500]
        touched.update(
            connection.scalars(
                select(location.c.recording_id).where(
                    location.c.id.in_(chunk), location.c.recording_id.is_not(None)
                )
            )
        )
    recordings.forget_locations(connection, location_ids)
    gone = kept = 0
    for recording_id in sorted(touched):
        left = connection.scalar(
            select(location.c.id).where(location.c.recording_id == recording_id).limit(1)
        )
        if left is not None:
            recordings.refresh_checkpoint(connection, recording_id)
        elif _is_history(connection, recording_id):
            kept += 1
        else:
            _forget_recording(connection, recording_id)
            gone += 1
    return ForgetReport(len(location_ids), gone, kept, dry_run)


def _is_history(connection: Connection, recording_id: int) -> bool:
    clip_ids = list(connection.scalars(select(clip.c.id).where(clip.c.recording_id == recording_id)))
    if judged_clips(connection, clip_ids):
        return True
    pinned = connection.scalar(select(recording.c.checkpoint_pinned).where(recording.c.id == recording_id))
    rendered = select(rendering_clip.c.clip_id).where(rendering_clip.c.clip_id.in_(clip_ids)).limit(1)
    return bool(pinned) or connection.scalar(rendered) is not None


def _forget_recording(connection: Connection, recording_id: int) -> None:
    clip_ids = list(connection.scalars(select(clip.c.id).where(clip.c.recording_id == recording_id)))
    scores.retire(connection, clip_ids)
    connection.execute(update(score_row).where(score_row.c.clip_id.in_(clip_ids)).values(clip_id=None))
    connection.execute(delete(recording).where(recording.c.id == recording_id))
