"""How much of the catalog a query selects, and which of its terms match nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Connection, func, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip
from thresher.catalog.queries.lookups import Lookups
from thresher.catalog.queries.query import Part, Query, context_of, join_terms, parse, shown
from thresher.catalog.queries.text import Terms
from thresher.catalog.recordings.clip_source import IS_HIDDEN, IS_SHOWN, SOURCE
from thresher.curation.clips.selection import parse_terms
from thresher.errors import NotFoundError
from thresher.formatting import counted, listed, shortened

MANY = 20
"""A command on a query that changes fewer clips needs no confirmation, unless a negated word selects everything."""

_MOST_SHOWN = 3
_MOST_EXAMINED = 200  # terms; each is a query
_LONGEST_SHOWN = 400  # characters


@dataclass(frozen=True)
class Reach:
    """The number of clips that a query matches, rejected and unusable ones included, and of all in the catalog.

    The whole of a split recording counts if the query matches it. `names_clips`: the query names all its clips by
    id or path. `negated_words` are the bare words after NOT.
    """

    clips: int
    catalog: int
    names_clips: bool
    negated_words: tuple[str, ...]

    def is_wide(self, changed: int) -> bool:
        """Whether a command that changes this number of clips needs a confirmation because of their number."""
        return not self.names_clips and changed >= MANY and 2 * changed > self.catalog


def reach(catalog: Catalog, terms: Terms) -> Reach:
    """Count the clips that the terms match. Raises QueryError."""
    with catalog.reading() as connection:
        query = parse_terms(catalog, connection, terms, defaults=False)
        total = _count(connection, IS_SHOWN | query.condition)
        return Reach(_count(connection, query.condition), total, query.names_clips, query.negated_words)


def no_match(
    catalog: Catalog,
    connection: Connection,
    terms: Terms,
    noun: str = "clip",
    *,
    lookups: Lookups | None = None,
) -> NotFoundError:
    """Return the error for terms that select nothing. It says which term matches no clip.

    `lookups` are those of `lookups_of`.
    """
    text = shortened(join_terms(terms), _LONGEST_SHOWN)
    if not text:
        return NotFoundError(f"the catalog has no {noun}; `thresher ingest` adds clips")
    why = _why_nothing(catalog, connection, terms, noun, lookups)
    return NotFoundError(
        f"no {noun} matches {text}{f' ({why})' if why else ''}; `thresher list` shows all clips"
    )


def _why_nothing(
    catalog: Catalog, connection: Connection, terms: Terms, noun: str, lookups: Lookups | None
) -> str:
    query = parse_terms(catalog, connection, terms, defaults=False, lookups=lookups)
    left_out = _count(connection, query.condition)
    if left_out and noun == "clip":
        return f"{counted(left_out, 'matching clip')} left out: rejected, or not usable (status:)"
    if left_out:
        return f"{counted(left_out, 'clip')} matching, but no {noun}"
    gone = _gone(connection, parse(terms, context_of(catalog, connection, lookups)))
    if gone or len(query.parts) <= 1:
        return gone
    empty = [part for part in query.parts[:_MOST_EXAMINED] if _is_empty(connection, query, part)]
    if not empty:
        return _together(connection, query)
    names = [f"not {part.text}" if part.is_negated else part.text for part in empty]
    return f"nothing matches {' nor '.join(names[:_MOST_SHOWN])}"


def _gone(connection: Connection, query: Query) -> str:
    """Say which matching clips a split hides, or which of those named by id it or `unmark` took away."""
    hidden = _count(connection, query.condition & IS_HIDDEN)
    if hidden:
        return f"{counted(hidden, 'matching clip')} split into parts; kind:whole shows such clips"
    removed = 0 if query.by_id is None else _count(connection, query.by_id & clip.c.removed)
    if removed:
        what = counted(removed, "clip")
        return f"{what} taken away by a split or `thresher unmark`; `thresher undo` reverts that"
    return ""


def _together(connection: Connection, query: Query) -> str:
    counts = [
        f"{'not ' if part.is_negated else ''}{part.text} matches "
        f"{counted(_count(connection, _selected(query, part)), 'clip')}"
        for part in query.parts[: _MOST_SHOWN + 1]
    ]
    return f"{listed(counts, _MOST_SHOWN)}, but no clip matches all terms"


def _selected(query: Query, part: Part) -> ColumnElement[bool]:
    """Return what one term of a query selects among the clips that the query can show."""
    condition = ~part.condition if part.is_negated else part.condition
    return shown(replace(query, condition=condition)).condition


def _is_empty(connection: Connection, query: Query, part: Part) -> bool:
    first = select(clip.c.id).select_from(SOURCE).where(_selected(query, part)).limit(1)
    return connection.scalar(first) is None


def _count(connection: Connection, condition: ColumnElement[bool]) -> int:
    return int(connection.scalar(select(func.count()).select_from(SOURCE).where(condition)) or 0)
