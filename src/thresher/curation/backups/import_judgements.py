"""What an exported curation says about clips, recordings and checkpoints, as assignments of a decision.

The rule for conflicts: what the catalog says stays, and the file fills in what it does not say. With `replace`,
the file wins. Tags are joined, and the later time of listening counts, in both cases. Nothing is ever removed: a
clip without a rating in the file keeps its rating here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select

from thresher.catalog.database.schema import attribute, checkpoint, clip, location, recording
from thresher.catalog.decisions.fields import (
    JUDGEMENTS,
    current_checkpoint,
    current_tags,
    pinned_attribute,
)
from thresher.catalog.decisions.journal import Assignment
from thresher.catalog.recordings.attribution import checkpoint_id
from thresher.catalog.recordings.clip_rows import clip_rows
from thresher.curation.backups.curation_records import CheckpointRecord, ClipRecord, RecordingRecord, Ref
from thresher.curation.backups.import_matching import Matches
from thresher.curation.clips.decisions import tag_name


class Chooser:
    """Decides between what the catalog says and what the file says, and remembers the conflicts."""

    def __init__(self, *, replace: bool) -> None:
        self.conflicts: list[str] = []
        self._replace = replace

    def assignments(
        self, entity: str, row_id: int, field: str, here: Any, wanted: Any, what: str
    ) -> list[Assignment]:
        """Return the assignment of a field, none if it stays as it is."""
        if wanted in (None, False) or here == wanted:
            return []
        if here not in (None, False):
            self.conflicts.append(f"{what}: {field} {here} here, {wanted} in the file")
            if not self._replace:
                return []
        return [Assignment(entity, row_id, field, wanted)]


def judgements(
    connection: Connection, records: Sequence[RecordingRecord], matches: Matches, chooser: Chooser
) -> Iterator[Assignment]:
    """Yield what the file says about recordings and clips that are here."""
    for each in records:
        recording_id = matches.recordings.get(each.sha256)
        if recording_id is None:
            continue
        yield from _of_recording(connection, each, recording_id, chooser)
        for of_clip in each.clips:
            clip_id = matches.find(Ref(each.sha256, of_clip.kind, of_clip.start, of_clip.end))
            if clip_id is not None:
                yield from _of_clip(connection, of_clip, clip_id, chooser)


def _of_clip(
    connection: Connection, record: ClipRecord, clip_id: int, chooser: Chooser
) -> Iterator[Assignment]:
    row = clip_rows(connection, [clip_id])[clip_id]
    what = f"clip {clip_id}"
    for name in JUDGEMENTS:
        here, wanted = row[clip.c[name]], getattr(record, name)
        if name == "heard_at":
            if wanted is not None and (here is None or wanted > here):
                yield Assignment("clip", clip_id, name, wanted)
            continue
        if (
            name == "rejected"
            and wanted
            and not here
            and row[clip.c.rating] is not None
            and record.rating is None
        ):
            here = f"(rated {row[clip.c.rating]})"  # the curator kept what the file rejects
        yield from chooser.assignments("clip", clip_id, name, here, wanted, what)
    if record.kind == "marked" and not record.removed:
        yield from chooser.assignments("clip", clip_id, "name", row[clip.c.name], record.name, what)
    tags = current_tags(connection, clip_id)
    joined = sorted({*tags, *map(tag_name, record.tags)})
    if joined != tags:
        yield Assignment("clip", clip_id, "tags", joined)


def _of_recording(
    connection: Connection, record: RecordingRecord, recording_id: int, chooser: Chooser
) -> Iterator[Assignment]:
    row = connection.execute(select(recording).where(recording.c.id == recording_id)).one()
    what = f"recording {recording_id}"
    if record.role == "reference" and row.role == "generated":
        yield Assignment("recording", recording_id, "role", record.role)
    if record.checkpoint is not None:
        wanted = dict(vars(record.checkpoint))
        here = current_checkpoint(connection, recording_id) if row.checkpoint_pinned else None
        yield from chooser.assignments("recording", recording_id, "checkpoint", here, wanted, what)
    for key, text in record.attributes.items():
        pinned = (
            select(attribute.c.text)
            .join(location, location.c.id == attribute.c.location_id)
            .where(location.c.recording_id == recording_id, attribute.c.key == key, attribute.c.pinned)
        )
        stands = connection.scalar(pinned.order_by(location.c.id).limit(1))
        if chooser.assignments("recording", recording_id, f"attribute {key}", stands, text, what):
            value = pinned_attribute(connection, recording_id, text)
            yield Assignment("recording", recording_id, f"attribute {key}", value)


def verdicts(
    connection: Connection, records: Sequence[CheckpointRecord], chooser: Chooser
) -> Iterator[Assignment]:
    """Yield what the file says about checkpoints; those that wrote no file here yet are added."""
    for each in records:
        number = checkpoint_id(connection, each.run, each.epoch, each.step)
        if number is None:
            continue
        row = connection.execute(select(checkpoint).where(checkpoint.c.id == number)).one()
        what = f"checkpoint {number}"
        for name in ("verdict", "note"):
            yield from chooser.assignments(
                "checkpoint", number, name, getattr(row, name), getattr(each, name), what
            )
