"""What databases write in different words has the results of Python."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, literal, select

from tests.support import MakeCatalog, writing
from thresher.catalog.database.exact_numbers import integer_key
from thresher.catalog.database.portable_sql import (
    InNfc,
    IntegerKey,
    IsAscii,
    StartsWith,
    TextPosition,
    is_one_of,
    upsert,
)
from thresher.catalog.database.schema import checkpoint, cover
from thresher.catalog.text.normal_form import nfc

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs", "Cn")), max_size=8)


@pytest.fixture(scope="module")
def new(new_catalog: MakeCatalog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with (
        new_catalog(tmp_path_factory.mktemp("sql")) as catalog,
        writing(catalog, rollback=True) as connection,
    ):
        yield connection


@given(TEXTS, TEXTS)
@settings(max_examples=60, deadline=None)
def test_functions_of_text(new: Connection, text: str, part: str) -> None:
    functions = (
        InNfc(literal(text)),
        IsAscii(literal(text)),
        TextPosition(literal(text), literal(part)),
        StartsWith(literal(text), literal(part)),
    )
    row = new.execute(select(*functions)).one()
    assert tuple(row) == (nfc(text), text.isascii(), text.find(part) + 1, text.startswith(part))


@given(st.one_of(st.from_regex(r"\A\s{0,2}[+-]?[0-9]{1,6}\s?\Z"), TEXTS, st.integers().map(str)))
@example("-0")
@example("000")
@example(" -0012\n")
@example("\u00a07")
@example("\u0663")
@example("9" * 300)
@example("9" * 301)
@settings(max_examples=60, deadline=None)
def test_keys_of_integers(new: Connection, text: str) -> None:
    text = text.replace("\0", "")
    assert new.scalar(select(IntegerKey(literal(text)))) == integer_key(text)


@pytest.mark.parametrize(
    "texts", [[], ["a"], ["a", 'it\'s "b" \\ % {0} :x é'], [str(n) for n in range(40_000)]]
)
def test_a_text_is_one_of_many(new: Connection, texts: list[str]) -> None:
    for text in ("a", 'it\'s "b" \\ % {0} :x é', "39999", "b"):
        assert bool(new.scalar(select(is_one_of(literal(text), texts)))) is (text in texts)


def test_an_upsert_updates_what_exists(new: Connection) -> None:
    statement = upsert(cover)
    values = {"content": statement.excluded.content}
    changed = statement.on_conflict_do_update(index_elements=["sha256"], set_=values)
    new.execute(changed, [{"sha256": "a", "content": b"1"}, {"sha256": "b", "content": b"2"}])
    new.execute(changed.values(sha256="a", content=b"3"))
    new.execute(upsert(cover).on_conflict_do_nothing(), [{"sha256": "b", "content": b"4"}])
    assert dict(new.execute(select(cover.c.sha256, cover.c.content)).all()) == {"a": b"3", "b": b"2"}


def test_many_texts_fit_into_a_statement_that_has_no_bound_values(new: Connection) -> None:
    new.execute(insert(checkpoint).values(run="it's 100%"))
    condition = is_one_of(checkpoint.c.run, ["it's 100%", "b\\"])
    written = condition.compile(new, compile_kwargs={"literal_binds": True})
    assert "100%" in str(written)
