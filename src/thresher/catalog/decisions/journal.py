"""The journal of decisions: its entries, each with its changes and who made it.

A decision is a list of changes. Each change is one field of one row, with its value before and after.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, select, update

from thresher.catalog.database.database import insert_row
from thresher.catalog.database.schema import decision, writer
from thresher.catalog.database.writers import UNKNOWN, next_sequence, this_label, this_writer
from thresher.catalog.text.values import LARGEST_INTEGER
from thresher.errors import NotFoundError

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


def note_event(connection: Connection, verb: str, summary: str, changes: Sequence[Change] = ()) -> Decision:
    """Add something to the journal that is not a decision and can't be undone, such as "forget" or "prune"."""
    return add_entry(connection, verb, summary, changes)


def correct_event(connection: Connection, number: int, summary: str, changes: Sequence[Change]) -> None:
    """State what an entry of `note_event` turned out to be, if not all of what was announced was done."""
    values = {"summary": summary, "changes": _listed(changes)}
    connection.execute(update(decision).where(decision.c.id == number).values(values))


def events(connection: Connection, verb: str) -> list[Decision]:
    """Return the entries of the journal with a verb, the latest first."""
    statement = journal_entries().where(decision.c.verb == verb).order_by(decision.c.id.desc())
    return [decision_of(row) for row in connection.execute(statement)]


def history(connection: Connection, limit: int | None = None) -> list[Decision]:
    """Return decisions, the latest first."""
    most = None if limit is None else min(limit, LARGEST_INTEGER)
    statement = journal_entries().order_by(decision.c.id.desc()).limit(most)
    return [decision_of(row) for row in connection.execute(statement)]


def add_entry(
    connection: Connection, verb: str, summary: str, changes: Sequence[Change], undoes: int | None = None
) -> Decision:
    """Add an entry to the journal, made now by this writer; `undoes` is the number of the decision it undoes."""
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


def is_own() -> ColumnElement[bool]:
    """Whether an entry of the journal was made by this writer, or by an unknown one while there is no other."""
    known = writer.alias()
    others = select(known.c.name).where(known.c.name.not_in((*UNKNOWN, this_writer())))
    return (decision.c.writer == this_writer()) | (decision.c.writer.in_(UNKNOWN) & ~others.exists())


def journal_entries() -> Select[Any]:
    """The statement for entries of the journal, to which conditions and an order are added."""
    return select(decision, writer.c.label, is_own().label("own")).outerjoin(
        writer, writer.c.name == decision.c.writer
    )


def decision_of(row: Row[Any]) -> Decision:
    """Return the entry of a row of `journal_entries`."""
    changes = tuple(Change(*change) for change in json.loads(row.changes))
    undos = row.undoes_id, row.undone_by_id
    by = row.label or None
    return Decision(row.id, row.made_at, row.verb, row.summary, changes, *undos, by, own=bool(row.own))


def by_whom(made: Decision) -> str:
    """Return " by" and who made a decision; nothing for an own one."""
    return "" if made.own else f" by {made.who}"


def get_decision(connection: Connection, number: int) -> Decision:
    """Return an entry of the journal. Raises NotFoundError if there is none of that number."""
    of_number = journal_entries().where(decision.c.id == min(number, LARGEST_INTEGER))
    row = connection.execute(of_number).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no decision {number}; `thresher history` lists all decisions")
    return decision_of(row)


def latest_of(connection: Connection, condition: ColumnElement[bool]) -> Decision | None:
    """Return the latest entry of the journal that meets a condition."""
    statement = journal_entries().where(condition).order_by(decision.c.id.desc()).limit(1)
    row = connection.execute(statement).one_or_none()
    return None if row is None else decision_of(row)
