"""Writers number their own decisions."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from tests.support import writing
from thresher.catalog import decisions
from thresher.catalog.catalog import Catalog
from thresher.catalog.schema import decision, writer
from thresher.catalog.writers import this_writer


def test_each_writer_counts_its_decisions(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    with writing(catalog) as connection:
        for name in ("anna", "ben", "anna"):
            monkeypatch.setattr(decisions, "this_writer", lambda name=name: name)
            decisions.note_event(connection, "forget", "x")
    with catalog.reading() as connection:
        made = connection.execute(
            select(decision.c.writer, decision.c.sequence).order_by(decision.c.id)
        ).all()
        counted = connection.execute(select(writer.c.name, writer.c.decisions).order_by(writer.c.name)).all()
    assert made == [("anna", 1), ("ben", 1), ("anna", 2)]
    assert counted == [("anna", 2), ("ben", 1)]


def test_the_id_of_a_writer_is_the_same_in_each_run_and_names_nobody() -> None:
    assert re.fullmatch("[0-9a-f]{16}", this_writer())
    assert this_writer.__wrapped__() == this_writer()
