"""The stored analysis of clips: add it with new clips, or replace that of a known clip.

The functions run inside the caller's transaction.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, insert, select, update

from thresher.catalog.database.schema import clip
from thresher.catalog.recordings import measures


@dataclass(frozen=True)
class ClipContent:
    """The stored analysis of a clip; the fields are named like the columns of `clip`.

    `measures` holds the measures by name, or is None if there is nothing to measure. `status` and `reason` are None
    for a whole, which has those of its recording.
    """

    start_frame: int
    end_frame: int
    trim: str
    fingerprint: bytes | None
    fingerprint_backend: str | None
    fingerprint_version: str | None
    loudness: float | None
    peak: float | None
    descriptor: bytes | None = None
    descriptor_version: int | None = None
    profile: bytes | None = None
    profile_version: int | None = None
    measures: Mapping[str, float | None] | None = None
    status: str | None = None
    reason: str | None = None

    def columns(self) -> dict[str, Any]:
        """Return the values by column name of `clip`, with the checksums."""
        return {
            **{name: value for name, value in vars(self).items() if name != "measures"},
            "fingerprint_crc32": None if self.fingerprint is None else zlib.crc32(self.fingerprint),
            "descriptor_crc32": None if self.descriptor is None else zlib.crc32(self.descriptor),
            "profile_crc32": None if self.profile is None else zlib.crc32(self.profile),
        }


@dataclass(frozen=True)
class NewClip:
    """A clip to add: its kind, one of schema.CLIP_KINDS, its ordinal among those of the kind, and its content."""

    recording_id: int
    kind: str
    ordinal: int
    content: ClipContent
    name: str | None = None
    removed: bool = False


def add_clips(connection: Connection, new: Sequence[NewClip]) -> list[int]:
    """Add clips with their measures in a few statements; return their ids, in the same order."""
    if not new:
        return []
    ids = connection.scalars(
        insert(clip).returning(clip.c.id, sort_by_parameter_order=True),
        [
            {
                **{name: value for name, value in vars(each).items() if name != "content"},
                **each.content.columns(),
            }
            for each in new
        ],
    ).all()
    measured = ((clip_id, each.content.measures) for clip_id, each in zip(ids, new, strict=True))
    measures.store(connection, ((clip_id, values) for clip_id, values in measured if values is not None))
    return list(ids)


def replace_clip(connection: Connection, clip_id: int, content: ClipContent) -> bool:
    """Store a new analysis of a known clip; return whether its span, fingerprint or descriptor changed.

    While the span stays the same, a descriptor, profile and measures that the new analysis left out are kept.
    """
    old = connection.execute(select(clip).where(clip.c.id == clip_id)).one()
    same_span = (old.start_frame, old.end_frame) == (content.start_frame, content.end_frame)
    if same_span and content.descriptor is None:
        content = replace(content, descriptor=old.descriptor, descriptor_version=old.descriptor_version)
    if same_span and content.profile is None:
        content = replace(content, profile=old.profile, profile_version=old.profile_version)
    connection.execute(
        update(clip).where(clip.c.id == clip_id).values({**content.columns(), "analysis_digest": None})
    )
    if content.measures is not None or not same_span:
        measures.remove(connection, clip_id)
    if content.measures is not None:
        measures.store(connection, [(clip_id, content.measures)])
    is_same = old.fingerprint == content.fingerprint and old.descriptor in (None, content.descriptor)
    return not (same_span and is_same)
