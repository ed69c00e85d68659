"""Listing ingests."""

from __future__ import annotations

from thresher.catalog.catalog import Catalog
from thresher.curation.ingest.batches import batches


def test_batches_lists_the_ingests(small_catalog: Catalog) -> None:
    first, second = batches(small_catalog)
    assert (first.id, first.started_at, first.finished_at, first.paths) == (1, 10.0, 20.0, ("out",))
    assert (first.options, first.files, first.added, first.failed) == ({"role": "generated"}, 9, 7, 1)
    assert (second.finished_at, second.paths, second.options) == (None, (), {})
