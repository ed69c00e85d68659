"""Which clips a new queue has, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.curation.listening.listening_clips import SERIAL, ids
from thresher.catalog.catalog import Catalog
from thresher.curation.clips import decisions as judging
from thresher.curation.ingest.ingest import ingest
from thresher.curation.listening.heard import mark_heard
from thresher.curation.listening.queue import (
    finish_listening,
    plan_listening,
)


def test_a_queue_has_one_clip_of_each_checkpoint_then_the_most_different_clips(fresh: Catalog) -> None:
    queue = plan_listening(fresh, (), 5 * 3 / 60)
    assert len(queue.clips) == 5
    assert {row.epoch for row in queue.clips[:3]} == {1, 2, 3}
    assert [row.why for row in queue.clips] == ["new checkpoint"] * 3 + ["different from the others"] * 2
    # of the third epoch, which has a tone, a hiss and a beat, all that is not a tone
    assert {8, 9} <= set(ids(queue))
    assert queue.clips[0].distance is None
    assert all(row.distance is not None and 0 <= row.distance <= 1 for row in queue.clips[1:])
    assert queue.reach is not None
    assert (queue.reach.left_out, queue.reach.without_descriptor) == (4, 0)
    others = [
        row.distance
        for row in plan_listening(fresh, (), 1, dry_run=True).clips[5:]
        if row.distance is not None
    ]
    assert queue.reach.radius == pytest.approx(max(others), abs=1e-5)


def test_clips_similar_to_heard_ones_come_last(fresh: Catalog) -> None:
    mark_heard(fresh, [1, 4])
    assert ids(plan_listening(fresh, ["epoch:3"], 3 / 60)) in ([8], [9])
    assert ids(plan_listening(fresh, ["epoch:3"], 3 * 3 / 60))[-1] == 7


def test_remaining_time_is_filled_with_heard_clips(fresh: Catalog) -> None:
    judging.rate(fresh, ["9"], 4)
    for clip_id in (5, 1, 3):
        mark_heard(fresh, [clip_id])
    assert ids(plan_listening(fresh, (), 1))[-4:] == [9, 5, 1, 3]
    assert len(plan_listening(fresh, (), 5 * 3 / 60).clips) == 5


def test_checkpoints_without_a_heard_clip_come_first(fresh: Catalog) -> None:
    mark_heard(fresh, [1, 7])
    queue = plan_listening(fresh, (), 3 * 3 / 60)
    assert [row.why for row in queue.clips] == ["new checkpoint", *["first of its checkpoint"] * 2]
    assert queue.clips[0].epoch == 2
    assert {row.epoch for row in queue.clips[1:]} == {1, 3}
    assert all(row.distance is not None for row in queue.clips)


def test_without_descriptors_clips_are_spread_over_checkpoints(tmp_path: Path, template: Path) -> None:
    Catalog.create(tmp_path).close()
    (tmp_path / "catalog.toml").write_text('[metrics]\nuse = ["prefix"]\n')
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        ingest(catalog, [template / "clips"], SERIAL)
        queue = plan_listening(catalog, (), 5 * 3 / 60)
        assert ids(queue) == [1, 4, 7, 2, 5]
        assert {row.distance for row in queue.clips} == {None}
        assert queue.reach is not None
        assert (queue.reach.without_descriptor, queue.reach.radius) == (9, None)
        finish_listening(catalog)
        assert ids(plan_listening(catalog, (), 3 * 3 / 60)) == [3, 6, 8]
