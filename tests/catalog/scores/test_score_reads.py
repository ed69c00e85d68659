"""Reads of stored scores."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from tests.catalog.scored_clips import add_clips
from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import score_row
from thresher.catalog.scores import score_reads
from thresher.curation.comparison.score import score
from thresher.errors import CatalogError


def test_reading_a_damaged_row_raises_an_error(catalog: Catalog) -> None:
    ids = add_clips(catalog, range(4))
    score(catalog)
    with writing(catalog) as connection:
        connection.execute(update(score_row).where(score_row.c.position == 2).values(scores=bytes(8)))
    with catalog.reading() as connection, pytest.raises(CatalogError, match="verify --repair"):
        score_reads.between(connection, 1, ids)
