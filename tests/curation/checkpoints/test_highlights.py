"""The highlights of a checkpoint: its best and its oddest clips."""

from __future__ import annotations

import pytest

from thresher.catalog.catalog import Catalog
from thresher.catalog.scores import score_reads, scores
from thresher.curation.checkpoints.highlights import (
    JudgedClip,
    best_likeness,
    evenly_spaced,
    mean_likeness,
    pick,
)
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


@pytest.mark.parametrize(
    ("count", "most", "chosen"),
    [
        (0, 3, []),
        (1, 3, [0]),
        (3, 3, [0, 1, 2]),
        (4, 3, [0, 1, 3]),
        (5, 3, [0, 2, 4]),
        (100, 2, [0, 99]),
    ],
)
def test_a_sample_is_evenly_spaced_with_both_ends(count: int, most: int, chosen: list[int]) -> None:
    assert evenly_spaced(range(count), most) == chosen


def test_picks_say_why_they_were_made(cut_clips: Catalog) -> None:
    """Clip 10 was removed, and has no scores."""
    with cut_clips.reading() as connection:
        by = scores.metric_id(connection, LIKENESS.name, LIKENESS.version)
        typical = mean_likeness(connection, by, [2, 3, 5])
        found = pick(connection, [JudgedClip(3, 4), JudgedClip(2), JudgedClip(5), JudgedClip(10)], 3, 1)
    first, *others = found.best
    assert (first.clip, first.reason, first.value) == (3, "rated", 4)
    assert [each.reason for each in others] == ["typical", "typical"]
    assert {each.clip: each.value for each in others} == {
        clip: pytest.approx(typical[clip]) for clip in (2, 5)
    }
    assert others[0].clip == max((2, 5), key=lambda clip: (typical[clip], -clip))
    assert found.oddest == ()
    with cut_clips.reading() as connection:
        (unscored,) = pick(connection, [JudgedClip(10)], 1, 0).best
        assert (unscored.reason, unscored.value) == ("first", None)
        (odd,) = pick(connection, [JudgedClip(3, 4), JudgedClip(2)], 1, 1).oddest
        assert (odd.clip, odd.reason, odd.value) == (2, "odd", best_likeness(connection, by, [2])[2])


def test_two_clips_have_a_mean_likeness(cut_clips: Catalog) -> None:
    with cut_clips.reading() as connection:
        by = scores.metric_id(connection, LIKENESS.name, LIKENESS.version)
        between = float(score_reads.between(connection, by, [2, 3])[0, 1])
        assert mean_likeness(connection, by, [2, 3]) == {2: pytest.approx(between), 3: pytest.approx(between)}
