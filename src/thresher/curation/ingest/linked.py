"""Find clips of different recordings that turned out to hold the same audio."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, select

from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import clip, recording
from thresher.curation.ingest.report import LinkedClips


def linked_clips(connection: Connection, keys: Collection[str]) -> tuple[LinkedClips, ...]:
    """Return the groups of clips whose recordings have one of these audio keys, if there are several of a key."""
    groups: dict[str, list[tuple[int, int | None, bool]]] = {}
    for key_chunk in chunks(sorted(keys)):
        statement = (
            select(recording.c.audio_key, clip.c.id, clip.c.rating, clip.c.rejected)
            .join(clip, clip.c.recording_id == recording.c.id)
            .where(recording.c.audio_key.in_(key_chunk), clip.c.kind == "whole")
            .order_by(clip.c.id)
        )
        for key, clip_id, rating, rejected in connection.execute(statement):
            groups.setdefault(key, []).append((clip_id, rating, rejected))
    return tuple(_linked(group) for group in groups.values() if len(group) > 1)


def _linked(group: Sequence[tuple[int, int | None, bool]]) -> LinkedClips:
    ratings = {rating for _, rating, _ in group if rating is not None}
    is_split = len({rejected for _, _, rejected in group}) > 1
    return LinkedClips(
        tuple(clip_id for clip_id, _, _ in group),
        tuple(rating for _, rating, _ in group),
        conflict=len(ratings) > 1 or is_split,
    )
