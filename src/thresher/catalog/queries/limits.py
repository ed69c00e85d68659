"""Limits of queries: how many terms, how deeply nested, and how their values reach the database.

SQLite takes 32,766 bound values in a statement, refuses expressions that are nested deeper than 1000, and its
parser's stack holds 100 symbols. Beyond `MOST_BOUND` values, a condition holds its values as text of the statement.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import BindParameter
from sqlalchemy.sql import visitors

from thresher.catalog.queries.field_kinds import Condition
from thresher.catalog.queries.text import MOST_PARENTHESES, OPERATOR, Kind, Token, error_at

FEW_WORDS = 20
"""More words that are joined by OR, or negated one by one, are one condition."""
MOST_WORDS = 200
"""Bare words that are conditions of their own; each is searched for in five texts."""
MOST_TERMS = 5_000
"""Terms such as run:night in a query and the songs and saved queries that it names."""

_INCLUDED_COST, _TERM_COST, _WORD_COST, _ID_COST = 200, 20, 5, 1
_BUDGET = MOST_TERMS * _TERM_COST

MOST_SORT_KEYS = 500
"""Expressions to sort by; SQLite takes 2,000."""

MOST_SONGS = 20  # in a chain of songs and saved queries that select from one another
GROUP, NESTED_GROUP = 60, 30  # conditions joined at once: n conditions nest n deep
HIGHEST = 24  # layers of joined conditions

MOST_BOUND = 2_000
"""Bound values of a condition. A statement may use a condition more than once, and has values of its own."""


class Budget:
    """Limits the cost of a query and all songs and saved queries that it names, and their nesting."""

    def __init__(self) -> None:
        self.left = _BUDGET
        self.words = 0
        self.depth = 0

    def spend(self, tokens: Sequence[Token]) -> None:
        """Count terms that are about to be parsed. Raises QueryError if they exceed the limit."""
        self.left -= sum(map(_cost, tokens))
        if self.left < 0:
            raise error_at(
                0,
                "too many terms, counting songs and saved queries that the query names "
                f"(at most {_BUDGET // _ID_COST:,} ids, {_BUDGET // _WORD_COST:,} words or {MOST_TERMS:,} terms "
                "such as run:night); use fewer",
            )

    def enter(self) -> None:
        """Enter parentheses, a song or a saved query. Raises QueryError if they are nested too deeply."""
        self.depth += 1
        if self.depth > MOST_PARENTHESES + 1:
            raise error_at(
                0, f"more than {MOST_PARENTHESES} parentheses, songs and saved queries inside one another"
            )


def _cost(token: Token) -> int:
    if token.kind is not Kind.TERM:
        return 0
    if token.word.text.lstrip("^").isdigit():
        return _ID_COST
    if re.match(r"\^*(?:song|query):", token.word.text, re.IGNORECASE):
        return _INCLUDED_COST
    return _TERM_COST if OPERATOR.search(token.word.text) else _WORD_COST


def without_bound_values(condition: Condition) -> Condition:
    """Return a condition that has at most `MOST_BOUND` bound values; a longer one holds them as text."""
    bound = 0
    for element in visitors.iterate(condition):
        bound += isinstance(element, BindParameter) and not element.literal_execute
        if bound > MOST_BOUND:
            return visitors.cloned_traverse(condition, {}, {"bindparam": _write_out})
    return condition


def _write_out(parameter: BindParameter[object]) -> None:
    parameter.literal_execute = True
