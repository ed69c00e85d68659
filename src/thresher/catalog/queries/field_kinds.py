"""The kinds of query fields: what a term's value may be, and the SQL condition that it becomes.

A condition is true or false for every clip and never NULL, so that NOT is the complement. It is evaluated in a
statement over `clip_source.SOURCE`. Lengths are seconds. Instants are seconds since 1970 (UTC, float); dates are
read in local time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, false, func

from thresher.catalog.database.text_columns import equals_any_form
from thresher.catalog.queries.folders import Folders
from thresher.catalog.queries.text_search import Texts
from thresher.catalog.text.normal_form import nfc
from thresher.catalog.text.values import (
    LARGEST_INTEGER,
    Bounds,
    UnfitError,
    bounds_of,
    checked_regex,
    comma_hint,
    number_of,
    period_of,
    seconds_of,
    whole_number,
)
from thresher.formatting import unknown

Condition = ColumnElement[bool]

NUMBER_RANGE = "a number or a range such as 4, 80..120, 4.. or ..7"
"""The values that number fields take, for error messages."""


@dataclass(frozen=True)
class Match:
    """The part of a term after the field's name: `operator` is ":", ":=" or "::"."""

    operator: str
    value: str


@dataclass(frozen=True)
class Scope:
    """The catalog that a query is for, as far as tests need it.

    `metric` is the name of the metric that `score:` means, `folders` looks up the folders that terms name, `texts`
    searches the texts of the catalog, and `now` is in seconds since 1970. `song` returns the condition that a song
    selects a clip, `query` that a saved query does. `near` returns the other clips with their scores against one
    clip under a metric, the highest score first; `found_near` receives the name of the field and those that a term
    selects.
    """

    metric: str
    folders: Folders
    texts: Texts
    now: float
    song: Callable[[str], Condition]
    near: Callable[[int, str], Sequence[tuple[int, float]]]
    query: Callable[[str], Condition]
    found_near: Callable[[str, Sequence[tuple[int, float]]], None]


Test = Callable[[Match, Scope], Condition]
Keys = Callable[[Scope], Sequence[ColumnElement[Any]]]


@dataclass(frozen=True)
class Field:
    """One name of the query language. `keys` are the expressions it sorts by; None if it cannot be sorted by.

    `value` is the expression of its value for a clip, if that is not the first of the keys.
    """

    name: str
    kind: str
    description: str
    test: Test
    keys: Keys | None
    value: ColumnElement[Any] | None = None


# Conditions.


def never_null(condition: ColumnElement[Any]) -> Condition:
    """Return `condition`, false where it would be NULL."""
    return func.coalesce(condition, false())


def text_condition(
    column: ColumnElement[Any], match: Match, texts: Texts, among: Condition | None = None
) -> Condition:
    """Return whether text contains the value, equals it or matches it as a regular expression; NULL for NULL.

    Texts are compared in one normal form of Unicode. The condition is for the rows that meet `among`.
    """
    if match.operator == "::":
        return texts.matching(column, checked_regex(nfc(match.value)).pattern, among)
    if match.operator == ":=":
        return equals_any_form(column, match.value)
    return texts.containing(column, match.value)


def within(column: ColumnElement[Any], bounds: Bounds) -> Condition:
    """Return whether a number lies within `bounds`, ends included; NULL for NULL unless the range is open."""
    low, high = bounds
    if isinstance(column.type, Integer):
        if (low or 0) > LARGEST_INTEGER or (high or 0) < -LARGEST_INTEGER:
            return false()
        low = None if low is None else math.ceil(max(low, -LARGEST_INTEGER))
        high = None if high is None else math.floor(min(high, LARGEST_INTEGER))
    else:  # the database has no integers beyond 64 bits
        low = None if low is None else float(low)
        high = None if high is None else float(high)
    if low is not None and low == high:
        return column == low
    ends = [*([] if low is None else [column >= low]), *([] if high is None else [column <= high])]
    return and_(*ends) if ends else column.is_not(None)


