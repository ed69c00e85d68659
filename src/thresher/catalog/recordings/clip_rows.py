"""Rows of clips together with their recordings and checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, RowMapping, select

from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import checkpoint, clip, recording

_BLOBS = ("fingerprint", "descriptor", "profile", "digest", "analysis_digest")
_WITHOUT_BLOBS = [column for table in (clip, recording) for column in table.c if column.name not in _BLOBS]


def clip_rows(connection: Connection, clip_ids: Sequence[int]) -> dict[int, RowMapping]:
    """Return the rows of clips by id; ids that the catalog does not know are left out.

    A row maps the columns of `clip` (all but blobs and digests) and `recording`, and run, epoch
    and step of `checkpoint`, to their values.
    """
    found: dict[int, RowMapping] = {}
    for chunk in chunks(clip_ids):
        rows = connection.execute(
            select(*_WITHOUT_BLOBS, checkpoint.c.run, checkpoint.c.epoch, checkpoint.c.step)
            .join_from(clip, recording, recording.c.id == clip.c.recording_id)
            .outerjoin(checkpoint, checkpoint.c.id == recording.c.checkpoint_id)
            .where(clip.c.id.in_(chunk))
        )
        found.update((row._mapping[clip.c.id], row._mapping) for row in rows)
    return found


def known_clips(connection: Connection, clip_ids: Iterable[int]) -> set[int]:
    """Return those of these ids that are ids of clips."""
    return {
        clip_id
        for chunk in chunks(sorted(set(clip_ids)))
        for clip_id in connection.scalars(select(clip.c.id).where(clip.c.id.in_(chunk)))
    }
