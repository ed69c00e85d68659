"""Saved queries: save, list, show and delete them.

A saved query is used as `query:NAME` in queries, songs and other saved queries. Saving and deleting are decisions,
which `undo` reverts. Times are seconds since 1970 (UTC).
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.database import insert_row
from thresher.catalog.database.schema import saved_query, song
from thresher.catalog.database.text_columns import equals_any_form
from thresher.catalog.decisions.decide import decide
from thresher.catalog.decisions.journal import Assignment, Decision
from thresher.catalog.decisions.undo import decision_to_undo, undo
from thresher.catalog.queries.fields import close_names
from thresher.catalog.queries.lookups import Lookups
from thresher.catalog.queries.query import context_of, join_terms, parse
from thresher.catalog.queries.text import Terms, tokens_of
from thresher.catalog.text.normal_form import nfc
from thresher.curation.clips.selection import lookups_of, select_ids
from thresher.errors import NotFoundError, QueryError, UsageError
from thresher.formatting import command_on, listing_of, shortened

LONGEST_SAVED_NAME = 200  # characters, of a song or a saved query


@dataclass(frozen=True)
class SavedQueryRow:
    """A saved query: the number of clips that it finds today, and the songs and saved queries that name it.

    `problem` says why it cannot be read, for example because a song that it names was deleted.
    """

    name: str
    query: str
    clips: int
    used_by: tuple[str, ...]
    created_at: float
    problem: str | None = None


def check_name(name: str, what: str) -> None:
    """Raise UsageError if a song or a saved query can't have this name; the message calls it `what`."""
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_SAVED_NAME:
        shown = name if len(name) <= LONGEST_SAVED_NAME else shortened(name)
        raise UsageError(
            f"{shown!r} is not a valid {what}; use 1 to {LONGEST_SAVED_NAME} printable characters, not only spaces"
        )


def save_query(catalog: Catalog, name: str, terms: Terms, *, dry_run: bool = False) -> SavedQueryRow:
    """Save a query under a new name, or change the saved query of that name. A dry run changes nothing.

    Raises QueryError for a query that cannot be read or selects from itself, UsageError for an invalid name.
    """
    check_name(name, "name")
    text = join_terms(terms)
    lookups = lookups_of_saved(catalog, lookups_of(catalog, terms))

    def save(connection: Connection) -> SavedQueryRow:
        # Parsed on its own first, so that an error points into these terms.
        parse(terms, context_of(catalog, connection, lookups))
        found = _find(connection, name)
        with keeping_readable(catalog, connection, "query", name, lookups):
            if found is None:
                values = {"name": name, "query": text, "created_at": time.time(), "deleted": True}
                # Inserted as deleted; a decision then restores it, so that undoing the decision deletes it again.
                number = insert_row(connection, saved_query, values)
                assignments = [Assignment("query", number, "deleted", False)]
                decide(connection, "query save", f'save query "{name}": {text}', assignments)
            else:
                assignments = [Assignment("query", found.id, "query", text)]
                decide(connection, "query save", f'edit query "{name}": {text}', assignments)
            parse([f'query:"{name}"'], context_of(catalog, connection, lookups))
        return _row(catalog, connection, _existing(connection, name), lookups)

    return catalog.write(save, dry_run=dry_run)


def saved_queries(catalog: Catalog) -> list[SavedQueryRow]:
    """List all saved queries by name."""
    with catalog.reading() as connection:
        rows = connection.execute(
            select(saved_query).where(~saved_query.c.deleted).order_by(saved_query.c.name)
        ).all()
        return [_row(catalog, connection, row) for row in rows]


def get_query(catalog: Catalog, name: str) -> SavedQueryRow:
    """Return the saved query of that name. Raises NotFoundError if it does not exist."""
    with catalog.reading() as connection:
        return _row(catalog, connection, _existing(connection, name))


def delete_query(catalog: Catalog, name: str, *, dry_run: bool = False) -> None:
    """Delete a saved query; `undo` restores it. A dry run changes nothing.

    Raises UsageError if a song or another saved query uses it.
    """
    lookups = lookups_of_saved(catalog)

    def delete(connection: Connection) -> None:
        found = _existing(connection, name)
        with keeping_readable(catalog, connection, "query", found.name, lookups):
            assignments = [Assignment("query", found.id, "deleted", True)]
            decide(connection, "query delete", f'delete query "{found.name}"', assignments)

    catalog.write(delete, dry_run=dry_run)


def lookups_of_saved(catalog: Catalog, lookups: Lookups | None = None) -> Lookups:
    """Look up what all songs and saved queries need, for a write transaction that parses them; add to `lookups`."""
    lookups = lookups or Lookups.below(catalog.roots)
    with catalog.reading() as connection:
        _problems(catalog, connection, lookups)
    return lookups


def lookups_of_undo(catalog: Catalog, target: Decision) -> Lookups:
    """Look up what `undo_readably` of a decision needs, before its transaction."""
    return lookups_of_saved(catalog) if _concerns_saved(target) else Lookups.below(catalog.roots)


