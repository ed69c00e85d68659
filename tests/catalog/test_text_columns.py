"""Columns of text are compared as Python compares single texts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import literal, select

from tests.support import MakeCatalog
from thresher.catalog.catalog import Catalog
from thresher.catalog.normal_form import folded, nfc
from thresher.catalog.text_columns import contains_folded, in_nfc


@pytest.fixture(scope="module")
def new(new_catalog: MakeCatalog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    with new_catalog(tmp_path_factory.mktemp("texts")) as made:
        yield made


@given(st.text(max_size=8), st.text(max_size=3))
@settings(max_examples=60, deadline=None)
def test_the_functions_of_the_database_agree_with_python(new: Catalog, text: str, part: str) -> None:
    text, part = text.replace("\0", ""), part.replace("\0", "")
    text = text.encode("utf-8", "ignore").decode()
    part = part.encode("utf-8", "ignore").decode()
    with new.reading() as connection:
        row = connection.execute(select(in_nfc(literal(text)), contains_folded(literal(text), part))).one()
    assert row[0] == nfc(text)
    assert bool(row[1]) is (folded(part) in folded(text))