def plain_value(match: Match, expected: str) -> str:
    """Return the value of a field that takes no regular expression. Raises UnfitError for one."""
    if match.operator == "::":
        raise UnfitError(
            f'"{match.value}" is a regular expression, which only text fields take, not {expected}'
        )
    return match.value


# Makers of fields, one for each kind.


def text(name: str, column: ColumnElement[Any], description: str) -> Field:
    """Make a field of text, which ignores case."""
    return Field(
        name,
        "text",
        description,
        lambda match, scope: never_null(text_condition(column, match, scope.texts)),
        lambda _scope: (func.lower(column),),
        column,
    )


def choice(name: str, column: ColumnElement[Any], choices: tuple[str, ...], description: str) -> Field:
    """Make a field that has one of a few values; a part of a value is enough to find it."""

    def test(match: Match, _scope: Scope) -> Condition:
        if match.operator == "::":
            regex = checked_regex(match.value)
            return column.in_([choice for choice in choices if regex.search(choice)])
        value = match.value.lower()
        exact = match.operator == ":=" or value in choices
        fitting = [choice for choice in choices if (choice == value if exact else value in choice)]
        if not fitting:
            raise UnfitError(f"{unknown(name, match.value, choices)}{comma_hint(match.value)}")
        return column.in_(fitting)

    return Field(name, "choice", f"{description}: {', '.join(choices)}", test, lambda _scope: (column,))


def number(name: str, column: ColumnElement[Any], description: str) -> Field:
    """Make a field of numbers."""

    def test(match: Match, _scope: Scope) -> Condition:
        return never_null(within(column, bounds_of(plain_value(match, "a number"), NUMBER_RANGE, number_of)))

    return Field(name, "number", description, test, lambda _scope: (column,))


def count(name: str, column: ColumnElement[Any], description: str) -> Field:
    """Make a field of numbers that may be written with k or M, as file names write them: 120k is 120000."""

    def read(value: str) -> float:
        whole = whole_number(value) if value[-1:] in "kKM" else None
        return number_of(value) if whole is None else whole

    def test(match: Match, _scope: Scope) -> Condition:
        return never_null(within(column, bounds_of(plain_value(match, "a number"), NUMBER_RANGE, read)))

    return Field(name, "number", description, test, lambda _scope: (column,))


def duration(name: str, column: ColumnElement[Any], description: str) -> Field:
    """Make a field of lengths in seconds."""
    expected = "a length or a range such as 7.5, 0:30, 1:02:03, 0:05..0:30 or ..2:00"

    def test(match: Match, _scope: Scope) -> Condition:
        return never_null(within(column, bounds_of(plain_value(match, "a length"), expected, seconds_of)))

    return Field(name, "duration", description, test, lambda _scope: (column,))


def flag(name: str, condition: Condition, description: str) -> Field:
    """Make a field that is yes or no."""

    def test(match: Match, _scope: Scope) -> Condition:
        value = plain_value(match, "yes or no").lower()
        if value in ("yes", "true", "1"):
            return condition
        if value in ("no", "false", "0"):
            return ~condition
        raise UnfitError(f'"{match.value}" is neither yes nor no{comma_hint(value)}')

    return Field(name, "flag", description, test, lambda _scope: (condition,))


def date(name: str, column: ColumnElement[Any], description: str) -> Field:
    """Make a field of instants, which takes dates in local time."""
    expected = "a date or a range such as 2026-11, 2026-11-22, 2026-11-01..2026-11-15, -1w.. or -3d.."

    def test(match: Match, scope: Scope) -> Condition:
        low, high = bounds_of(
            plain_value(match, "a date"),
            expected,
            lambda text: period_of(text, scope.now)[0],
            lambda text: period_of(text, scope.now)[1],
        )
        ends = [*([] if low is None else [column >= low]), *([] if high is None else [column < high])]
        return never_null(and_(*ends) if ends else column.is_not(None))

    return Field(name, "date", description, test, lambda _scope: (column,))
