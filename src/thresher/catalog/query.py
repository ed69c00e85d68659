"""Parse query text into one SQL condition and a sort.

A query is a sequence of terms, all of which must hold: `field:value` (text: contains; numbers: equals),
`field:=value` (exactly), `field:80..120` (a range, ends included), `field::regex`, or a bare word, which is
searched for in path, run, tags and note. `^term` is NOT. A term that is only `,` is OR between the terms before
and after it. `field+` and `field-` sort, at any position. Digits alone are an id. `fields.py` lists the fields.
Positions in errors count characters from 0 in the terms joined by one blank.
"""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select, true

from thresher.catalog import schema
from thresher.catalog.catalog import Catalog
from thresher.catalog.clip_source import SOURCE
from thresher.catalog.edits import Edits
from thresher.catalog.field_kinds import Condition, Field, Match, Scope, never_null
from thresher.catalog.fields import FIELDS, close_names, find_field
from thresher.catalog.schema import attribute, clip, recording, song
from thresher.catalog.special_fields import bare_word
from thresher.catalog.values import UnfitError
from thresher.errors import NotFoundError, QueryError
from thresher.formatting import unknown
from thresher.signal.metrics.registry import METRICS, find_metric

__all__ = [
    "Context",
    "Query",
    "context_of",
    "edited",
    "join_terms",
    "normalise",
    "parse",
    "parse_sort",
    "select_clips",
    "split_text",
    "with_defaults",
]

LONGEST_TERM = 10_000  # characters; SQLite refuses patterns that are much longer
MOST_TERMS = 5_000  # in a query and the songs that it names; SQLite takes 32,766 values in a statement
MOST_SONGS = 20  # in a chain of songs that select from one another
_GROUP = 60  # SQLite refuses expressions that are nested deeper than 1000, and n terms nest n deep

_BLANKS = " \t\r\n"
# Only sha256 may contain digits: pasted file names contain times such as 17:19:52.
_NAME = r"([a-z_]+(?:@[a-z_]+)?|sha256)"
_FIELD = re.compile(_NAME + r"(::|:=|:)(.*)", re.DOTALL)
_SORT = re.compile(_NAME + r"([+-])")
_ID = re.compile(r"[0-9]+")
_SPECIAL = re.compile(r"""[\s'"\\]""")


@dataclass(frozen=True)
class SavedQuery:
    """The query of a song and the song's edits."""

    text: str
    edits: Edits


@dataclass(frozen=True)
class Context:
    """The catalog that queries are parsed for. Names are looked up only if a query needs them.

    `metric` is the one that `score:` means, `root` the catalog's folder, `now` in seconds since 1970. `songs` are
    the saved songs by name. `near` returns the other clips with their scores against one clip under a metric, the
    highest score first.
    """

    attribute_keys: Callable[[], Collection[str]]
    songs: Callable[[], Mapping[str, SavedQuery]]
    metric: str
    root: Path
    now: float
    near: Callable[[int, str], Sequence[tuple[int, float]]]


@dataclass(frozen=True)
class Query:
    """A condition over `clip_source.SOURCE`, true or false for each clip, and sort keys, of which the id is last.

    `named` holds the fields that the query names, sort keys included, but not those of the songs in it.
    """

    text: str
    condition: Condition
    sort: tuple[ColumnElement[Any], ...]
    named: frozenset[str]


def context_of(catalog: Catalog, connection: Connection) -> Context:
    """Return the context of queries read over `connection`, which must stay open while they are parsed."""

    @cache
    def attribute_keys() -> frozenset[str]:
        return frozenset(connection.scalars(select(attribute.c.key).distinct()))

    @cache
    def songs() -> Mapping[str, SavedQuery]:
        rows = connection.execute(select(song.c.name, song.c.query, song.c.edits).where(~song.c.deleted))
        return {row.name: SavedQuery(row.query, Edits.from_plain(json.loads(row.edits))) for row in rows}

    def near(clip_id: int, metric_name: str) -> Sequence[tuple[int, float]]:
        from thresher.catalog import features, score_reads  # loads numpy, which other queries do not need

        by = find_metric(metric_name)
        if not features.checksums(connection, [clip_id], by.keeps):
            raise UnfitError(f"clip {clip_id} does not exist or has no {by.keeps}")
        (kept,) = features.read(connection, [clip_id], by.keeps)
        return [
            pair
            for pair in score_reads.nearest_first(*score_reads.compare(connection, by, kept))
            if pair[0] != clip_id
        ]

    default = catalog.settings.metrics.default
    return Context(attribute_keys, songs, default, catalog.root, time.time(), near)


