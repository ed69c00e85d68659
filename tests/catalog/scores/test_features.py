"""Stored fingerprints and descriptors, and their checksums."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from sqlalchemy import update

from tests.catalog.scored_clips import add_clips, words
from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, recording
from thresher.catalog.scores import features
from thresher.errors import CatalogError
from thresher.signal.features.descriptors import VERSION


def test_fingerprints_are_read_in_the_given_order(catalog: Catalog) -> None:
    add_clips(catalog, [10, 11, 12])
    with catalog.reading() as connection:
        found = list(features.read(connection, [3, 1, 2], "fingerprint"))
    assert [array.dtype for array in found] == [np.uint32] * 3
    for array, seed in zip(found, (12, 10, 11), strict=True):
        np.testing.assert_array_equal(array, words(seed))


def test_a_flipped_byte_is_an_error_that_names_the_clip_and_the_repair(catalog: Catalog) -> None:
    add_clips(catalog, [10, 11])
    with writing(catalog) as connection:
        connection.execute(update(clip).where(clip.c.id == 2).values(fingerprint=b"\x00" * 8))
    with (
        catalog.reading() as connection,
        pytest.raises(CatalogError, match=r"the fingerprint of clip 2 is damaged .*verify --repair"),
    ):
        list(features.read(connection, [1, 2], "fingerprint"))


def test_only_clips_that_are_scored_have_a_checksum(catalog: Catalog) -> None:
    """These are generated clips with a fingerprint, or with a descriptor of today's version."""
    add_clips(catalog, [10, 11, 12, 13])
    blob = np.zeros(4, "<f4").tobytes()
    described = {"descriptor": blob, "descriptor_crc32": zlib.crc32(blob)}
    with writing(catalog) as connection:
        connection.execute(update(recording).where(recording.c.id == 2).values(role="reference"))
        connection.execute(update(clip).where(clip.c.id == 3).values(fingerprint=None))
        for clip_id, version in ((1, VERSION), (2, VERSION), (4, VERSION - 1)):
            values = {**described, "descriptor_version": version}
            connection.execute(update(clip).where(clip.c.id == clip_id).values(values))
    with catalog.reading() as connection:
        assert list(features.checksums(connection, [4, 3, 2, 1], "fingerprint")) == [4, 1]
        assert features.checksums(connection, [4, 3, 2, 1], "descriptor") == {1: zlib.crc32(blob)}
