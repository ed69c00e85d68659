"""A new fit keeps the numbers of the clusters that still exist."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.curation.comparison.cluster_fit import matched


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ({}, {1: 0, 2: 0}, {}),
        ({1: None, 2: None}, {1: 0, 2: 0}, {}),
        ({1: 7, 2: 7}, {1: 0, 2: 0}, {0: 7}),
        ({1: 7, 2: 7}, {1: -1, 2: -1}, {}),
        # new clips and forgotten ones do not count
        ({1: 7, 2: 7, 3: 7}, {1: 0, 2: 0, 4: 0, 5: 0, 6: 0}, {0: 7}),
        # exactly half is enough, less is not
        ({1: 7, 2: 7}, {1: 0, 2: -1}, {0: 7}),
        ({1: 7, 2: 7, 3: 7}, {1: 0, 2: -1, 3: -1}, {}),
        ({1: 7, 2: None, 3: None}, {1: 0, 2: 0, 3: 0}, {}),
        # a cluster that falls apart keeps its number in the larger part, two that join in the larger one
        ({1: 7, 2: 7, 3: 7, 4: 7, 5: 7}, {1: 1, 2: 1, 3: 0, 4: 0, 5: 0}, {0: 7}),
        ({1: 2, 2: 2, 3: 9, 4: 9, 5: 9}, {1: 0, 2: 0, 3: 0, 4: 0, 5: 0}, {0: 9}),
        # labels follow size, numbers follow clips
        ({1: 1, 2: 1, 3: 2, 4: 2}, {1: 1, 2: 1, 3: 0, 4: 0, 5: 0}, {0: 2, 1: 1}),
    ],
)
def test_numbers_follow_most_of_their_clips(
    old: dict[int, int | None], new: dict[int, int], kept: dict[int, int]
) -> None:
    assert matched(old, new) == kept


@given(
    st.dictionaries(st.integers(0, 20), st.none() | st.integers(1, 6)),
    st.dictionaries(st.integers(0, 20), st.integers(-1, 6)),
)
def test_matching_is_one_to_one_and_by_half(old: dict[int, int | None], new: dict[int, int]) -> None:
    kept = matched(old, new)
    assert len(set(kept.values())) == len(kept)
    for label, number in kept.items():
        both = set(old) & set(new)
        one = {clip_id for clip_id in both if old[clip_id] == number}
        other = {clip_id for clip_id in both if new[clip_id] == label}
        assert 2 * len(one & other) >= max(len(one), len(other)) > 0