def split_text(text: str) -> list[str]:
    """Split query text into terms by the rules of a shell. Raises QueryError for a quote that is not closed."""
    try:
        return shlex.split(text)
    except ValueError:
        position = _open_position(text)
        if text[position] == "\\":
            raise _error(position, "nothing follows the backslash; write \\\\ for a backslash") from None
        raise _error(position, f"the quote {text[position]} is not closed") from None


def _open_position(text: str) -> int:
    """Return the position of the quote that is not closed or of the backslash at the end."""
    open_at, quote, skip = -1, "", False
    for position, character in enumerate(text):
        if skip:
            skip = False
        elif character == "\\" and quote != "'":
            skip = True
            if position == len(text) - 1 and not quote:
                return position
        elif character == quote:
            quote = ""
        elif not quote and character in "'\"":
            open_at, quote = position, character
    return open_at


def normalise(query: str | Sequence[str]) -> list[str]:
    """Return the terms of query text or of arguments. A single argument with blanks is query text."""
    if isinstance(query, str):
        return split_text(query)
    if len(query) == 1 and any(blank in query[0] for blank in _BLANKS):
        return split_text(query[0])
    return list(query)


def join_terms(terms: str | Sequence[str]) -> str:
    """Join terms to text that `split_text` splits into the same terms. Terms are quoted only if they need it."""
    if isinstance(terms, str):
        return terms
    return " ".join(shlex.quote(term) if not term or _SPECIAL.search(term) else term for term in terms)


def parse(terms: Sequence[str], context: Context) -> Query:
    """Parse terms.

    Raises QueryError with the position of the mistake and the expected value, and NotFoundError for a song that
    does not exist.
    """
    return _Parser(context, _Budget(), songs=()).parse(terms)


def parse_sort(term: str, context: Context) -> tuple[ColumnElement[Any], ...]:
    """Return the sort keys of `field+` or `field-`, the clip's id last. Raises QueryError for any other term."""
    keys = _Parser(context, _Budget(), songs=()).sort_keys(term, 0)
    if keys is None:
        near = _did_you_mean(close_names(term.rstrip("+-"), FIELDS))
        raise _error(
            0, f'"{term}" is not a sort such as epoch+ or score-; {near}`thresher fields` lists them'
        )
    return (*keys, clip.c.id.asc())


def with_defaults(query: Query, *, song: bool) -> Query:
    """Leave out rejected and unusable clips unless the query names those fields.

    For a song, leave out reference audio and empty clips too.
    """
    conditions = [query.condition]
    if "rejected" not in query.named:
        conditions.append(~clip.c.rejected)
    if "status" not in query.named:
        conditions.append(recording.c.status.in_(schema.USABLE_STATUSES))
    if song:
        conditions += [recording.c.role == "generated", clip.c.end_frame > clip.c.start_frame]
    return replace(query, condition=and_(*conditions))


def edited(query: Query, edits: Edits | None) -> Query:
    """Add and drop clips by the edits of a song."""
    condition = query.condition
    if edits is not None and edits.added:
        condition = or_(condition, clip.c.id.in_(edits.added))
    if edits is not None and edits.dropped:
        condition = and_(condition, clip.c.id.not_in(edits.dropped))
    return replace(query, condition=condition)


def select_clips(query: Query, *columns: ColumnElement[Any]) -> Select[Any]:
    """Return the statement that reads columns of the query's clips, in its order."""
    return select(*columns).select_from(SOURCE).where(query.condition).order_by(*query.sort)


def _error(position: int, message: str) -> QueryError:
    return QueryError(f"query, character {position + 1}: {message}", position)


class _Budget:
    """Limits the number of terms in a query and all songs that it names."""

    def __init__(self) -> None:
        self.left = MOST_TERMS

    def spend(self, terms: int) -> None:
        """Count terms that are about to be parsed. Raises QueryError if they exceed the limit."""
        self.left -= terms
        if self.left < 0:
            raise _error(
                0, f"more than {MOST_TERMS:,} terms, counting the songs that the query names; use fewer"
            )


