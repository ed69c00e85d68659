"""Edits of songs: the effect of each on earlier edits, and edits that contradict each other."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.catalog.edits import LAST, Edits
from thresher.errors import UsageError

SOME = Edits(added=(7,), dropped=(9,), pins=((1, 1), (2, 3), (3, LAST)), together=((4, 5), (5, 6)))


@pytest.mark.parametrize("edits", [Edits(), SOME])
def test_edits_are_restored_from_what_is_stored(edits: Edits) -> None:
    assert Edits.from_plain(json.loads(json.dumps(edits.plain()))) == edits


def test_a_song_without_edits_stores_none() -> None:
    assert Edits().plain() == {}
    assert Edits().sentences() == []


@pytest.mark.parametrize(
    ("method", "arguments", "field", "expected"),
    [
        ("add", (8,), "added", (7, 8)),
        ("add", (7,), "added", (7,)),
        ("add", (9,), "dropped", ()),
        ("drop", (8,), "dropped", (9, 8)),
        ("drop", (7,), "added", ()),
        ("drop", (2,), "pins", ((1, 1), (3, LAST))),
        ("drop", (5,), "together", ()),
        ("pin", (8, 2), "pins", ((1, 1), (8, 2), (2, 3), (3, LAST))),
        ("pin", (2, 4), "pins", ((1, 1), (2, 4), (3, LAST))),
        ("keep_together", (1, 2), "together", ((4, 5), (5, 6), (1, 2))),
        ("release", (2,), "pins", ((1, 1), (3, LAST))),
        ("release", (9,), "dropped", ()),
        ("release", (5,), "together", ()),
        ("swap", (1, 1, 2, 3), "pins", ((2, 1), (1, 3), (3, LAST))),
        ("swap", (1, 1, 8, 5), "pins", ((8, 1), (2, 3), (1, 5), (3, LAST))),
        ("swap", (3, LAST, 8, 5), "pins", ((1, 1), (2, 3), (3, 5), (8, LAST))),
        ("swap", (5, 4, 8, 6), "together", ((4, 8), (8, 6))),
    ],
)
def test_an_edit_changes_or_removes_earlier_ones(
    method: str, arguments: tuple[int, ...], field: str, expected: Any
) -> None:
    assert getattr(getattr(SOME, method)(*arguments), field) == expected


@pytest.mark.parametrize(
    ("method", "arguments"),
    [("add", (7,)), ("drop", (9,)), ("pin", (2, 3)), ("keep_together", (4, 5)), ("release", (8,))],
)
def test_an_edit_that_was_made_already_changes_nothing_not_even_their_order(
    method: str, arguments: tuple[int, ...]
) -> None:
    before = replace(SOME, added=(7, 11), dropped=(9, 10))
    assert getattr(before, method)(*arguments) == before


@pytest.mark.parametrize(
    ("method", "arguments", "message"),
    [
        ("pin", (8, 3), "clip 2 is pinned to position 3; --release 2 first"),
        ("pin", (8, LAST), "clip 3 is pinned to the end"),
        ("pin", (8, 0), "0 is not a position"),
        ("pin", (9, 7), "clip 9 was dropped from the song; --add 9 first"),
        ("keep_together", (9, 1), "clip 9 was dropped"),
        ("keep_together", (4, 1), "clip 5 stays right after clip 4 already; --release 5 first"),
        ("keep_together", (1, 6), "clip 6 stays right after clip 5 already; --release 5 first"),
        ("keep_together", (6, 4), "clip 6 stays after clip 4 already"),
    ],
)
def test_an_edit_that_contradicts_another_is_refused(
    method: str, arguments: tuple[int, ...], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        getattr(SOME, method)(*arguments)


def test_sentences_name_every_edit() -> None:
    assert SOME.sentences() == [
        "clip 1 is at position 1",
        "clip 2 is at position 3",
        "clip 3 is last",
        "clip 5 stays right after clip 4",
        "clip 6 stays right after clip 5",
        "added 7",
        "dropped 9",
    ]


@given(st.permutations(range(8)), st.integers(0, 7), st.integers(0, 7))
def test_swapping_two_clips_twice_restores_their_positions(order: list[int], one: int, other: int) -> None:
    """The positions that the first swap pinned are exchanged."""
    if one == other:
        return
    first, second = order[one], order[other]
    once = Edits().swap(first, one + 1, second, other + 1)
    assert once.positions == {first: other + 1, second: one + 1}
    assert once.swap(first, other + 1, second, one + 1).positions == {first: one + 1, second: other + 1}
