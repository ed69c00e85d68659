"""The nearest clip of each clip, extended block by block or searched, equals the best of the whole matrix."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from thresher.catalog.database.schema import score_row
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
