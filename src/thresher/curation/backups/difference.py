"""What a backup lacks and has, compared with the catalog: in numbers that a curator understands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, select

from thresher.catalog.database.schema import (
    batch,
    checkpoint,
    clip,
    clip_tag,
    decision,
    recording,
    rendering,
    saved_query,
    song,
)

_CLIPS = clip.join(recording, recording.c.id == clip.c.recording_id)
_OF_CLIP = (recording.c.sha256, clip.c.kind, clip.c.ordinal)

KEYS: Mapping[str, Select[Any]] = {
    "decisions": select(decision.c.id, decision.c.made_at),
    "ratings": select(*_OF_CLIP, clip.c.rating).select_from(_CLIPS).where(clip.c.rating.is_not(None)),
    "rejections": select(*_OF_CLIP).select_from(_CLIPS).where(clip.c.rejected),
    "notes": select(*_OF_CLIP, clip.c.note).select_from(_CLIPS).where(clip.c.note.is_not(None)),
    "tags": select(*_OF_CLIP, clip_tag.c.tag).select_from(_CLIPS.join(clip_tag)),
    "verdicts": select(checkpoint.c.run, checkpoint.c.epoch, checkpoint.c.step, checkpoint.c.verdict).where(
        checkpoint.c.verdict.is_not(None)
    ),
    "songs": select(song.c.id, song.c.name).where(~song.c.deleted),
    "renderings": select(rendering.c.song_id, rendering.c.number, rendering.c.sha256),
    "saved queries": select(saved_query.c.name).where(~saved_query.c.deleted),
    "ingests": select(batch.c.id, batch.c.started_at),
    "recordings": select(recording.c.sha256),
    "clips": select(*_OF_CLIP).select_from(_CLIPS).where(~clip.c.removed),
}
"""What is counted, and the columns that tell one from another."""


@dataclass(frozen=True)
class RestoreDifference:
    """How many of one kind a restore takes away from the catalog (`lost`), and how many it brings (`won`)."""

    what: str
    lost: int
    won: int


def differences(current: Connection, backup: Connection) -> tuple[RestoreDifference, ...]:
    """Compare a catalog with its backup; both have today's schema."""
    found = []
    for what, statement in KEYS.items():
        here, there = ({tuple(row) for row in each.execute(statement)} for each in (current, backup))
        found.append(RestoreDifference(what, len(here - there), len(there - here)))
    return tuple(found)
