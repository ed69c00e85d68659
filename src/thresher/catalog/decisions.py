"""The journal of the curator's decisions, and their undo.

A decision is a list of changes. Each change is one field of one row, with its value before and after. An undo
writes the values before, so every decision can be undone. A new kind of decision needs one more entry in
`DECISION_FIELDS`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    Update,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)

from thresher.catalog.database.database import chunks, insert_row
from thresher.catalog.database.schema import (
    attribute,
    checkpoint,
    clip,
    clip_tag,
    decision,
    location,
    recording,
    saved_query,
    song,
    writer,
)
from thresher.catalog.database.writers import UNKNOWN, next_sequence, this_label, this_writer
from thresher.catalog.files.paths import Place
from thresher.catalog.recordings.attribution import checkpoint_id, refresh_checkpoint, set_attributes
from thresher.catalog.text.values import LARGEST_INTEGER
from thresher.errors import NotFoundError, UsageError

Value = Any
"""A JSON value: None, a number, text, a list or an object."""


@dataclass(frozen=True)
class Assignment:
    """A new `value` for one `field` of the row `id` of an `entity`, such as "clip"."""

    entity: str
    id: int
    field: str
    value: Value


@dataclass(frozen=True)
class Change:
    """One field of one row, with its value before and after."""

    entity: str
    id: int
    field: str
    before: Value
    after: Value

    @property
    def field_key(self) -> tuple[str, int, str]:
        """The field that was changed: entity, id and field name."""
        return self.entity, self.id, self.field


@dataclass(frozen=True)
class Decision:
    """What a curator did with one command. `made_at` is in seconds since 1970, UTC.

    `by` says who, such as `anna@studio`, None if that is unknown. `own` says whether it was the user of this
    process on this machine. Decisions of older versions have no writer; they are everybody's own as long as all
    others are.
    """

    id: int
    made_at: float
    verb: str
    summary: str
    changes: tuple[Change, ...]
    undoes: int | None
    undone_by: int | None
    by: str | None
    own: bool

    @property
    def who(self) -> str:
        """Who made it, in words; empty for an own decision."""
        return "" if self.own else self.by or "an unknown user"


@dataclass(frozen=True)
class _Field:
    """How one kind of field is read and written; `read` raises KeyError if the row does not exist any more."""

    read: Callable[[Connection, int, str], Value]
    write: Callable[[Connection, int, str, Value], None]


def decide(
    connection: Connection, verb: str, summary: str, assignments: Iterable[Assignment]
) -> Decision | None:
    """Make assignments and add those that changed a value to the journal, as one decision; None if none did."""
    changes = []
    for new in assignments:
        kind = _field(new.entity, new.field)
        before = kind.read(connection, new.id, new.field)
        if before != new.value:
            kind.write(connection, new.id, new.field, new.value)
            changes.append(Change(new.entity, new.id, new.field, before, new.value))
    _follow(connection, changes)
    return _journal(connection, verb, summary, changes) if changes else None


def note_event(connection: Connection, verb: str, summary: str, changes: Sequence[Change] = ()) -> Decision:
    """Add something to the journal that is not a decision and can't be undone, such as "forget" or "prune"."""
    return _journal(connection, verb, summary, changes)


def correct_event(connection: Connection, number: int, summary: str, changes: Sequence[Change]) -> None:
    """State what an entry of `note_event` turned out to be, if not all of what was announced was done."""
    values = {"summary": summary, "changes": _listed(changes)}
    connection.execute(update(decision).where(decision.c.id == number).values(values))


def events(connection: Connection, verb: str) -> list[Decision]:
    """Return the entries of the journal with a verb, the latest first."""
    statement = _journal_entries().where(decision.c.verb == verb).order_by(decision.c.id.desc())
    return [_decision(row) for row in connection.execute(statement)]


def decision_to_undo(connection: Connection, number: int | None = None) -> Decision:
    """Return the decision that `undo` reverts. Raises NotFoundError if there is no such decision."""
    return _latest(connection) if number is None else get_decision(connection, number)