@contextmanager
def keeping_readable(
    catalog: Catalog, connection: Connection, kind: str, name: str, lookups: Lookups
) -> Iterator[None]:
    """Raise UsageError, which rolls back, if the block makes another song or saved query unreadable.

    `kind` ("song" or "query") and `name` say what the block changes. `lookups` are those of `lookups_of_saved`.
    """
    before = _problems(catalog, connection, lookups)
    yield
    broken = _newly_unreadable(catalog, connection, before, {(kind, name)}, lookups)
    if broken is not None:
        noun, other_kind, other = broken
        raise UsageError(
            f'{noun} "{other}" selects from "{name}"; give it another query first: '
            f"{command_on(f'{other_kind} save', other, then='QUERY')}"
        )


def undo_readably(
    catalog: Catalog,
    connection: Connection,
    number: int | None,
    lookups: Lookups,
    own: Mapping[int, Mapping[str, str]],
) -> Decision:
    """Undo a decision. Raises UsageError if another song or saved query can't be read then.

    `lookups` are those of `lookups_of_undo`, and `own` is that of `decisions.undo`.
    """
    target = decision_to_undo(connection, number)
    if not _concerns_saved(target):
        return undo(connection, target.id, own)
    before = _problems(catalog, connection, lookups)
    done = undo(connection, target.id, own)
    changed = {
        (kind, name)
        for kind, table in _TABLES.items()
        for name in connection.scalars(
            select(table.c.name).where(
                table.c.id.in_([each.id for each in done.changes if each.entity == kind])
            )
        )
    }
    broken = _newly_unreadable(catalog, connection, before, changed, lookups)
    if broken is not None:
        noun, kind, name = broken
        raise UsageError(
            f'{target.id} can\'t be undone, because {noun} "{name}" selects from what it made; give that '
            f"another query first: {command_on(f'{kind} save', name, then='QUERY')}"
        )
    return done


_TABLES = {"song": song, "query": saved_query}
_Problems = dict[tuple[str, str], str | None]


def _concerns_saved(target: Decision) -> bool:
    return any(each.entity in _TABLES for each in target.changes)


def _newly_unreadable(
    catalog: Catalog,
    connection: Connection,
    before: _Problems,
    changed: Collection[tuple[str, str]],
    lookups: Lookups,
) -> tuple[str, str, str] | None:
    """Return the noun, kind and name of a song or saved query, not in `changed`, that could be read before."""
    for (kind, name), problem in _problems(catalog, connection, lookups).items():
        if problem is not None and (kind, name) not in changed and before.get((kind, name), "") is None:
            return "song" if kind == "song" else "saved query", kind, name
    return None


def _problems(catalog: Catalog, connection: Connection, lookups: Lookups) -> _Problems:
    """Return why each song and saved query cannot be read, None for those that can."""
    context = context_of(catalog, connection, lookups)
    every = [("song", name, saved.text) for name, saved in context.songs().items()]
    every += [("query", name, saved.text) for name, saved in context.queries().items()]
    problems: _Problems = {}
    for kind, name, text in every:
        try:
            parse(text, context, stored=True)
            problems[kind, name] = None
        except (QueryError, NotFoundError) as error:
            problems[kind, name] = str(error)
    return problems


def _find(connection: Connection, name: str) -> Any:
    same = select(saved_query).where(equals_any_form(saved_query.c.name, name), ~saved_query.c.deleted)
    return connection.execute(same.order_by((saved_query.c.name == name).desc()).limit(1)).one_or_none()


def _existing(connection: Connection, name: str) -> Any:
    found = _find(connection, name)
    if found is not None:
        return found
    names = list(connection.scalars(select(saved_query.c.name).where(~saved_query.c.deleted)))
    similar = close_names(name, names)
    listing = listing_of("query", len(names))
    hint = f'did you mean "{similar[0]}"? ({listing})' if similar else listing
    raise NotFoundError(f'no saved query named "{name}"; {hint}')


def _row(catalog: Catalog, connection: Connection, row: Any, lookups: Lookups | None = None) -> SavedQueryRow:
    clips, problem = 0, None
    try:
        clips = len(select_ids(catalog, connection, row.query, stored=True, lookups=lookups))
    except (QueryError, NotFoundError) as error:
        problem = str(error)
    return SavedQueryRow(
        row.name, row.query, clips, _users(catalog, connection, row.name), row.created_at, problem
    )


def _users(catalog: Catalog, connection: Connection, name: str) -> tuple[str, ...]:
    """Return the songs and saved queries that name a saved query directly."""
    context = context_of(catalog, connection)
    users = [(f'song "{each}"', saved.text) for each, saved in context.songs().items()]
    users += [(f'query "{each}"', saved.text) for each, saved in context.queries().items()]
    return tuple(sorted(user for user, text in users if nfc(name) in _names(text)))


def _names(text: str) -> set[str]:
    """Return the names of the saved queries that a query names."""
    try:
        words = [token.word.text for token in tokens_of(text)]
    except QueryError:
        return set()
    found = (re.fullmatch(r"\^*query:=?(.*)", word, re.IGNORECASE | re.DOTALL) for word in words)
    return {nfc(match[1]) for match in found if match is not None}
