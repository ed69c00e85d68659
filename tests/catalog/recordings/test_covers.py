"""Covers in the catalog: an image is stored once, and damage is found."""

from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import func, select, update

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import cover
from thresher.catalog.recordings.covers import damaged_covers, read_cover, store_cover
from thresher.errors import CatalogError


def test_an_image_is_stored_once_and_read_by_its_hash(catalog: Catalog) -> None:
    with writing(catalog) as connection:
        first = store_cover(connection, b"image")
        assert store_cover(connection, b"image") == first == hashlib.sha256(b"image").hexdigest()
        other = store_cover(connection, b"other image")
        assert connection.scalar(select(func.count()).select_from(cover)) == 2
        assert read_cover(connection, first) == b"image"
        assert read_cover(connection, other) == b"other image"
        assert read_cover(connection, None) is None
        assert damaged_covers(connection) == []


def test_a_damaged_or_lost_image_is_an_error(catalog: Catalog) -> None:
    with writing(catalog) as connection:
        sha256 = store_cover(connection, b"image")
        store_cover(connection, b"other image")
        connection.execute(update(cover).where(cover.c.sha256 == sha256).values(content=b"imagf"))
        assert damaged_covers(connection) == [sha256]
        with pytest.raises(CatalogError, match="thresher song save NAME --cover FILE"):
            read_cover(connection, sha256)
        with pytest.raises(CatalogError, match="is damaged"):
            read_cover(connection, "0" * 64)
