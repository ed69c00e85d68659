"""The fields that decisions change: how each of them is read and written.

A new kind of decision needs one more entry in `DECISION_FIELDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Table, Update, bindparam, delete, insert, select, update

from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import (
    attribute,
    checkpoint,
    clip,
    clip_tag,
    location,
    recording,
    saved_query,
    song,
)
from thresher.catalog.decisions.journal import Change, Value
from thresher.catalog.recordings.attribution import checkpoint_id, refresh_checkpoint, set_attributes
from thresher.errors import UsageError

JUDGEMENTS = ("rating", "rejected", "note", "heard_at", "trusted")
"""What the curator decides about a clip, besides its tags; named like the columns of `clip`."""


@dataclass(frozen=True)
class DecisionField:
    """How one kind of field is read and written; `read` raises KeyError if the row does not exist any more."""

    read: Callable[[Connection, int, str], Value]
    write: Callable[[Connection, int, str, Value], None]


def _column_of(table: Table) -> DecisionField:
    """Return a field that is a column of a table."""
    # A decision can change a field of many thousand rows: building a statement costs more than running it.
    this_row = table.c.id == bindparam("row_id")

    @cache
    def reading(name: str) -> Select[Any]:
        return select(table.c[name]).where(this_row)

    @cache
    def writing(name: str) -> Update:
        return update(table).where(this_row).values({name: bindparam("new")})

    def read(connection: Connection, row_id: int, name: str) -> Value:
        row = connection.execute(reading(name), {"row_id": row_id}).one_or_none()
        if row is None:
            raise KeyError(row_id)
        return row[0]

    def write(connection: Connection, row_id: int, name: str, value: Value) -> None:
        connection.execute(writing(name), {"row_id": row_id, "new": value})

    return DecisionField(read, write)


_CLIP, _RECORDING, _CHECKPOINT = map(_column_of, (clip, recording, checkpoint))


def current_tags(connection: Connection, clip_id: int) -> list[str]:
    """Return the tags of a clip, sorted."""
    return sorted(connection.scalars(select(clip_tag.c.tag).where(clip_tag.c.clip_id == clip_id)))


def _read_tags(connection: Connection, clip_id: int, _name: str) -> Value:
    _CLIP.read(connection, clip_id, "id")
    return current_tags(connection, clip_id)


def _write_tags(connection: Connection, clip_id: int, _name: str, value: Value) -> None:
    connection.execute(delete(clip_tag).where(clip_tag.c.clip_id == clip_id))
    if value:
        connection.execute(insert(clip_tag), [{"clip_id": clip_id, "tag": tag} for tag in value])


def _read_pinned_checkpoint(connection: Connection, recording_id: int, _name: str) -> Value:
    if not _RECORDING.read(connection, recording_id, "checkpoint_pinned"):
        return None
    return current_checkpoint(connection, recording_id)


def current_checkpoint(connection: Connection, recording_id: int) -> dict[str, Value]:
    """Return run, epoch and step of a recording's checkpoint, corrected or not."""
    row = connection.execute(
        select(checkpoint.c.run, checkpoint.c.epoch, checkpoint.c.step)
        .join(recording, recording.c.checkpoint_id == checkpoint.c.id)
        .where(recording.c.id == recording_id)
    ).one_or_none()
    run, epoch, step = (None, None, None) if row is None else row
    return {"run": run, "epoch": epoch, "step": step}


def _write_pinned_checkpoint(connection: Connection, recording_id: int, _name: str, value: Value) -> None:
    pinned = value is not None
    connection.execute(
        update(recording)
        .where(recording.c.id == recording_id)
        .values(
            checkpoint_pinned=pinned,
            checkpoint_id=checkpoint_id(connection, **value) if pinned else None,
        )
    )
    refresh_checkpoint(connection, recording_id)


def _read_attribute(connection: Connection, recording_id: int, name: str) -> Value:
    """Return the attribute at each location of a recording, as [location, text, pinned]."""
    _RECORDING.read(connection, recording_id, "id")
    rows = connection.execute(
        select(attribute.c.location_id, attribute.c.text, attribute.c.pinned)
        .join(location, location.c.id == attribute.c.location_id)
        .where(location.c.recording_id == recording_id, attribute.c.key == attribute_key(name))
        .order_by(attribute.c.location_id)
    )
    return [[row.location_id, row.text, bool(row.pinned)] for row in rows]


