"""Pinned clips: possible pins are applied, others are returned, and every clip is kept."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.signal.ordering.pins import apply_pins, displaced


@pytest.mark.parametrize(
    ("positions", "together", "expected"),
    [
        ({}, [], [1, 2, 3, 4, 5]),
        ({5: 0}, [], [5, 1, 2, 3, 4]),
        ({1: 4}, [], [2, 3, 4, 5, 1]),
        ({1: 2}, [], [2, 3, 1, 4, 5]),
        ({1: 2, 5: 0}, [], [5, 2, 1, 3, 4]),
        ({}, [(1, 4)], [1, 4, 2, 3, 5]),
        ({}, [(4, 1)], [2, 3, 4, 1, 5]),
        ({}, [(5, 3), (3, 1)], [2, 4, 5, 3, 1]),
        ({3: 0}, [(3, 1)], [3, 1, 2, 4, 5]),
        ({1: 3}, [(3, 1)], [2, 4, 3, 1, 5]),  # the pinned one is the second of its group
        ({1: 1, 2: 3}, [(3, 4)], [5, 1, 3, 2, 4]),  # no two free positions next to each other
        ({1: 1}, [(2, 3)], [4, 1, 2, 3, 5]),  # too long for the first gap
        ({9: 1}, [(9, 2)], [1, 2, 3, 4, 5]),  # not in the sequence
    ],
)
def test_pins_and_groups_take_their_positions(
    positions: dict[int, int], together: list[tuple[int, int]], expected: list[int]
) -> None:
    assert list(apply_pins([1, 2, 3, 4, 5], positions, together)) == expected


def test_a_group_takes_the_only_gap_that_holds_it() -> None:
    assert apply_pins([1, 2, 3, 4], {3: 2}, [(4, 1)]) == (4, 1, 3, 2)
    assert apply_pins([1, 4, 3, 2], {3: 2}, [(2, 1)]) == (2, 1, 3, 4)


@given(st.permutations(range(6)), st.data())
def test_every_possible_set_of_pins_is_applied(clips: list[int], data: st.DataObject) -> None:
    positions = data.draw(st.dictionaries(st.integers(0, 5), st.integers(0, 5), max_size=2))
    pair = st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda drawn: drawn[0] != drawn[1])
    first = data.draw(pair)
    second = data.draw(pair.filter(lambda drawn: not {*drawn} & {*first}))
    ways = (displaced(order, positions, [first, second]) for order in itertools.permutations(clips))
    if ([], []) in ways:
        assert displaced(apply_pins(clips, positions, [first, second]), positions, [first, second]) == (
            [],
            [],
        )


@pytest.mark.parametrize(
    ("positions", "together", "misplaced", "apart"),
    [
        ({1: 7}, [], (1,), ()),
        ({1: 2, 3: 2}, [], (3,), ()),
        ({1: 4}, [(1, 2)], (1,), ()),  # the second would be beyond the end
        ({1: 0, 2: 3}, [(1, 2)], (2,), ()),  # the first pinned clip decides the position of its group
        ({1: 1, 2: 3}, [(3, 4)], (), ((3, 4),)),
    ],
)
def test_displaced_clips_and_separated_pairs_are_returned(
    positions: dict[int, int],
    together: list[tuple[int, int]],
    misplaced: tuple[int, ...],
    apart: tuple[tuple[int, int], ...],
) -> None:
    order = apply_pins([1, 2, 3, 4, 5], positions, together)
    assert displaced(order, positions, together) == ([*misplaced], [*apart])
    assert sorted(order) == [1, 2, 3, 4, 5]


@st.composite
def pinned(draw: st.DrawFn) -> tuple[list[int], dict[int, int]]:
    """Clips in some order, and possible positions for some of them."""
    clips = draw(st.permutations(range(draw(st.integers(1, 12)))))
    some = draw(st.lists(st.sampled_from(clips), unique=True))
    at = draw(st.lists(st.integers(0, len(clips) - 1), unique=True, min_size=len(some), max_size=len(clips)))
    return clips, dict(zip(some, at, strict=False))


@given(pinned())
def test_possible_pins_are_applied_and_the_other_clips_keep_their_order(
    drawn: tuple[list[int], dict[int, int]],
) -> None:
    clips, positions = drawn
    order = apply_pins(clips, positions)
    assert {clip: order.index(clip) for clip in positions} == positions
    assert [clip for clip in order if clip not in positions] == [c for c in clips if c not in positions]
    assert displaced(order, positions) == ([], [])


@given(
    st.lists(st.integers(0, 9), unique=True),
    st.dictionaries(st.integers(0, 12), st.integers(0, 15)),
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=1).filter(
        lambda pairs: all(a != b for a, b in pairs)
    ),
)
def test_any_pins_keep_every_clip(
    clips: list[int], positions: dict[int, int], together: list[tuple[int, int]]
) -> None:
    order = apply_pins(clips, positions, together)
    assert sorted(order) == sorted(clips)
    misplaced, apart = displaced(order, positions, together)
    for clip in set(positions) & set(clips) - set(misplaced):
        assert order.index(clip) == positions[clip]
    for one, other in set(together) - set(apart):
        assert not {one, other} <= set(clips) or order.index(other) == order.index(one) + 1
