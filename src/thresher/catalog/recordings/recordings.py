"""Recordings: one for each distinct content, with its whole clip and the parts that it was split into.

The functions run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update

from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import clip, location, recording
from thresher.catalog.files.paths import Place
from thresher.catalog.recordings.attribution import (
    add_attributes,
    checkpoint_id,
    complete_provenance,
    refresh_checkpoint,
)
from thresher.catalog.recordings.clip_content import ClipContent, NewClip, add_clips, replace_clip
from thresher.catalog.recordings.locations import (
    Sighting,
    location_values,
    mark_missing,
    occupy,
    present_among,
)


@dataclass(frozen=True)
class Content:
    """The stored analysis of a recording; the fields are named like the columns of `recording`."""

    status: str
    reason: str | None
    container: str | None
    subtype: str | None
    sample_rate: int | None
    channels: int | None
    frames: int | None
    mono_channel: int | None
    whole: ClipContent
    decoder: str | None = None
    decoder_version: str | None = None
    lost_share: float | None = None
    audio_key: str | None = None
    split: str | None = None
    parts: tuple[ClipContent, ...] = ()

    def columns(self) -> dict[str, Any]:
        """Return the values by column name of `recording`."""
        return {key: value for key, value in vars(self).items() if key not in ("whole", "parts")}


@dataclass(frozen=True)
class NewRecording:
    """Content that the catalog does not know yet, and the file in which it was seen."""

    sha256: str
    content: Content
    sighting: Sighting


def find_recordings(connection: Connection, sha256s: Iterable[str]) -> dict[str, int]:
    """Return the ids of the recordings with these contents, by SHA-256; unknown contents are left out.

    A content is that of a recording, or of a file that was re-tagged.
    """
    wanted = list(sha256s)
    found: dict[str, int] = {}
    for column, key in ((location.c.sha256, location.c.recording_id), (recording.c.sha256, recording.c.id)):
        for chunk in chunks(wanted):
            statement = select(column, key).where(column.in_(chunk), key.is_not(None)).order_by(key.desc())
            found.update((digest, recording_id) for digest, recording_id in connection.execute(statement))
    return found


def status_and_trim(connection: Connection, recording_id: int) -> tuple[str, str]:
    """Return a recording's status and the trim settings of its whole clip."""
    row = connection.execute(
        select(recording.c.status, clip.c.trim)
        .join(clip, clip.c.recording_id == recording.c.id)
        .where(recording.c.id == recording_id, clip.c.kind == "whole")
    ).one()
    return row.status, row.trim


def replace_content(
    connection: Connection,
    recording_id: int,
    content: Content,
    clips: Mapping[int, ClipContent] | None = None,
) -> list[int]:
    """Store a new analysis of a known recording, of its whole, and of its `clips` by id.

    Return the ids of the clips whose scores it makes stale, see `replace_clip`. How the recording was split stays
    as it is. A recording that was forgotten meanwhile is not added again.
    """
    of_whole = (clip.c.recording_id == recording_id, clip.c.kind == "whole")
    whole_id = connection.scalar(select(clip.c.id).where(*of_whole))
    if whole_id is None:
        return []
    columns = content.columns()
    del columns["split"]
    if content.audio_key is None:
        del columns["audio_key"]
    else:
        columns["analysis_digest"] = None  # every value that it covers is new
    connection.execute(update(recording).where(recording.c.id == recording_id).values(columns))
    new = {whole_id: content.whole, **(clips or {})}
    return [clip_id for clip_id, each in new.items() if replace_clip(connection, clip_id, each)]


class AddedRecordings(NamedTuple):
    """The ids of new recordings, and the locations of other contents whose places their files took."""

    ids: list[int]
    displaced: list[int]


def add_recordings(
    connection: Connection, batch_id: int, new: Sequence[NewRecording], now: float
) -> AddedRecordings:
    """Add new recordings with their clips and locations in a few statements; their ids are in the same order.

    The contents must be distinct, and so must the paths.
    """
    here = present_among(connection, [each.sighting.stored.place for each in new])
    displaced = [int(row.id) for row in here.values() if row.recording_id is not None]
    mark_missing(connection, displaced, now)
    checkpoints = {
        names: checkpoint_id(connection, *names)
        for names in dict.fromkeys(_named(each.sighting) for each in new)
    }
    recording_ids = connection.scalars(
        insert(recording).returning(recording.c.id, sort_by_parameter_order=True),
        [
            {
                "sha256": each.sha256,
                "batch_id": batch_id,
                "role": each.sighting.role or "generated",
                "checkpoint_id": checkpoints[_named(each.sighting)],
                **each.content.columns(),
            }
            for each in new
        ],
    ).all()
    add_clips(
        connection,
        [
            NewClip(recording_id, kind, ordinal, content)
            for recording_id, each in zip(recording_ids, new, strict=True)
            for kind, ordinal, content in _clips_of(each.content)
        ],
    )
    _add_locations(connection, batch_id, recording_ids, new, checkpoints, here)
    return AddedRecordings(list(recording_ids), displaced)


def _clips_of(content: Content) -> Iterator[tuple[str, int, ClipContent]]:
    """Yield kind, ordinal and content of a new recording's clips."""
    yield "whole", 0, content.whole
    for ordinal, part in enumerate(content.parts, start=1):
        yield "part", ordinal, part


def _add_locations(
    connection: Connection,
    batch_id: int,
    recording_ids: Sequence[int],
    new: Sequence[NewRecording],
    checkpoints: Mapping[_Names, int | None],
    here: Mapping[Place, Any],
) -> None:
    """Add the locations of new recordings. A file that could not be read before has one, which is used."""
    fresh = []
    for recording_id, each in zip(recording_ids, new, strict=True):
        sighting = each.sighting
        known = here.get(sighting.stored.place)
        if known is not None and known.recording_id is None:
            occupy(connection, known.id, sighting, recording_id)
            complete_provenance(
                connection, known.id, sighting.provenance, sighting.stated, sighting.folder_run
            )
            refresh_checkpoint(connection, recording_id)
        else:
            fresh.append((recording_id, sighting))
    if not fresh:
        return
    location_ids = connection.scalars(
        insert(location).returning(location.c.id, sort_by_parameter_order=True),
        [
            location_values(batch_id, recording_id, sighting, checkpoint_id=checkpoints[_named(sighting)])
            for recording_id, sighting in fresh
        ],
    ).all()
    add_attributes(
        connection,
        {
            location_id: sighting.provenance.attributes
            for location_id, (_, sighting) in zip(location_ids, fresh, strict=True)
        },
    )


_Names = tuple[str | None, int | None, int | None]


def _named(sighting: Sighting) -> _Names:
    """Return run, epoch and step of a file."""
    found = sighting.provenance
    return sighting.folder_run if found.run is None else found.run, found.epoch, found.step
