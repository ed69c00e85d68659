"""Which clips are earlier than a clip, and the most similar one of them."""

from __future__ import annotations

import pytest

from thresher.catalog.catalog import Catalog
from thresher.catalog.scores import score_reads, scores
from thresher.curation.comparison.checkpoint_scores import CheckpointClips, checkpoint_scores, nearest_earlier
from thresher.signal.metrics.likeness import LIKENESS


def clips(run: str | None, rank: int, *ids: int, batch: int = 1) -> CheckpointClips:
    return CheckpointClips(run, rank, ids, (batch,) * len(ids))


def found(catalog: Catalog, *checkpoints: CheckpointClips) -> dict[tuple[int, int], int | None]:
    """Return which clip has the score that `nearest_earlier` found; None for the score 1."""
    with catalog.reading() as connection:
        by = scores.metric_id(connection, LIKENESS.name, LIKENESS.version)
        nearest = nearest_earlier(connection, by, checkpoints)
        ids = sorted({clip_id for each in checkpoints for clip_id in each.clip_ids})
        between = score_reads.between(connection, by, ids)
    return {
        (number, clip_id): None
        if score == 1.0
        else next(
            other
            for place, other in enumerate(ids)
            if between[ids.index(clip_id), place] == pytest.approx(score)
        )
        for (number, clip_id), score in nearest.items()
    }


def test_earlier_are_clips_of_earlier_checkpoints_of_the_run(cut_clips: Catalog) -> None:
    assert found(cut_clips, clips("a", 0, 2), clips("a", 1, 3)) == {(1, 3): 2}
    # the order of the arguments does not matter, the ranks do
    assert found(cut_clips, clips("a", 1, 3), clips("a", 0, 2)) == {(0, 3): 2}
    assert found(cut_clips, clips("a", 0, 2, 3)) == {}


def test_earlier_clips_of_other_runs_are_those_of_earlier_ingests(cut_clips: Catalog) -> None:
    assert found(cut_clips, clips("a", 0, 2, batch=1), clips("b", 1, 3, batch=2)) == {(1, 3): 2}
    assert found(cut_clips, clips("a", 0, 2, batch=2), clips("b", 1, 3, batch=1)) == {(0, 2): 3}
    assert found(cut_clips, clips("a", 0, 2), clips("b", 1, 3)) == {}


def test_a_clip_that_an_earlier_checkpoint_of_its_run_wrote_too_has_the_score_1(cut_clips: Catalog) -> None:
    assert found(cut_clips, clips("a", 0, 3), clips("a", 1, 3)) == {(1, 3): None}
    assert found(cut_clips, clips("a", 0, 3), clips("b", 1, 3)) == {}


def test_a_single_clip_has_neither_collapse_nor_copies_nor_novelty(cut_clips: Catalog) -> None:
    (alone,) = checkpoint_scores(cut_clips, [clips("a", 0, 2)])
    assert (alone.collapse, alone.copies, alone.novelty) == (None, None, None)
    first, second = checkpoint_scores(cut_clips, [clips("a", 0, 2, 5), clips("a", 1, 3)])
    assert (first.copies, first.novelty, second.copies) == (1.0, None, None)
    assert first.collapse is not None
    assert second.novelty is not None
    assert 0.0 < second.novelty < 1.0
