"""The batch of an ingest: its row is added with the first change, and keeps the counts so far."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

from sqlalchemy import select

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import batch
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.run import Batch
from thresher.curation.ingest.scan import scan


def test_a_batch_without_changes_has_no_row(catalog: Catalog, tmp_path: Path, serial: IngestOptions) -> None:
    made = Batch(catalog, scan([tmp_path]), serial)
    with writing(catalog) as connection:
        made.record(connection, Counter())
        assert connection.execute(select(batch)).all() == []


def test_the_row_of_a_batch_is_added_once_and_keeps_what_the_command_set(
    catalog: Catalog, tmp_path: Path, serial: IngestOptions
) -> None:
    options = replace(serial, run="night", epoch=0, attributes={"heat": "0.9"})
    made = Batch(catalog, scan([tmp_path]), options)
    with writing(catalog) as connection:
        assert made.begin(connection) == made.begin(connection) == made.id
        made.record(connection, Counter(added=2))
        (row,) = connection.execute(select(batch)).all()
    assert json.loads(row.paths) == ["."]
    assert json.loads(row.options).items() >= {"run": "night", "epoch": 0, "set": {"heat": "0.9"}}.items()
    assert (row.added, row.copies, row.finished_at) == (2, 0, None)


def test_an_ingest_without_changes_adds_no_batch(
    catalog: Catalog, tmp_path: Path, serial: IngestOptions
) -> None:
    assert ingest(catalog, [tmp_path], serial).batch is None
