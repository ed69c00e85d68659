"""The nearest clip of each clip, extended block by block or searched, equals the best of the whole matrix."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import metric, score_row
from thresher.catalog.scores import nearest
from thresher.catalog.scores.nearest import NO_ID, Nearest, Origins, search
from thresher.catalog.scores.scores import LIVE


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=4),
    st.sampled_from([1, 3, 100]),
    st.randoms(use_true_random=False),
)
def test_the_nearest_clip_is_the_best_of_the_matrix_that_may_be_nearest(
    sizes: list[int], recordings: int, chance: Random
) -> None:
    """With 1 or 3 recordings clips have recordings in common; with 100 each has its own, and none is split."""
    count = sum(sizes)
    ids = np.array(chance.sample(range(1, 100), count), dtype=np.int64)
    levels = [chance.choice((0, 0.25, 1)) for _ in range(count**2)]
    matrix = np.array(levels, np.float32).reshape(count, count)
    matrix = np.maximum(matrix, matrix.T)
    origins = Origins.plain(ids)
    if recordings < count:
        of_clip = np.array([chance.randrange(recordings) for _ in range(count)])
        origins = Origins(of_clip, np.array([chance.random() < 0.3 for _ in range(count)]))
    kept, first = Nearest.none(ids[:0], origins.taken(np.arange(0))), 0
    stored: dict[int, tuple[int, float]] = {}
    for size in sizes:
        new = slice(first, first + size)
        of_new = origins.taken(np.arange(first, first + size))
        kept, rows = kept.extended(ids[new].tolist(), of_new, matrix[new, :first], matrix[new, new])
        assert len({row[0] for row in rows}) == len(rows)
        assert not [row for row in rows if stored.get(row[0]) == row[1:]]
        stored.update((clip_id, (other, score)) for clip_id, other, score in rows)
        first += size
    expected = {}
    for place, clip_id in enumerate(ids.tolist()):
        others = [
            (-matrix[place, other], ids[other])
            for other in range(count)
            if other != place
            and not origins.is_hidden[other]
            and origins.recordings[other] != origins.recordings[place]
        ]
        if others:
            score, other_id = min(others)
            expected[clip_id] = (int(other_id), float(-score))
    assert stored == expected
    np.testing.assert_array_equal(kept.clip_ids, ids)
    assert {
        clip_id: (other, score)
        for clip_id, other, score in zip(
            ids.tolist(), kept.others.tolist(), kept.scores.tolist(), strict=True
        )
        if other != NO_ID
    } == expected
    rows_of_matrix = (matrix[place, :place] for place in range(count))
    searched = search(ids, np.arange(count), rows_of_matrix, ids.tolist(), origins)
    assert {clip_id: (other, score) for clip_id, other, score in searched} == expected


def test_the_condition_for_live_rows_has_the_words_of_their_index() -> None:
    (index,) = [index for index in score_row.indexes if index.name == "uq_score_row_live"]
    assert str(LIVE) == str(index.dialect_options["sqlite"]["where"]).replace("retired", "score_row.retired")


def test_clips_are_apart_if_their_recordings_differ() -> None:
    origins = Origins(np.array([1, 2, 1, 1]), np.zeros(4, np.bool_))
    assert origins.apart(0).tolist() == []
    assert origins.apart(2).tolist() == [False, True]
    assert origins.apart(3).tolist() == [False, True, False]


def test_rows_are_read_and_counted_by_metric(cut_clips: Catalog) -> None:
    with writing(cut_clips) as connection:
        ids = {row.name: row.id for row in connection.execute(select(metric.c.name, metric.c.id))}
        nearest.write(connection, ids["likeness"], [(2, 3, 0.25)])
        nearest.write(connection, ids["aligned"], [(2, 4, 0.5)])
        clip_ids = np.array([2, 77], np.int64)[:1]
        found = nearest.read(connection, ids["likeness"], clip_ids)
        assert (found.others.tolist(), found.scores.tolist()) == ([3], [0.25])
        nearest.replace_all(connection, ids["likeness"], [(2, 4, 0.75), (3, 2, 0.5)])
        assert nearest.count(connection, ids["likeness"]) == 2
        assert nearest.count(connection, ids["aligned"]) > 2
        assert nearest.count(connection, 99) == 0


@pytest.mark.parametrize("only", [True, False])
def test_a_clip_that_leaves_takes_the_rows_that_name_it_along(cut_clips: Catalog, only: bool) -> None:
    with writing(cut_clips) as connection:
        ids = {row.name: row.id for row in connection.execute(select(metric.c.name, metric.c.id))}
        likeness, aligned = ids["likeness"], ids["aligned"]
        for each in (likeness, aligned):
            nearest.replace_all(connection, each, [(2, 3, 0.5), (3, 4, 0.5), (4, 2, 0.5)])
        lost = nearest.forget(connection, [3], likeness if only else None)
        assert {each: clips for each, clips in lost.items() if each in (likeness, aligned)} == (
            {likeness: [2]} if only else {likeness: [2], aligned: [2]}
        )
        assert nearest.count(connection, likeness) == 1
        assert nearest.count(connection, aligned) == (3 if only else 1)
