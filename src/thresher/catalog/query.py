"""Query text → one SQL condition and a sort.

A query is a sequence of terms, all of which must hold: `field:value` (text: contains; numbers: equals),
`field:=value` (exactly), `field:80..120` (a range, ends included), `field::regex`, or a bare word, which
is looked for in path, run, tags and note. `^term` is NOT; a term that is only `,` is OR between what stands
before and behind it; `field+` and `field-` sort, wherever they stand; digits alone are an id. What the fields
mean is in `fields.py`. Positions in errors count characters from 0 in the terms joined by one blank.
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
from thresher.catalog.edits import Edits
from thresher.catalog.fields import (
    FIELDS,
    SOURCE,
    Condition,
    Field,
    Match,
    bare_word,
    close_names,
    find_field,
    never_null,
)
from thresher.catalog.schema import attribute, clip, recording, song
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
MOST_TERMS = 5_000  # in a query and the songs it names; SQLite takes 32,766 values in a statement
MOST_SONGS = 20  # that select one another in a chain
_GROUP = 60  # SQLite refuses expressions that are nested deeper than 1000, and n terms nest n deep

_BLANKS = " \t\r\n"
# sha256 has digits in it, which no other name may have: pasted file names hold clocks such as 17:19:52
_NAME = r"([a-z_]+(?:@[a-z_]+)?|sha256)"
_FIELD = re.compile(_NAME + r"(::|:=|:)(.*)", re.DOTALL)
_SORT = re.compile(_NAME + r"([+-])")
_ID = re.compile(r"[0-9]+")
_SPECIAL = re.compile(r"""[\s'"\\]""")


@dataclass(frozen=True)
class Context:
    """What a query has to know of its catalog; names are looked up only if the query needs them.

    `metric` is what `score:` means, `root` the catalog's folder, `now` seconds since 1970; `near` gives the other
    clips with their scores against one under a metric, the nearest first; `song_edits` what is edited in songs.
    """

    attribute_keys: Collection[str] | Callable[[], Collection[str]]
    song_queries: Mapping[str, str] | Callable[[], Mapping[str, str]]
    metric: str
    root: Path
    now: float
    near: Callable[[int, str], Sequence[tuple[int, float]]] = lambda _clip, _metric: ()
    song_edits: Callable[[], Mapping[str, Edits]] = dict


@dataclass(frozen=True)
class Query:
    """A condition over `fields.SOURCE`, true or false for each clip, and what to sort by, the clip's id last.

    `named` holds the fields that the query names, sort included, but not those of the songs in it.
    """

    text: str
    condition: Condition
    sort: tuple[ColumnElement[Any], ...]
    named: frozenset[str]


def context_of(catalog: Catalog, connection: Connection) -> Context:
    """The context of queries read over `connection`, which has to stay open while they are parsed."""

    @cache
    def attribute_keys() -> frozenset[str]:
        return frozenset(connection.scalars(select(attribute.c.key).distinct()))

    @cache
    def saved_songs() -> Mapping[str, tuple[str, str]]:
        rows = connection.execute(select(song.c.name, song.c.query, song.c.edits).where(~song.c.deleted))
        return {row.name: (row.query, row.edits) for row in rows}

    def song_queries() -> Mapping[str, str]:
        return {name: query for name, (query, _) in saved_songs().items()}

    def song_edits() -> Mapping[str, Edits]:
        return {name: Edits.from_plain(json.loads(edits)) for name, (_, edits) in saved_songs().items()}

    def near(clip_id: int, metric_name: str) -> Sequence[tuple[int, float]]:
        from thresher.catalog import features as compared
        from thresher.catalog import scores  # numbers, which other queries do without

        by = find_metric(metric_name)
        if not compared.checksums(connection, [clip_id], by.keeps):
            raise UnfitError(f"clip {clip_id} is not there, or has no {by.keeps}")
        (kept,) = compared.read(connection, [clip_id], by.keeps)
        return [
            pair for pair in scores.nearest_first(*scores.compare(connection, by, kept)) if pair[0] != clip_id
        ]

    default = catalog.settings.metrics.default
    return Context(attribute_keys, song_queries, default, catalog.root, time.time(), near, song_edits)


def split_text(text: str) -> list[str]:
    """The terms of query text, by the rules of a shell; QueryError for a quote that stays open."""
    try:
        return shlex.split(text)
    except ValueError:
        position = _open_position(text)
        if text[position] == "\\":
            raise _error(position, "nothing follows the backslash; write \\\\ for one itself") from None
        raise _error(position, f"the quote {text[position]} is not closed") from None


def _open_position(text: str) -> int:
    """Where the quote or backslash stands that nothing closes."""
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
    """The terms of query text or of arguments: one each, but one alone that has blanks in it is text."""
    if isinstance(query, str):
        return split_text(query)
    if len(query) == 1 and any(blank in query[0] for blank in _BLANKS):
        return split_text(query[0])
    return list(query)


def join_terms(terms: str | Sequence[str]) -> str:
    """Terms as one text that `split_text` takes apart again; only what needs quotes gets them."""
    if isinstance(terms, str):
        return terms
    return " ".join(shlex.quote(term) if not term or _SPECIAL.search(term) else term for term in terms)


def parse(terms: Sequence[str], context: Context) -> Query:
    """What the terms ask for.

    Raises QueryError with the position of what was not understood and what was expected there, and
    NotFoundError for a song that does not exist.
    """
    return _Parser(context, _Budget(), songs=()).parse(terms)


def parse_sort(term: str, context: Context) -> tuple[ColumnElement[Any], ...]:
    """What `field+` or `field-` sorts by, the clip's id last; QueryError where it is not one."""
    keys = _Parser(context, _Budget(), songs=()).sort_keys(term, 0)
    if keys is None:
        near = _did_you_mean(close_names(term.rstrip("+-"), FIELDS))
        raise _error(0, f'"{term}" is not a sort such as epoch+ or score-; {near}`thresher fields` lists all')
    return (*keys, clip.c.id.asc())


def with_defaults(query: Query, *, song: bool) -> Query:
    """`query` without rejected and unusable clips unless it names those fields; for a song, playable too."""
    conditions = [query.condition]
    if "rejected" not in query.named:
        conditions.append(~clip.c.rejected)
    if "status" not in query.named:
        conditions.append(recording.c.status.in_(schema.USABLE_STATUSES))
    if song:
        conditions += [recording.c.role == "generated", clip.c.end_frame > clip.c.start_frame]
    return replace(query, condition=and_(*conditions))


def edited(query: Query, edits: Edits | None) -> Query:
    """`query` with the clips that were added to a song, and without those dropped."""
    condition = query.condition
    if edits is not None and edits.added:
        condition = or_(condition, clip.c.id.in_(edits.added))
    if edits is not None and edits.dropped:
        condition = and_(condition, clip.c.id.not_in(edits.dropped))
    return replace(query, condition=condition)


def select_clips(query: Query, *columns: ColumnElement[Any]) -> Select[Any]:
    """The statement that reads columns of the query's clips, in its order."""
    return select(*columns).select_from(SOURCE).where(query.condition).order_by(*query.sort)


def _error(position: int, message: str) -> QueryError:
    return QueryError(f"query, character {position + 1}: {message}", position)


class _Budget:
    """How many terms may still be read, over a query and all songs in it."""

    def __init__(self) -> None:
        self.left = MOST_TERMS

    def spend(self, terms: int) -> None:
        """Count terms that are about to be read."""
        self.left -= terms
        if self.left < 0:
            raise _error(0, f"more than {MOST_TERMS:,} terms, with those of the songs it names; ask for less")


class _Parser:
    """Reads one query, and is the scope that its fields' tests ask; `songs` are those it stands in."""

    def __init__(self, context: Context, budget: _Budget, songs: tuple[str, ...]) -> None:
        self.metric, self.root, self.now = context.metric, context.root, context.now
        self._context = context
        self._budget = budget
        self._songs = songs
        self._named: set[str] = set()

    def parse(self, terms: Sequence[str]) -> Query:
        """The query that the terms are."""
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

    def near(self, clip_id: int, metric: str) -> Sequence[tuple[int, float]]:
        """Other clips with their scores against one under a metric, the nearest first."""
        return self._context.near(clip_id, metric)

    def song(self, name: str) -> Condition:
        """Whether a clip is selected by the song of that name, with the defaults of songs."""
        if name in self._songs:
            chain = " → ".join((*self._songs[self._songs.index(name) :], name))
            raise UnfitError(f'the song "{name}" would select from itself: {chain}')
        if len(self._songs) == MOST_SONGS:
            raise UnfitError(f"more than {MOST_SONGS} songs select from one another: {self._songs[0]} → …")
        queries = _looked_up(self._context.song_queries)
        if name not in queries:
            near = _did_you_mean([f'"{known}"' for known in close_names(name, queries)])
            raise NotFoundError(
                f'no song is called "{name}"; {near}`thresher song list` shows all {len(queries)}'
            )
        parser = _Parser(self._context, self._budget, (*self._songs, name))
        try:
            found = parser.parse(split_text(queries[name]))
        except QueryError as error:
            raise UnfitError(f'song "{name}": {error}') from error
        return with_defaults(edited(found, self._context.song_edits().get(name)), song=True).condition

    def sort_keys(self, term: str, position: int) -> list[ColumnElement[Any]] | None:
        """What a term sorts by; None where it is not a sort."""
        match = _SORT.fullmatch(term)
        found = None if match is None else self._find(match[1])
        if match is None or found is None:
            return None  # `c++` and `take-` are words
        if found.keys is None:
            raise _error(position, f'nothing can be sorted by "{found.name}"')
        self._named.add(found.name)
        return [(key.asc() if match[2] == "+" else key.desc()).nulls_last() for key in found.keys(self)]

    def _condition(self, term: str, position: int) -> Condition:
        if len(term) > LONGEST_TERM:
            raise _error(position, f"a term of {len(term):,} characters; at most {LONGEST_TERM:,} are read")
        if term.startswith("^"):
            return ~self._condition(term[1:], position + 1)
        if not term:
            raise _error(position, "an empty term; expected a word or field:value")
        readable = _readable(term, position)
        if _ID.fullmatch(readable):
            return self._test(FIELDS["id"], Match(":", readable), position)
        match = _FIELD.fullmatch(readable)
        if match is None:
            return bare_word(readable, self)
        name, operator, value = match.groups()
        return self._test(self._field(name, position), Match(operator, value), position + match.start(3))

    def _test(self, field: Field, match: Match, position: int) -> Condition:
        self._named.add(field.name)
        try:
            return field.test(match, self)
        except UnfitError as error:
            raise _error(position, f"{field.name}: {error}") from None

    def _find(self, name: str) -> Field | None:
        return find_field(name, lambda: _looked_up(self._context.attribute_keys))

    def _field(self, name: str, position: int) -> Field:
        found = self._find(name)
        if found is not None:
            return found
        base, at, metric_name = name.partition("@")
        if at and base == "score":
            raise _error(position + len(base) + 1, unknown("metric", metric_name, METRICS))
        near = _did_you_mean(close_names(name, {*FIELDS, *_looked_up(self._context.attribute_keys)}))
        raise _error(position, f'no field is called "{name}"; {near}`thresher fields` lists all')


def _looked_up(known: Any) -> Any:
    return known() if callable(known) else known


def _did_you_mean(near: Sequence[str]) -> str:
    return f"did you mean {' or '.join(near)}? " if near else ""


def _readable(term: str, position: int) -> str:
    """`term` with bytes that are not UTF-8 escaped as in the text of stored paths."""
    try:
        return term.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError as error:
        raise _error(position + error.start, "half a character, which no text holds") from None


def _joined(conditions: list[Condition], join: Callable[..., Condition]) -> Condition:
    """All conditions as one; in groups where there are many, which nests less deep."""
    if len(conditions) <= 1:
        return conditions[0] if conditions else true()
    while len(conditions) > _GROUP:
        conditions = [
            never_null(join(*conditions[start : start + _GROUP]))
            for start in range(0, len(conditions), _GROUP)
        ]
    return join(*conditions)
