"""The kinds of query fields: the condition that each makes of a value, as SQLite evaluates it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Column, Connection, Float, Integer, MetaData, Table, Text, func, insert, select

from tests.support import MakeCatalog, writing
from thresher.catalog.queries.field_kinds import (
    Field,
    Match,
    choice,
    date,
    duration,
    flag,
    number,
    plain_value,
    text,
    within,
)
from thresher.catalog.queries.text_search import Texts
from thresher.catalog.text.time_limit import Searches
from thresher.catalog.text.values import UnfitError

ROWS = Table(
    "row",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("whole", Integer),
    Column("real", Float),
    Column("word", Text),
)


def scope(rows: Connection) -> Any:
    """Return what these kinds need of a scope: dates need the time, texts the rows."""
    return SimpleNamespace(now=datetime(2026, 11, 22, 12).timestamp(), texts=Texts(rows, Searches()))


@pytest.fixture(scope="module")
def rows(new_catalog: MakeCatalog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """Four rows of an integer, a number and a word, in a catalog's database; the last one holds NULL."""
    with (
        new_catalog(tmp_path_factory.mktemp("rows")) as catalog,
        writing(catalog, rollback=True) as connection,
    ):
        ROWS.metadata.create_all(connection)
        values = [(1, 4, 0.5, "Night"), (2, 9, 60.0, "day 100%"), (3, 20, 70.0, "ÉTÉ"), (4, None, None, None)]
        columns = ("id", "whole", "real", "word")
        connection.execute(insert(ROWS), [dict(zip(columns, row, strict=True)) for row in values])
        yield connection


def found(rows: Connection, field: Field, operator: str, value: str) -> list[int]:
    """Return the ids of the rows that a term selects; it is true or false for each of them."""
    condition = field.test(Match(operator, value), scope(rows))
    assert set(rows.scalars(select(condition))) <= {True, False}
    return list(rows.scalars(select(ROWS.c.id).where(condition)))


WHOLE = number("whole", ROWS.c.whole, "")
REAL = number("real", ROWS.c.real, "")
WORD = text("word", ROWS.c.word, "")


@pytest.mark.parametrize(
    ("field", "operator", "value", "ids"),
    [
        (WHOLE, ":", "4", [1]),
        (WHOLE, ":", "4.5..9.5", [2]),
        (WHOLE, ":", "..", [1, 2, 3]),
        (WHOLE, ":", "9223372036854775808..", []),
        (REAL, ":", "..0.5", [1]),
        (WORD, ":", "NIGHT", [1]),
        (WORD, ":", "100%", [2]),
        (WORD, ":", "été", [3]),
        (WORD, ":=", "Night", [1]),
        (WORD, "::", "^N|T[EÉ]$", [1, 3]),
        (WORD, "::", "", [1, 2, 3]),
        (WORD, "::", "x", []),
        (duration("real", ROWS.c.real, ""), ":", "1:00", [2]),
        (choice("word", func.coalesce(ROWS.c.word, ""), ("night", "day 100%"), ""), ":", "day", [2]),
        (flag("big", ROWS.c.id > 1, ""), ":", "yes", [2, 3, 4]),
        (flag("big", ROWS.c.id > 1, ""), ":", "no", [1]),
        (date("real", ROWS.c.real, ""), ":", "1969..1971", [1, 2, 3]),
        (date("real", ROWS.c.real, ""), ":", "2026", []),
    ],
)
def test_a_term_selects_rows_and_is_never_null(
    rows: Connection, field: Field, operator: str, value: str, ids: list[int]
) -> None:
    assert found(rows, field, operator, value) == ids


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (WHOLE, "four"),
        (duration("real", ROWS.c.real, ""), "0:75"),
        (choice("word", ROWS.c.word, ("day",), ""), "dusk"),
        (flag("big", ROWS.c.id > 1, ""), "maybe"),
        (date("real", ROWS.c.real, ""), "yesterday"),
    ],
)
def test_an_invalid_value_is_refused_with_the_value(rows: Connection, field: Field, value: str) -> None:
    with pytest.raises(UnfitError, match=value):
        field.test(Match(":", value), scope(rows))


def test_a_regular_expression_is_for_text_fields_only() -> None:
    with pytest.raises(UnfitError, match=r'"\^4" is a regular expression, which only text fields take'):
        plain_value(Match("::", "^4"), "a number")


def test_bounds_of_integers_round_inwards(rows: Connection) -> None:
    assert list(rows.scalars(select(ROWS.c.id).where(within(ROWS.c.whole, (3.5, 8.9))))) == [1]