def copies_since(connection: Connection, target: Decision) -> dict[int, Place]:
    """Return the places of the locations that got an attribute from a decision because they were added after it.

    They are by the ids of the locations. An undo does not know what their own names say.
    """
    there: dict[int, set[int]] = {}
    for change in target.changes:
        if _is_attribute(change):
            there.setdefault(change.id, set()).update(row[0] for row in change.after)
    found: dict[int, Place] = {}
    for chunk in chunks(sorted(there)):
        pinned = (
            select(location.c.id, location.c.recording_id, location.c.root, location.c.path)
            .join(attribute, attribute.c.location_id == location.c.id)
            .where(location.c.recording_id.in_(chunk), attribute.c.pinned)
        )
        for row in connection.execute(pinned):
            if row.id not in there[row.recording_id]:
                found[row.id] = Place(row.root, row.path)
    return found


def undo(
    connection: Connection,
    number: int | None = None,
    own: Mapping[int, Mapping[str, str]] = MappingProxyType({}),
) -> Decision:
    """Undo decision `number`, or the latest one that is not undone; on a server, the latest own one.

    Return the undo, itself a decision. `own` are the attributes that the files of `copies_since` have by their own
    names, by the ids of the locations.

    Raises NotFoundError if there is no such decision. Raises UsageError if a later decision changed the same
    fields, if the decision changed only what was forgotten since, or if the entry of the journal is not a decision.
    """
    target = decision_to_undo(connection, number)
    if target.verb in WAYS_BACK:
        raise _cannot_undo(connection, target, WAYS_BACK[target.verb].format(number=target.id))
    if target.undone_by is not None:
        by = _by(get_decision(connection, target.undone_by))
        raise UsageError(
            f"decision {target.id} was already undone by {target.undone_by}{by}; "
            f"`thresher undo {target.undone_by}` restores it"
        )
    later = _later_on_same_fields(connection, target)
    if later is not None:
        raise UsageError(
            f"decision {later.id} ({later.summary}){_by(later)} changed the same fields after {target.id}; "
            f"run `thresher undo {later.id}` first"
        )
    reverted = []
    for change in reversed(target.changes):
        kind = _field(change.entity, change.field)
        try:
            current = kind.read(connection, change.id, change.field)
        except KeyError:  # the row was forgotten in the meantime
            continue
        if current == change.before:
            continue
        wanted = _with_own(change, current, own) if _is_attribute(change) else change.before
        kind.write(connection, change.id, change.field, wanted)
        reverted.append(Change(change.entity, change.id, change.field, current, wanted))
    reverted += _forget_former_queries(connection, target.changes, reverted)
    if not reverted:
        raise _cannot_undo(connection, target, "what it changed was forgotten, or is as it was before")
    _follow(connection, reverted)
    done = _journal(
        connection, "undo", f"undo {target.id}{_by(target)}: {target.summary}", reverted, target.id
    )
    _mark_undone(connection, target, done.id)
    return done


def _forget_former_queries(
    connection: Connection, changes: Sequence[Change], reverted: Sequence[Change]
) -> list[Change]:
    """Remove the former query of songs whose query was reverted, if the decision was made before an upgrade.

    The former query belongs to the query that was replaced; decisions made since record it themselves.
    """
    recorded = {change.id for change in changes if change.field == "former_query"}
    songs = {change.id for change in reverted if (change.entity, change.field) == ("song", "query")}
    removed = []
    for song_id in sorted(songs - recorded):
        former = _SONG.read(connection, song_id, "former_query")
        if former is not None:
            _SONG.write(connection, song_id, "former_query", None)
            removed.append(Change("song", song_id, "former_query", former, None))
    return removed


_OF_CLIPS = frozenset([("clip", "removed"), ("recording", "split")])


def changes_clips(changes: Iterable[Change]) -> bool:
    """Return whether changes remove clips, bring them back, or hide or show the wholes of recordings."""
    return any((change.entity, change.field) in _OF_CLIPS for change in changes)


def _follow(connection: Connection, changes: Sequence[Change]) -> None:
    """Bring the score matrices up to date after changes."""
    if changes_clips(changes):
        from thresher.catalog.scores import scores  # loads numpy, which other decisions do not need

        removed = [change.id for change in changes if change.field == "removed" and change.after]
        if any(change.field == "split" for change in changes):
            scores.follow_clips(connection, removed)
        else:  # no clip is hidden or shown, so that only the nearest clips of the removed ones change
            scores.retire(connection, removed)


