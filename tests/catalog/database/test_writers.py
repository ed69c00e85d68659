"""Writers number their own decisions."""

from __future__ import annotations

import os
import re

import pytest
from sqlalchemy import select

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import decision, writer
from thresher.catalog.database.writers import next_sequence, this_label, this_writer
from thresher.catalog.decisions import journal


def test_each_writer_counts_its_decisions(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    with writing(catalog) as connection:
        for name in ("anna", "ben", "anna"):
            monkeypatch.setattr(journal, "this_writer", lambda name=name: name)
            monkeypatch.setattr(journal, "this_label", lambda name=name: f"{name}@studio")
            journal.note_event(connection, "forget", "x")
    with catalog.reading() as connection:
        made = connection.execute(
            select(decision.c.writer, decision.c.sequence).order_by(decision.c.id)
        ).all()
        columns = (writer.c.name, writer.c.decisions, writer.c.label)
        counted = connection.execute(select(*columns).order_by(writer.c.name)).all()
    assert made == [("anna", 1), ("ben", 1), ("anna", 2)]
    assert counted == [("anna", 2, "anna@studio"), ("ben", 1, "ben@studio")]


def test_a_writer_of_an_older_version_gets_a_label_with_its_next_decision(catalog: Catalog) -> None:
    with writing(catalog) as connection:
        next_sequence(connection, "anna", "")
        next_sequence(connection, "anna", "anna@studio")
    with catalog.reading() as connection:
        assert connection.execute(select(writer.c.label, writer.c.decisions)).all() == [("anna@studio", 2)]


def test_the_id_of_a_writer_is_the_same_in_each_run_and_names_nobody() -> None:
    assert re.fullmatch("[0-9a-f]{16}", this_writer())
    assert this_writer.__wrapped__() == this_writer()


def test_the_label_of_a_writer_names_the_user_and_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "ann\udce4")
    monkeypatch.setattr("platform.node", lambda: "studio")
    assert this_label.__wrapped__() == r"ann\xe4@studio"

    def nameless() -> str:
        raise KeyError

    monkeypatch.setattr("getpass.getuser", nameless)
    assert this_label.__wrapped__() == f"{os.getuid()}@studio"