class _Parser:
    """Parses one query. `songs` are the names of the songs that contain it, the outermost first."""

    def __init__(self, context: Context, budget: _Budget, songs: tuple[str, ...]) -> None:
        self._context = context
        self._scope = Scope(context.metric, context.root, context.now, self._song, context.near)
        self._budget = budget
        self._songs = songs
        self._named: set[str] = set()

    def parse(self, terms: Sequence[str]) -> Query:
        """Parse all terms of the query."""
        self._budget.spend(len(terms))
        groups: list[list[Condition]] = [[]]
        sort: list[ColumnElement[Any]] = []
        position, last_comma = 0, None
        for term in terms:
            if term == ",":
                if not groups[-1]:
                    raise _error(position, "expected a term before the comma, which means OR")
                groups.append([])
                last_comma = position
            elif (keys := self.sort_keys(term, position)) is not None:
                sort += keys
            else:
                groups[-1].append(self._condition(term, position))
            position += len(term) + 1
        if last_comma is not None and not groups[-1]:
            raise _error(last_comma, "expected a term after the comma, which means OR")
        condition = _joined([_joined(group, and_) for group in groups], or_)
        return Query(join_terms(terms), condition, (*sort, clip.c.id.asc()), frozenset(self._named))

    def _song(self, name: str) -> Condition:
        """Return whether a clip is selected by the song of that name, with the defaults of songs."""
        if name in self._songs:
            chain = " → ".join((*self._songs[self._songs.index(name) :], name))
            raise UnfitError(f'the song "{name}" selects from itself: {chain}')
        if len(self._songs) == MOST_SONGS:
            raise UnfitError(f"more than {MOST_SONGS} songs select from one another: {self._songs[0]} → …")
        songs = self._context.songs()
        if name not in songs:
            near = _did_you_mean([f'"{known}"' for known in close_names(name, songs)])
            listing = f"`thresher song list` shows all {len(songs)}"
            hint = f"{near}({listing})" if near else listing
            raise NotFoundError(f'no song named "{name}"; {hint}')
        parser = _Parser(self._context, self._budget, (*self._songs, name))
        try:
            found = parser.parse(split_text(songs[name].text))
        except QueryError as error:
            raise UnfitError(f'song "{name}": {error}') from error
        return with_defaults(edited(found, songs[name].edits), song=True).condition

    def sort_keys(self, term: str, position: int) -> list[ColumnElement[Any]] | None:
        """Return the sort keys of a term; None if it is not a sort."""
        match = _SORT.fullmatch(term)
        found = None if match is None else self._find(match[1])
        if match is None or found is None:
            return None  # `c++` and `take-` are bare words
        if found.keys is None:
            raise _error(position, f'"{found.name}" cannot be sorted by')
        self._named.add(found.name)
        return [
            (key.asc() if match[2] == "+" else key.desc()).nulls_last() for key in found.keys(self._scope)
        ]

    def _condition(self, term: str, position: int) -> Condition:
        if len(term) > LONGEST_TERM:
            raise _error(
                position, f"the term has {len(term):,} characters; at most {LONGEST_TERM:,} are allowed"
            )
        if term.startswith("^"):
            return ~self._condition(term[1:], position + 1)
        if not term:
            raise _error(position, "the term is empty (expected a word or field:value)")
        readable = _readable(term, position)
        if _ID.fullmatch(readable):
            return self._test(FIELDS["id"], Match(":", readable), position)
        match = _FIELD.fullmatch(readable)
        if match is None:
            return bare_word(readable, self._scope)
        name, operator, value = match.groups()
        return self._test(self._field(name, position), Match(operator, value), position + match.start(3))

    def _test(self, field: Field, match: Match, position: int) -> Condition:
        self._named.add(field.name)
        try:
            return field.test(match, self._scope)
        except UnfitError as error:
            raise _error(position, f"{field.name}: {error}") from None

    def _find(self, name: str) -> Field | None:
        return find_field(name, self._context.attribute_keys)

    def _field(self, name: str, position: int) -> Field:
        found = self._find(name)
        if found is not None:
            return found
        base, at, metric_name = name.partition("@")
        if at and base == "score":
            raise _error(position + len(base) + 1, unknown("metric", metric_name, METRICS))
        near = _did_you_mean(close_names(name, {*FIELDS, *self._context.attribute_keys()}))
        raise _error(position, f'unknown field "{name}"; {near}`thresher fields` lists all fields')


def _did_you_mean(near: Sequence[str]) -> str:
    return f"did you mean {' or '.join(near)}? " if near else ""


def _readable(term: str, position: int) -> str:
    """Return `term` with bytes that are not UTF-8 escaped as in the text of stored paths."""
    try:
        return term.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError as error:
        raise _error(position + error.start, "half of a surrogate pair, which is not text") from None


def _joined(conditions: list[Condition], join: Callable[..., Condition]) -> Condition:
    """Join all conditions to one, in groups, so that many conditions do not nest too deeply."""
    if len(conditions) <= 1:
        return conditions[0] if conditions else true()
    while len(conditions) > _GROUP:
        conditions = [
            never_null(join(*conditions[start : start + _GROUP]))
            for start in range(0, len(conditions), _GROUP)
        ]
    return join(*conditions)