def _write_attribute(connection: Connection, recording_id: int, name: str, value: Value) -> None:
    here = select(location.c.id).where(location.c.recording_id == recording_id)
    connection.execute(
        delete(attribute).where(attribute.c.location_id.in_(here), attribute.c.key == attribute_key(name))
    )
    known = set(connection.scalars(here))
    for location_id, text, pinned in value:
        if location_id in known:
            set_attributes(connection, location_id, {attribute_key(name): text}, pinned=pinned)


def pinned_attribute(connection: Connection, recording_id: int, text: str) -> Value:
    """Return the value that pins an attribute at all locations of a recording."""
    statement = select(location.c.id).where(location.c.recording_id == recording_id).order_by(location.c.id)
    return [[location_id, text, True] for location_id in connection.scalars(statement)]


def is_attribute(change: Change) -> bool:
    """Return whether a change is one of an attribute of a recording."""
    return change.entity == "recording" and change.field.startswith("attribute ")


def attribute_key(name: str) -> str:
    """Return the key of an attribute from the name of its field."""
    return name.removeprefix("attribute ")


def _named_row_of(table: Table, noun: str, remedy: str) -> DecisionField:
    """Return a field of a table whose rows have names, each of which one row has that is not deleted."""
    column = _column_of(table)

    def write(connection: Connection, row_id: int, name: str, value: Value) -> None:
        row = connection.execute(select(table.c.name, table.c.deleted).where(table.c.id == row_id)).one()
        wanted = {**row._mapping, name: value}
        taken = select(table.c.id).where(
            table.c.name == wanted["name"], ~table.c.deleted, table.c.id != row_id
        )
        if not wanted["deleted"] and connection.scalar(taken) is not None:
            raise UsageError(f'another {noun} is named "{wanted["name"]}" now; {remedy}')
        column.write(connection, row_id, name, value)

    return DecisionField(column.read, write)


_SONG = _named_row_of(song, "song", "rename it (`thresher song rename`) or delete it first")
_QUERY = _named_row_of(saved_query, "saved query", "delete it first (`thresher query delete`)")


DECISION_FIELDS: Mapping[tuple[str, str], DecisionField] = {
    **{("clip", name): _CLIP for name in JUDGEMENTS},
    **{("clip", name): _CLIP for name in ("removed", "name")},
    ("clip", "tags"): DecisionField(_read_tags, _write_tags),
    **{("checkpoint", name): _CHECKPOINT for name in ("verdict", "note")},
    **{("recording", name): _RECORDING for name in ("role", "split")},
    ("recording", "checkpoint"): DecisionField(_read_pinned_checkpoint, _write_pinned_checkpoint),
    ("recording", "attribute"): DecisionField(_read_attribute, _write_attribute),
    **{
        ("song", name): _SONG
        for name in (
            "name",
            "query",
            "former_query",
            "ordering",
            "metric",
            "length",
            "clips",
            "sample_rate",
            "channels",
            "fade",
            "crossfade",
            "gap",
            "lufs",
            "subtype",
            "dither",
            "edits",
            "manual",
            "quality",
            "artist",
            "album",
            "file_rule",
            "cover",
            "selection_rule",
            "no_copies",
            "per_checkpoint",
            "deleted",
        )
    },
    **{("query", name): _QUERY for name in ("query", "deleted")},
}
"""The fields that decisions can change: (entity, first word of the field name) → how to read and write it."""


def field_of(entity: str, name: str) -> DecisionField:
    """Return how a field of an entity is read and written; attributes are named `attribute KEY`."""
    return DECISION_FIELDS[entity, name.split(" ", 1)[0]]


def judged_clips(connection: Connection, clip_ids: Sequence[int]) -> set[int]:
    """Return those of `clip_ids` that the curator rated, rejected, annotated or tagged."""
    judged: set[int] = set()
    for chunk in chunks(clip_ids):
        is_judged = clip.c.rating.is_not(None) | clip.c.rejected | clip.c.note.is_not(None)
        judged.update(connection.scalars(select(clip.c.id).where(clip.c.id.in_(chunk), is_judged)))
        judged.update(connection.scalars(select(clip_tag.c.clip_id).where(clip_tag.c.clip_id.in_(chunk))))
    return judged
