"""Limits of queries: the cost of terms, nesting, and values that are bound."""

from __future__ import annotations

import pytest
from sqlalchemy import column, or_
from sqlalchemy.dialects import sqlite

from thresher.catalog.queries.limits import MOST_BOUND, MOST_TERMS, Budget, without_bound_values
from thresher.catalog.queries.text import MOST_PARENTHESES, tokens_of
from thresher.errors import QueryError


@pytest.mark.parametrize(
    ("term", "most"),
    [("run:a", MOST_TERMS), ("riff", 4 * MOST_TERMS), ("7", 20 * MOST_TERMS), ("song:a", 500)],
)
def test_a_query_may_have_a_number_of_terms_that_depends_on_their_cost(term: str, most: int) -> None:
    budget = Budget()
    budget.spend(tokens_of(" ".join([term] * most)))
    assert budget.left == 0
    budget.spend(tokens_of(", ( )"))  # these cost nothing
    with pytest.raises(QueryError, match="too many terms"):
        budget.spend(tokens_of("7"))


def test_parentheses_and_songs_are_nested_up_to_a_limit() -> None:
    budget = Budget()
    for _ in range(MOST_PARENTHESES + 1):
        budget.enter()
    with pytest.raises(QueryError, match=f"more than {MOST_PARENTHESES} parentheses"):
        budget.enter()


@pytest.mark.parametrize(("values", "bound"), [(MOST_BOUND, MOST_BOUND), (MOST_BOUND + 1, 0)])
def test_too_many_values_are_written_out(values: int, bound: int) -> None:
    condition = or_(*(column("id") == number for number in range(values)))
    compiled = without_bound_values(condition).compile(dialect=sqlite.dialect())
    assert str(compiled).count("?") == bound
