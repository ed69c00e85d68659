"""Copies of what SQLite keeps outside of tables."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from thresher.catalog.catalog import Catalog
from thresher.catalog.database import safeguards
from thresher.catalog.database.schema import metadata
from thresher.curation.clips.decisions import rate


@pytest.mark.sqlite_only("the highest ids, which it keeps outside of tables")
def test_the_highest_ids_are_copied(cut_clips: Catalog) -> None:
    rate(cut_clips, ["1"], 4)
    with cut_clips.reading() as connection:
        rows = connection.execute(text("SELECT name, seq FROM sqlite_sequence"))
        given = {row.name: row.seq for row in rows}
        copied = safeguards.copied_last_ids(connection)
    assert copied == {name: seq for name, seq in given.items() if name in metadata.tables}
    assert copied["decision"] >= 1
