"""Turn a query into one SQL condition and a sort.

A query is a sequence of terms: `field:value` (text: contains; numbers: equals), `field:=value` (exactly),
`field:80..120` (a range, ends included), `field>=4`, `field::regex`, an id, or a bare word, which is searched for
in path, run, tags, note and the names of marks. `field+` and `field-` sort, at any position. `text.py` splits a
query into terms, `parser.py` evaluates them, `fields.py` lists the fields.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement

from thresher.catalog.database.schema import clip
from thresher.catalog.queries.context import (
    Context,
    Part,
    Query,
    SavedQuery,
    context_of,
    edited,
    select_clips,
    shown,
    with_defaults,
)
from thresher.catalog.queries.field_kinds import Field
from thresher.catalog.queries.fields import FIELDS, close_names
from thresher.catalog.queries.limits import Budget
from thresher.catalog.queries.parser import Parser
from thresher.catalog.queries.terms import did_you_mean
from thresher.catalog.queries.text import PLAIN, Terms, Word, join_terms, normalise, split_text
from thresher.errors import QueryError

__all__ = [
    "Context",
    "Part",
    "Query",
    "SavedQuery",
    "Terms",
    "context_of",
    "edited",
    "field_and_value",
    "join_terms",
    "normalise",
    "parse",
    "parse_sort",
    "select_clips",
    "shown",
    "split_text",
    "with_defaults",
]


def parse(terms: Terms, context: Context, *, stored: bool = False) -> Query:
    """Parse a query. A `stored` one may combine an id with other terms, as earlier versions let people type it.

    Raises QueryError with the position of the mistake and the expected value, and NotFoundError for a song or saved
    query that does not exist.
    """
    return Parser(context, Budget(), within=(), stored=stored).parse(terms)


def parse_sort(term: str, context: Context) -> tuple[ColumnElement[Any], ...]:
    """Return the sort keys of `field+` or `field-`, the clip's id last. Raises QueryError for any other term."""
    try:
        keys = Parser(context, Budget(), within=()).sort_keys(Word(term, PLAIN * len(term), 0))
    except QueryError as error:  # there is no query in which a character would be wrong
        raise QueryError(f'ordering "{term}": {str(error).partition(": ")[2]}') from error
    if keys is None:
        near = did_you_mean(close_names(term.rstrip("+-"), FIELDS))
        raise QueryError(
            f'ordering "{term}" is not a sort such as epoch+ or score-; {near}`thresher fields` lists the fields'
        )
    return (*keys, clip.c.id.asc())


def field_and_value(name: str, context: Context) -> tuple[Field, ColumnElement[Any] | None]:
    """Return the field of a name and the expression of its value for a clip; None if it has no single value.

    Raises QueryError for an unknown name.
    """
    parser = Parser(context, Budget(), within=())
    field = parser.field(name)
    if field.value is not None or field.keys is None:
        return field, field.value
    return field, field.keys(parser.scope)[0]
