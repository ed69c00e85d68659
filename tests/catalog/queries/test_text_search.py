"""Texts are searched as Python searches them, whatever the database does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, Connection, insert, select

from tests.support import MakeCatalog, writing
from thresher.catalog.database.schema import checkpoint
from thresher.catalog.queries.text_search import Texts
from thresher.catalog.text.normal_form import folded, nfc
from thresher.catalog.text.time_limit import Searches

RUN = checkpoint.c.run
WORDS = (
    *("night", "Night", "NIGHT_2", "100%", "a_b", "a/b", "a\\b", "", "été", "E\u0301te\u0301", "ÉTÉ"),
    *("Straße", "STRASSE", "ΣΊΣΥΦΟΣ", "σίσυφος", "İstanbul", "日本", "𝄞 clef", "ﬁne"),
)


@pytest.fixture(scope="module")
def runs(new_catalog: MakeCatalog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """A run for each word, and a checkpoint without one."""
    with (
        new_catalog(tmp_path_factory.mktemp("runs")) as catalog,
        writing(catalog, rollback=True) as connection,
    ):
        connection.execute(insert(checkpoint), [{"run": word} for word in WORDS])
        connection.execute(insert(checkpoint).values(epoch=1))
        yield connection


def found(runs: Connection, condition: ColumnElement[bool]) -> set[str | None]:
    return set(runs.scalars(select(RUN).where(condition)))


def words(is_found: Callable[[str], object]) -> set[str]:
    return {word for word in WORDS if is_found(word)}


PARTS = st.one_of(st.sampled_from(WORDS), st.text("aeEtTßsÉ%_/\\σς1", max_size=3))


@given(PARTS)
@settings(max_examples=60, deadline=None)
def test_parts_are_found_without_regard_to_case_and_form(runs: Connection, part: str) -> None:
    texts = Texts(runs, Searches())
    assert found(runs, texts.containing(RUN, part)) == words(lambda word: folded(part) in folded(word))
    some = texts.containing_one(RUN, [part, "日"])
    assert found(runs, some) == words(lambda word: folded(part) in folded(word) or "日" in word)


@pytest.mark.parametrize("pattern", ["^n", "(?i)^N.*t", "é", "^.$", "", "x", r"\d", r"[^\W\d_]{3}", "日|ß"])
def test_expressions_are_found_as_python_finds_them(runs: Connection, pattern: str) -> None:
    texts = Texts(runs, Searches())
    assert found(runs, texts.matching(RUN, pattern)) == words(lambda word: re.search(pattern, nfc(word)))
    of_night = texts.matching(RUN, pattern, RUN.like("%ight"))
    assert found(runs, of_night & RUN.like("%ight")) == words(
        lambda word: word.endswith("ight") and re.search(pattern, nfc(word))
    )


def test_searches_of_a_transaction_before_are_not_done_again(runs: Connection) -> None:
    searches = Searches()
    before = found(runs, Texts(runs, searches).matching(RUN, "(n|N)+"))
    searches._left = 0.0  # a search would now be refused
    assert found(runs, Texts(runs, searches).matching(RUN, "(n|N)+")) == before
