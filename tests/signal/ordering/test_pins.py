"""Clips at places of their own: what is asked for is had where it can be, and nothing is ever lost."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.signal.ordering.pins import displaced, place


@pytest.mark.parametrize(
    ("places", "together", "expected"),
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
        ({1: 1, 2: 3}, [(3, 4)], [5, 1, 3, 2, 4]),  # nowhere two places side by side
        ({1: 1}, [(2, 3)], [4, 1, 2, 3, 5]),  # too long for the first gap
        ({9: 1}, [(9, 2)], [1, 2, 3, 4, 5]),  # not there at all
    ],
)
def test_table(places: dict[int, int], together: list[tuple[int, int]], expected: list[int]) -> None:
    assert list(place([1, 2, 3, 4, 5], places, together)) == expected


def test_a_group_goes_first_to_the_only_gap_that_holds_it() -> None:
    assert place([1, 2, 3, 4], {3: 2}, [(4, 1)]) == (4, 1, 3, 2)
    assert place([1, 4, 3, 2], {3: 2}, [(2, 1)]) == (2, 1, 3, 4)


@given(st.permutations(range(6)), st.data())
def test_what_can_be_had_is_had(clips: list[int], data: st.DataObject) -> None:
    places = data.draw(st.dictionaries(st.integers(0, 5), st.integers(0, 5), max_size=2))
    pair = st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda drawn: drawn[0] != drawn[1])
    first = data.draw(pair)
    second = data.draw(pair.filter(lambda drawn: not {*drawn} & {*first}))
    ways = (displaced(order, places, [first, second]) for order in itertools.permutations(clips))
    if ([], []) in ways:
        assert displaced(place(clips, places, [first, second]), places, [first, second]) == ([], [])


@pytest.mark.parametrize(
    ("places", "together", "off_place", "apart"),
    [
        ({1: 7}, [], (1,), ()),
        ({1: 2, 3: 2}, [], (3,), ()),
        ({1: 4}, [(1, 2)], (1,), ()),  # the second would lie beyond the end
        ({1: 0, 2: 3}, [(1, 2)], (2,), ()),  # a group is where its first pinned one is
        ({1: 1, 2: 3}, [(3, 4)], (), ((3, 4),)),
    ],
)
def test_what_can_not_be_had_is_told(
    places: dict[int, int],
    together: list[tuple[int, int]],
    off_place: tuple[int, ...],
    apart: tuple[tuple[int, int], ...],
) -> None:
    order = place([1, 2, 3, 4, 5], places, together)
    assert displaced(order, places, together) == ([*off_place], [*apart])
    assert sorted(order) == [1, 2, 3, 4, 5]


@st.composite
def pinned(draw: st.DrawFn) -> tuple[list[int], dict[int, int]]:
    """Clips in some order, and places for some of them, all to be had."""
    clips = draw(st.permutations(range(draw(st.integers(1, 12)))))
    some = draw(st.lists(st.sampled_from(clips), unique=True))
    at = draw(st.lists(st.integers(0, len(clips) - 1), unique=True, min_size=len(some), max_size=len(clips)))
    return clips, dict(zip(some, at, strict=False))


@given(pinned())
def test_pins_that_can_be_had_are_had_and_the_others_keep_their_order(
    drawn: tuple[list[int], dict[int, int]],
) -> None:
    clips, places = drawn
    order = place(clips, places)
    assert {clip: order.index(clip) for clip in places} == places
    assert [clip for clip in order if clip not in places] == [c for c in clips if c not in places]
    assert displaced(order, places) == ([], [])


@given(
    st.lists(st.integers(0, 9), unique=True),
    st.dictionaries(st.integers(0, 12), st.integers(0, 15)),
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=1).filter(
        lambda pairs: all(a != b for a, b in pairs)
    ),
)
def test_whatever_is_asked_no_clip_is_lost(
    clips: list[int], places: dict[int, int], together: list[tuple[int, int]]
) -> None:
    order = place(clips, places, together)
    assert sorted(order) == sorted(clips)
    off_place, apart = displaced(order, places, together)
    for clip in set(places) & set(clips) - set(off_place):
        assert order.index(clip) == places[clip]
    for one, other in set(together) - set(apart):
        assert not {one, other} <= set(clips) or order.index(other) == order.index(one) + 1