WAYS_BACK: Mapping[str, str] = {
    "forget": "it is not a decision; `thresher ingest` on the folder adds the clips again",
    "prune": "it is not a decision; `thresher prune --restore {number}` takes the files out of the trash",
}
"""The events of the journal that `undo` can't revert, and how to get the clips back."""


def _cannot_undo(connection: Connection, target: Decision, why: str) -> UsageError:
    """The error for an entry that can't be undone, which names the decision before it."""
    is_open = decision.c.undone_by_id.is_(None) & decision.c.undoes_id.is_(None)
    is_earlier = is_open & (decision.c.id < target.id) & decision.c.verb.not_in(WAYS_BACK)
    before = _latest_of(connection, is_earlier)
    earlier = (
        f"; `thresher undo {before.id}` reverts the decision before it ({before.summary}){_by(before)}"
        if before
        else ""
    )
    return UsageError(f"entry {target.id} of the history ({target.summary}) can't be undone: {why}{earlier}")


def _mark_undone(connection: Connection, target: Decision, by: int) -> None:
    """Mark `target` as undone `by` a decision, and follow the chain of undos that it ends.

    If `target` is itself an undo, the decision that it undid is in force again. If that one is an undo too, the
    decision that it undid is undone again, and so on.
    """
    undone: Decision | None = target
    undone_by: int | None = by
    while undone is not None:
        connection.execute(update(decision).where(decision.c.id == undone.id).values(undone_by_id=undone_by))
        undone_by = undone.id if undone_by is None else None
        undone = None if undone.undoes is None else get_decision(connection, undone.undoes)


def history(connection: Connection, limit: int | None = None) -> list[Decision]:
    """Return decisions, the latest first."""
    most = None if limit is None else min(limit, LARGEST_INTEGER)
    statement = _journal_entries().order_by(decision.c.id.desc()).limit(most)
    return [_decision(row) for row in connection.execute(statement)]


def judged_clips(connection: Connection, clip_ids: Sequence[int]) -> set[int]:
    """Return those of `clip_ids` that the curator rated, rejected, annotated or tagged."""
    judged: set[int] = set()
    for chunk in chunks(clip_ids):
        is_judged = clip.c.rating.is_not(None) | clip.c.rejected | clip.c.note.is_not(None)
        judged.update(connection.scalars(select(clip.c.id).where(clip.c.id.in_(chunk), is_judged)))
        judged.update(connection.scalars(select(clip_tag.c.clip_id).where(clip_tag.c.clip_id.in_(chunk))))
    return judged


def _journal(
    connection: Connection, verb: str, summary: str, changes: Sequence[Change], undoes: int | None = None
) -> Decision:
    made_at = time.time()
    of_writer = this_writer()
    values = {
        "made_at": made_at,
        "verb": verb,
        "summary": summary,
        "changes": _listed(changes),
        "undoes_id": undoes,
        "writer": of_writer,
        "sequence": next_sequence(connection, of_writer, this_label()),
    }
    number = insert_row(connection, decision, values)
    return Decision(number, made_at, verb, summary, tuple(changes), undoes, None, this_label(), own=True)


def _listed(changes: Sequence[Change]) -> str:
    listed = [[*change.field_key, change.before, change.after] for change in changes]
    return json.dumps(listed, ensure_ascii=False, separators=(",", ":"))


def _is_own() -> ColumnElement[bool]:
    """Whether an entry of the journal was made by this writer, or by an unknown one while there is no other."""
    known = writer.alias()
    others = select(known.c.name).where(known.c.name.not_in((*UNKNOWN, this_writer())))
    return (decision.c.writer == this_writer()) | (decision.c.writer.in_(UNKNOWN) & ~others.exists())


def _journal_entries() -> Select[Any]:
    """The statement for entries of the journal, to which conditions and an order are added."""
    return select(decision, writer.c.label, _is_own().label("own")).outerjoin(
        writer, writer.c.name == decision.c.writer
    )


def _decision(row: Row[Any]) -> Decision:
    changes = tuple(Change(*change) for change in json.loads(row.changes))
    undos = row.undoes_id, row.undone_by_id
    by = row.label or None
    return Decision(row.id, row.made_at, row.verb, row.summary, changes, *undos, by, own=bool(row.own))


def _by(made: Decision) -> str:
    """Return " by" and who made a decision; nothing for an own one."""
    return "" if made.own else f" by {made.who}"


