"""Columns of text are compared as Python compares single texts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import literal, select

from tests.support import MakeCatalog
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.text_columns import equals_any_form, in_nfc
from thresher.catalog.text.normal_form import forms_of, nfc


@pytest.fixture(scope="module")
def new(new_catalog: MakeCatalog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    with new_catalog(tmp_path_factory.mktemp("texts")) as made:
        yield made


@given(st.text(max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_column_has_the_form_that_python_gives_it(new: Catalog, text: str) -> None:
    text = text.replace("\0", "").encode("utf-8", "ignore").decode()
    with new.reading() as connection:
        assert connection.scalar(select(in_nfc(literal(text)))) == nfc(text)


def test_a_text_equals_all_its_forms(new: Catalog) -> None:
    with new.reading() as connection:
        for text in ("Été", "Angström Å", "plain"):
            for form in forms_of(text):
                assert connection.scalar(select(equals_any_form(literal(form), text)))
                assert not connection.scalar(select(equals_any_form(literal(form), text.upper())))
