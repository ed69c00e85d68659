"""Undo decisions.

An undo writes the values before each change, so every decision can be undone. It is a decision as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sqlalchemy import Connection, or_, select, update

from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import attribute, decision, location
from thresher.catalog.decisions.decide import follow
from thresher.catalog.decisions.fields import attribute_key, field_of, is_attribute
from thresher.catalog.decisions.journal import (
    Change,
    Decision,
    Value,
    add_entry,
    by_whom,
    decision_of,
    get_decision,
    is_own,
    journal_entries,
    latest_of,
)
from thresher.catalog.files.paths import Place
from thresher.errors import NotFoundError, UsageError

WAYS_BACK: Mapping[str, str] = {
    "forget": "it is not a decision; `thresher ingest` on the folder adds the clips again",
    "prune": "it is not a decision; `thresher prune --restore {number}` takes the files out of the trash",
}
"""The events of the journal that `undo` can't revert, and how to get the clips back."""


class UndoneAlreadyError(UsageError):
    """The decision was undone before, by the decision `by`."""

    def __init__(self, message: str, by: Decision) -> None:
        super().__init__(message)
        self.by = by


class ChangedLaterError(UsageError):
    """The decision `later` changed the same fields after the one that was to be undone."""

    def __init__(self, message: str, later: Decision) -> None:
        super().__init__(message)
        self.later = later


class NothingToRevertError(UsageError):
    """Nothing of the entry of the journal can be reverted; `why` says why."""

    def __init__(self, message: str, why: str) -> None:
        super().__init__(message)
        self.why = why


def decision_to_undo(connection: Connection, number: int | None = None) -> Decision:
    """Return the decision that `undo` reverts. Raises NotFoundError if there is no such decision."""
    return _latest(connection) if number is None else get_decision(connection, number)


def copies_since(connection: Connection, target: Decision) -> dict[int, Place]:
    """Return the places of the locations that got an attribute from a decision because they were added after it.

    They are by the ids of the locations. An undo does not know what their own names say.
    """
    there: dict[int, set[int]] = {}
    for change in target.changes:
        if is_attribute(change):
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
        by = get_decision(connection, target.undone_by)
        raise UndoneAlreadyError(
            f"decision {target.id} was already undone by {by.id}{by_whom(by)}; "
            f"`thresher undo {by.id}` restores it",
            by,
        )
    later = _later_on_same_fields(connection, target)
    if later is not None:
        raise ChangedLaterError(
            f"decision {later.id} ({later.summary}){by_whom(later)} changed the same fields after {target.id}; "
            f"run `thresher undo {later.id}` first",
            later,
        )
    reverted = []
    for change in reversed(target.changes):
        kind = field_of(change.entity, change.field)
        try:
            current = kind.read(connection, change.id, change.field)
        except KeyError:  # the row was forgotten in the meantime
            continue
        if current == change.before:
            continue
        wanted = _with_own(change, current, own) if is_attribute(change) else change.before
        kind.write(connection, change.id, change.field, wanted)
        reverted.append(Change(change.entity, change.id, change.field, current, wanted))
    reverted += _forget_former_queries(connection, target.changes, reverted)
    if not reverted:
        raise _cannot_undo(connection, target, "what it changed was forgotten, or is as it was before")
    follow(connection, reverted)
    done = add_entry(
        connection, "undo", f"undo {target.id}{by_whom(target)}: {target.summary}", reverted, target.id
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
    kind = field_of("song", "former_query")
    removed = []
    for song_id in sorted(songs - recorded):
        former = kind.read(connection, song_id, "former_query")
        if former is not None:
            kind.write(connection, song_id, "former_query", None)
            removed.append(Change("song", song_id, "former_query", former, None))
    return removed


def _with_own(change: Change, current: Value, own: Mapping[int, Mapping[str, str]]) -> Value:
    """Return the attribute before a change, and that of the locations that were added since, by their own names."""
    there = {row[0] for row in change.after}
    key = attribute_key(change.field)
    added = [
        [location_id, own[location_id][key], False]
        for location_id, _, _ in current
        if location_id not in there and key in own.get(location_id, ())
    ]
    return sorted([*change.before, *added]) if added else change.before


def _cannot_undo(connection: Connection, target: Decision, why: str) -> NothingToRevertError:
    """The error for an entry that can't be undone, which names the decision before it."""
    is_open = decision.c.undone_by_id.is_(None) & decision.c.undoes_id.is_(None)
    is_earlier = is_open & (decision.c.id < target.id) & decision.c.verb.not_in(WAYS_BACK)
    before = latest_of(connection, is_earlier)
    earlier = (
        f"; `thresher undo {before.id}` reverts the decision before it ({before.summary}){by_whom(before)}"
        if before
        else ""
    )
    return NothingToRevertError(
        f"entry {target.id} of the history ({target.summary}) can't be undone: {why}{earlier}", why
    )


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


def _latest(connection: Connection) -> Decision:
    """Return the latest entry that is not undone: on a server, of this writer; in a file, of any.

    A file mostly has one curator, who can have many names: in a container, the machine's name is always another.
    """
    is_open = decision.c.undone_by_id.is_(None) & decision.c.undoes_id.is_(None)
    is_shared = connection.dialect.name != "sqlite"
    found = latest_of(connection, is_open & is_own() if is_shared else is_open)
    if found is not None:
        return found
    other = latest_of(connection, is_open & decision.c.verb.not_in(WAYS_BACK))
    if other is None:
        raise NotFoundError("there is nothing to undo; `thresher history` lists all decisions")
    raise NotFoundError(
        f"you have no decision to undo; decision {other.id} ({other.summary}) is by {other.who}, and "
        f"`thresher undo {other.id}` reverts it"
    )


def _later_on_same_fields(connection: Connection, target: Decision) -> Decision | None:
    """Return the latest decision after `target` that changed a field of it and is in force.

    The undo of a decision that is later than `target` does not count: the two cancel out.
    """
    changed = {change.field_key for change in target.changes}
    is_change = or_(decision.c.undoes_id.is_(None), decision.c.undoes_id < target.id)
    statement = (
        journal_entries()
        .where(decision.c.id > target.id, decision.c.undone_by_id.is_(None), is_change)
        .order_by(decision.c.id.desc())
    )
    for row in connection.execute(statement):
        later = decision_of(row)
        if any(change.field_key in changed for change in later.changes):
            return later
    return None
