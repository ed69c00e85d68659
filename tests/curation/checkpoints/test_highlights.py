"""The highlights of a checkpoint: its best and its oddest clips."""

from __future__ import annotations

from thresher.catalog.catalog import Catalog
from thresher.curation.checkpoints.highlights import JudgedClip, mean_likeness, pick


def test_a_suspect_clip_is_picked_after_others_that_are_rated_alike(catalog: Catalog) -> None:
    with catalog.reading() as connection:
        found = pick(
            connection, [JudgedClip(1, suspect=True), JudgedClip(2), JudgedClip(3, 2), JudgedClip(4, 3)], 4, 2
        )
    assert [each.clip for each in found.best] == [4, 2, 1, 3]
    assert found.oddest == ()


def test_a_clip_without_scores_has_no_mean_likeness(catalog: Catalog) -> None:
    with catalog.reading() as connection:
        assert mean_likeness(connection, 1, [1]) == {}
        assert mean_likeness(connection, 1, [1, 2]) == {}
