"""Listing the fields of queries."""

from __future__ import annotations

from thresher.catalog.catalog import Catalog
from thresher.catalog.queries.fields import FIELDS
from thresher.curation.clips.query_fields import fields


def test_fields_lists_built_in_fields_and_attributes(small_catalog: Catalog) -> None:
    rows = {row.name: row for row in fields(small_catalog)}
    assert list(rows) == [*FIELDS, "prompt", "temperature"]
    assert all(row.kind and row.description for row in rows.values())
    temperature, prompt = rows["temperature"], rows["prompt"]
    assert (temperature.kind, temperature.count, temperature.examples) == ("number", 2, ("0.9", "10"))
    assert (prompt.kind, prompt.count, prompt.examples) == ("text", 1, ("drums",))
    assert rows["epoch"].count is None
