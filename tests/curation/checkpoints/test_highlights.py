"""The highlights of a checkpoint: its best and its oddest clips."""

from __future__ import annotations

import pytest

from thresher.catalog.catalog import Catalog
from thresher.catalog.scores import score_reads, scores
from thresher.curation.checkpoints.highlights import JudgedClip, mean_likeness, pick
from thresher.signal.metrics.likeness import LIKENESS


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


def test_clips_of_one_recording_say_nothing_about_how_typical_each_is(cut_clips: Catalog) -> None:
    with cut_clips.reading() as connection:
        by = scores.metric_id(connection, LIKENESS.name, LIKENESS.version)
        assert mean_likeness(connection, by, [5, 6, 7]) == {}
        between = score_reads.between(connection, by, [3, 5])[0, 1]
        assert mean_likeness(connection, by, [3, 5, 8])[5] == pytest.approx(
            (between + score_reads.between(connection, by, [8, 5])[0, 1]) / 2
        )
        assert mean_likeness(connection, by, [3, 8, 5])[3] == between
