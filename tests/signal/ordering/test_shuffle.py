"""`shuffle`: a permutation that never changes and does not depend on other clips."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from thresher.signal.ordering.shuffle import shuffle

ids_strategy = st.lists(st.integers(0, 2**62), unique=True, max_size=20)
SHUFFLED_BY_7 = [2, 5, 11, 10, 4, 1, 6, 9, 3, 8, 12, 7]
SHUFFLED_BY_8 = [9, 8, 6, 10, 2, 4, 1, 3, 7, 5, 12, 11]


def test_shuffles_never_change() -> None:
    ids = np.arange(1, 13)
    assert ids[shuffle(ids, 7)].tolist() == SHUFFLED_BY_7
    assert ids[shuffle(ids, 8)].tolist() == SHUFFLED_BY_8


@given(ids=ids_strategy, seed=st.integers(-5, 10**18), data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_shuffle_contains_every_clip_and_other_clips_do_not_affect_the_order(
    ids: list[int], seed: int, data: st.DataObject
) -> None:
    everything = [ids[position] for position in shuffle(ids, seed)]
    assert sorted(everything) == sorted(ids)
    some = data.draw(st.permutations(ids)) if ids else []
    some = some[: len(some) // 2]
    assert [some[position] for position in shuffle(some, seed)] == [id for id in everything if id in some]
