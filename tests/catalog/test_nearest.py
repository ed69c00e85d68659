"""The nearest clip of each clip, extended block by block, equals the best of the whole matrix, with ties."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from thresher.catalog.nearest import NO_ID, Nearest
from thresher.catalog.schema import score_row
from thresher.catalog.scores import LIVE


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=4),
    st.randoms(use_true_random=False),
)
def test_blocks_of_new_clips_give_the_nearest_clips_of_the_whole_matrix(
    sizes: list[int], chance: object
) -> None:
    count = sum(sizes)
    ids = np.array(chance.sample(range(1, 100), count), dtype=np.int64)  # type: ignore[attr-defined]
    levels = [chance.choice((0, 0.25, 1)) for _ in range(count**2)]  # type: ignore[attr-defined]
    matrix = np.array(levels, np.float32).reshape(count, count)
    matrix = np.maximum(matrix, matrix.T)
    kept, first = Nearest.none(ids[:0]), 0
    stored: dict[int, tuple[int, float]] = {}
    for size in sizes:
        new = slice(first, first + size)
        kept, rows = kept.extended(ids[new].tolist(), matrix[new, :first], matrix[new, new])
        assert len({row[0] for row in rows}) == len(rows)
        assert not [row for row in rows if stored.get(row[0]) == row[1:]]
        stored.update((clip_id, (other, score)) for clip_id, other, score in rows)
        first += size
    expected = {}
    for place, clip_id in enumerate(ids.tolist()):
        others = [(-matrix[place, other], ids[other]) for other in range(count) if other != place]
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


def test_the_condition_for_live_rows_has_the_words_of_their_index() -> None:
    (index,) = [index for index in score_row.indexes if index.name == "uq_score_row_live"]
    assert str(LIVE) == str(index.dialect_options["sqlite"]["where"]).replace("retired", "score_row.retired")
