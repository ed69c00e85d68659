"""The journal: what the curator decided, done and undone through one mechanism.

A decision is a list of changes, each one field of one thing with its value before and after. Doing applies
the values after, undoing those before; so what can be decided can be undone, and a new kind of decision is one
more entry in `DECISION_FIELDS`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, insert, or_, select, update

from thresher.catalog.attribution import checkpoint_id, refresh_checkpoint, set_attributes
from thresher.catalog.database import chunks, insert_row
from thresher.catalog.schema import attribute, checkpoint, clip, clip_tag, decision, location, recording, song
from thresher.catalog.values import LARGEST_INTEGER
from thresher.errors import NotFoundError, UsageError

Value = Any
"""What JSON can hold: None, a number, text, a list or an object."""


@dataclass(frozen=True)
class Assignment:
    """That `field` of the thing `entity` number `id` be `value`."""

    entity: str
    id: int
    field: str
    value: Value


@dataclass(frozen=True)
class Change:
    """One field of one thing, before and after."""

    entity: str
    id: int
    field: str
    before: Value
    after: Value

    @property
    def place(self) -> tuple[str, int, str]:
        """What was changed, whatever the values."""
        return self.entity, self.id, self.field


@dataclass(frozen=True)
class Decision:
    """One thing the curator did by one command. `made_at` is in seconds since 1970, UTC."""

    id: int
    made_at: float
    verb: str
    summary: str
    changes: tuple[Change, ...]
    undoes: int | None
    undone_by: int | None


@dataclass(frozen=True)
class _Field:
    """How one kind of field is read and written; `read` raises KeyError where the thing is gone."""

    read: Callable[[Connection, int, str], Value]
    write: Callable[[Connection, int, str, Value], None]


def decide(connection: Connection, verb: str, summary: str, wishes: Iterable[Assignment]) -> Decision | None:
    """Grant wishes and journal what really changed by it; None where nothing did."""
    changes = []
    for wish in wishes:
        kind = _field(wish.entity, wish.field)
        before = kind.read(connection, wish.id, wish.field)
        if before != wish.value:
            kind.write(connection, wish.id, wish.field, wish.value)
            changes.append(Change(wish.entity, wish.id, wish.field, before, wish.value))
    return _journal(connection, verb, summary, changes) if changes else None


def undo(connection: Connection, number: int | None = None) -> Decision:
    """Revert decision `number`, or the latest that is not undone; the undo, which is a decision itself.

    NotFoundError where there is none; UsageError where a later decision touched the same fields.
    """
    target = _latest(connection) if number is None else _get(connection, number)
    if target.undone_by is not None:
        raise UsageError(
            f"decision {target.id} was undone by {target.undone_by}; `thresher undo {target.undone_by}` "
            "brings it back"
        )
    later = _later_on_same_fields(connection, target)
    if later is not None:
        raise UsageError(
            f"decision {later.id} ({later.summary}) changed the same fields after {target.id}; "
            f"`thresher undo {later.id}` first"
        )
    reverted = []
    for change in reversed(target.changes):
        kind = _field(change.entity, change.field)
        try:
            current = kind.read(connection, change.id, change.field)
        except KeyError:  # forgotten since, and nothing to revert
            continue
        kind.write(connection, change.id, change.field, change.before)
        reverted.append(Change(change.entity, change.id, change.field, current, change.before))
    done = _journal(connection, "undo", f"undo {target.id}: {target.summary}", reverted, target.id)
    _mark_undone(connection, target, done.id)
    return done


def _mark_undone(connection: Connection, target: Decision, by: int) -> None:
    """`target` is undone `by` a decision: what it had undone stands again, what that had undone does not, …"""
    undone: Decision | None = target
    undone_by: int | None = by
    while undone is not None:
        connection.execute(update(decision).where(decision.c.id == undone.id).values(undone_by_id=undone_by))
        undone_by = undone.id if undone_by is None else None
        undone = None if undone.undoes is None else _get(connection, undone.undoes)


def history(connection: Connection, limit: int | None = None) -> list[Decision]:
    """Decisions, the latest first."""
    statement = select(decision).order_by(decision.c.id.desc()).limit(limit)
    return [_decision(row) for row in connection.execute(statement)]


def judged_clips(connection: Connection, clip_ids: Sequence[int]) -> set[int]:
    """Those of `clip_ids` that the curator said something about: rated, rejected, noted or tagged."""
    judged: set[int] = set()
    for chunk in chunks(clip_ids):
        said = clip.c.rating.is_not(None) | clip.c.rejected | clip.c.note.is_not(None)
        judged.update(connection.scalars(select(clip.c.id).where(clip.c.id.in_(chunk), said)))
        judged.update(connection.scalars(select(clip_tag.c.clip_id).where(clip_tag.c.clip_id.in_(chunk))))
    return judged


def _journal(
    connection: Connection, verb: str, summary: str, changes: Sequence[Change], undoes: int | None = None
) -> Decision:
    made_at = time.time()
    listed = [[*change.place, change.before, change.after] for change in changes]
    values = {
        "made_at": made_at,
        "verb": verb,
        "summary": summary,
        "changes": json.dumps(listed, ensure_ascii=False, separators=(",", ":")),
        "undoes_id": undoes,
    }
    number = insert_row(connection, decision, values)
    return Decision(number, made_at, verb, summary, tuple(changes), undoes, None)


def _decision(row: Row[Any]) -> Decision:
    changes = tuple(Change(*change) for change in json.loads(row.changes))
    return Decision(row.id, row.made_at, row.verb, row.summary, changes, row.undoes_id, row.undone_by_id)


def _get(connection: Connection, number: int) -> Decision:
    of_number = select(decision).where(decision.c.id == min(number, LARGEST_INTEGER))
    row = connection.execute(of_number).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no decision {number}; `thresher history` lists them")
    return _decision(row)


def _latest(connection: Connection) -> Decision:
    statement = (
        select(decision)
        .where(decision.c.undone_by_id.is_(None), decision.c.undoes_id.is_(None))
        .order_by(decision.c.id.desc())
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFoundError("there is nothing to undo; `thresher history` lists what was decided")
    return _decision(row)


def _later_on_same_fields(connection: Connection, target: Decision) -> Decision | None:
    """The latest standing decision after `target` that touched a field of it.

    An undo of something later than `target` only took back what came in between, and does not count.
    """
    places = {change.place for change in target.changes}
    is_change = or_(decision.c.undoes_id.is_(None), decision.c.undoes_id < target.id)
    statement = (
        select(decision)
        .where(decision.c.id > target.id, decision.c.undone_by_id.is_(None), is_change)
        .order_by(decision.c.id.desc())
    )
    for row in connection.execute(statement):
        later = _decision(row)
        if any(change.place in places for change in later.changes):
            return later
    return None


# -- the fields that can be decided ------------------------------------------------------------------------


def _column_of(table: Table) -> _Field:
    """A field that is a column of a table."""

    def read(connection: Connection, row_id: int, name: str) -> Value:
        row = connection.execute(select(table.c[name]).where(table.c.id == row_id)).one_or_none()
        if row is None:
            raise KeyError(row_id)
        return row[0]

    def write(connection: Connection, row_id: int, name: str, value: Value) -> None:
        connection.execute(update(table).where(table.c.id == row_id).values({name: value}))

    return _Field(read, write)


_CLIP, _RECORDING, _CHECKPOINT, _SONG = map(_column_of, (clip, recording, checkpoint, song))


def current_tags(connection: Connection, clip_id: int) -> list[str]:
    """The tags of a clip, sorted."""
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
    """Run, epoch and step that a recording counts under, corrected or not."""
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
    """The attribute at each location of a recording, as [location, text, pinned]."""
    _RECORDING.read(connection, recording_id, "id")
    rows = connection.execute(
        select(attribute.c.location_id, attribute.c.text, attribute.c.pinned)
        .join(location, location.c.id == attribute.c.location_id)
        .where(location.c.recording_id == recording_id, attribute.c.key == _attribute_key(name))
        .order_by(attribute.c.location_id)
    )
    return [[row.location_id, row.text, bool(row.pinned)] for row in rows]


def _write_attribute(connection: Connection, recording_id: int, name: str, value: Value) -> None:
    here = select(location.c.id).where(location.c.recording_id == recording_id)
    connection.execute(
        delete(attribute).where(attribute.c.location_id.in_(here), attribute.c.key == _attribute_key(name))
    )
    known = set(connection.scalars(here))
    for location_id, text, pinned in value:
        if location_id in known:
            set_attributes(connection, location_id, {_attribute_key(name): text}, pinned=pinned)


def pinned_attribute(connection: Connection, recording_id: int, text: str) -> Value:
    """The value that pins an attribute at all locations of a recording."""
    statement = select(location.c.id).where(location.c.recording_id == recording_id).order_by(location.c.id)
    return [[location_id, text, True] for location_id in connection.scalars(statement)]


def _attribute_key(name: str) -> str:
    return name.removeprefix("attribute ")


def _write_song(connection: Connection, song_id: int, name: str, value: Value) -> None:
    row = connection.execute(select(song.c.name, song.c.deleted).where(song.c.id == song_id)).one()
    wanted = {**row._mapping, name: value}
    taken = select(song.c.id).where(song.c.name == wanted["name"], ~song.c.deleted, song.c.id != song_id)
    if not wanted["deleted"] and connection.scalar(taken) is not None:
        raise UsageError(
            f'another song is called "{wanted["name"]}" now; `thresher song rename` or delete that one first'
        )
    _SONG.write(connection, song_id, name, value)


DECISION_FIELDS: Mapping[tuple[str, str], _Field] = {
    **{("clip", name): _CLIP for name in ("rating", "rejected", "note", "heard_at", "trusted")},
    ("clip", "tags"): _Field(_read_tags, _write_tags),
    **{("checkpoint", name): _CHECKPOINT for name in ("verdict", "note")},
    ("recording", "role"): _RECORDING,
    ("recording", "checkpoint"): _Field(_read_pinned_checkpoint, _write_pinned_checkpoint),
    ("recording", "attribute"): _Field(_read_attribute, _write_attribute),
    **{
        ("song", name): _Field(_SONG.read, _write_song)
        for name in (
            "name",
            "query",
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
            "deleted",
        )
    },
}
"""What can be decided: (entity, first word of the field) → how to read and write it."""


def _field(entity: str, name: str) -> _Field:
    return DECISION_FIELDS[entity, name.split(" ", 1)[0]]