def get_decision(connection: Connection, number: int) -> Decision:
    """Return an entry of the journal. Raises NotFoundError if there is none of that number."""
    of_number = _journal_entries().where(decision.c.id == min(number, LARGEST_INTEGER))
    row = connection.execute(of_number).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no decision {number}; `thresher history` lists all decisions")
    return _decision(row)


def _latest(connection: Connection) -> Decision:
    """Return the latest entry that is not undone: on a server, of this writer; in a file, of any.

    A file mostly has one curator, who can have many names: in a container, the machine's name is always another.
    """
    is_open = decision.c.undone_by_id.is_(None) & decision.c.undoes_id.is_(None)
    is_shared = connection.dialect.name != "sqlite"
    found = _latest_of(connection, is_open & _is_own() if is_shared else is_open)
    if found is not None:
        return found
    other = _latest_of(connection, is_open & decision.c.verb.not_in(WAYS_BACK))
    if other is None:
        raise NotFoundError("there is nothing to undo; `thresher history` lists all decisions")
    raise NotFoundError(
        f"you have no decision to undo; decision {other.id} ({other.summary}) is by {other.who}, and "
        f"`thresher undo {other.id}` reverts it"
    )


def _latest_of(connection: Connection, condition: ColumnElement[bool]) -> Decision | None:
    statement = _journal_entries().where(condition).order_by(decision.c.id.desc()).limit(1)
    row = connection.execute(statement).one_or_none()
    return None if row is None else _decision(row)


def _later_on_same_fields(connection: Connection, target: Decision) -> Decision | None:
    """Return the latest decision after `target` that changed a field of it and is in force.

    The undo of a decision that is later than `target` does not count: the two cancel out.
    """
    changed = {change.field_key for change in target.changes}
    is_change = or_(decision.c.undoes_id.is_(None), decision.c.undoes_id < target.id)
    statement = (
        _journal_entries()
        .where(decision.c.id > target.id, decision.c.undone_by_id.is_(None), is_change)
        .order_by(decision.c.id.desc())
    )
    for row in connection.execute(statement):
        later = _decision(row)
        if any(change.field_key in changed for change in later.changes):
            return later
    return None


# -- the fields that can be decided ------------------------------------------------------------------------


def _column_of(table: Table) -> _Field:
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

    return _Field(read, write)


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
    """Return the value that pins an attribute at all locations of a recording."""
    statement = select(location.c.id).where(location.c.recording_id == recording_id).order_by(location.c.id)
    return [[location_id, text, True] for location_id in connection.scalars(statement)]


def _with_own(change: Change, current: Value, own: Mapping[int, Mapping[str, str]]) -> Value:
    """Return the attribute before a change, and that of the locations that were added since, by their own names."""
    there = {row[0] for row in change.after}
    key = _attribute_key(change.field)
    added = [
        [location_id, own[location_id][key], False]
        for location_id, _, _ in current
        if location_id not in there and key in own.get(location_id, ())
    ]
    return sorted([*change.before, *added]) if added else change.before


def _is_attribute(change: Change) -> bool:
    return change.entity == "recording" and change.field.startswith("attribute ")


def _attribute_key(name: str) -> str:
    return name.removeprefix("attribute ")


def _named_row_of(table: Table, noun: str, remedy: str) -> _Field:
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

    return _Field(column.read, write)


_SONG = _named_row_of(song, "song", "rename it (`thresher song rename`) or delete it first")
_QUERY = _named_row_of(saved_query, "saved query", "delete it first (`thresher query delete`)")


DECISION_FIELDS: Mapping[tuple[str, str], _Field] = {
    **{("clip", name): _CLIP for name in ("rating", "rejected", "note", "heard_at", "trusted")},
    **{("clip", name): _CLIP for name in ("removed", "name")},
    ("clip", "tags"): _Field(_read_tags, _write_tags),
    **{("checkpoint", name): _CHECKPOINT for name in ("verdict", "note")},
    **{("recording", name): _RECORDING for name in ("role", "split")},
    ("recording", "checkpoint"): _Field(_read_pinned_checkpoint, _write_pinned_checkpoint),
    ("recording", "attribute"): _Field(_read_attribute, _write_attribute),
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


def _field(entity: str, name: str) -> _Field:
    return DECISION_FIELDS[entity, name.split(" ", 1)[0]]
