"""Farthest-first choice: which items are chosen, in which order, and the distances of the others."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from thresher.signal.statistics.farthest_first import SLACK, Cover, cover

Matrix = NDArray[np.float64]


def distances(points: Matrix) -> Matrix:
    return np.asarray(np.linalg.norm(points[:, None] - points[None], axis=2))


def covered(
    matrix: Matrix,
    seconds: list[float],
    time: float,
    *,
    groups: list[int] | None = None,
    distances: Matrix | None = None,
    **options: Any,
) -> Cover:
    count = len(matrix)
    start = np.where(np.isnan(np.diag(matrix)), np.nan, np.inf) if distances is None else distances
    return cover(
        lambda item: matrix[item],
        start,
        np.array([-1] * count if groups is None else groups, np.int64),
        np.array(seconds, np.float64),
        time,
        **options,
    )


def items(found: Cover) -> list[int]:
    return [choice.item for choice in found.choices]


def line(*places: float) -> Matrix:
    return distances(np.array(places, np.float64)[:, None])


def test_the_farthest_item_is_next_and_of_equals_the_smallest_number() -> None:
    found = covered(line(0, 1, 10, 4), [1] * 4, 4)
    assert items(found) == [0, 2, 3, 1]
    assert [choice.distance for choice in found.choices] == [math.inf, 10, 4, 1]
    assert found.radius == 0
    assert items(covered(line(0, 5, 5, 2), [1] * 4, 2)) == [0, 1]


def test_no_items_give_an_empty_cover() -> None:
    found = covered(np.empty((0, 0)), [], 60)
    assert (found.choices, found.radius) == ((), 0)


def test_items_covered_before_count() -> None:
    matrix = line(0, 1, 10)
    found = covered(matrix, [1] * 3, 1, distances=np.array([9.0, 10.0, 0.5]))
    assert items(found) == [1]
    assert found.distances.tolist() == [1, 0, 0.5]
    assert found.radius == 1


def test_every_group_gets_an_item_before_any_gets_a_second() -> None:
    matrix = line(0, 100, 50, 1, 2)
    assert items(covered(matrix, [1] * 5, 5, groups=[0, 0, 0, 1, 2])) == [0, 4, 3, 1, 2]
    # of a group of equal urgency, the farthest item
    assert items(covered(matrix, [1] * 5, 2, groups=[1, 0, 0, 0, 0])) == [0, 1]


def test_familiar_groups_follow_new_ones() -> None:
    matrix = line(0, 100, 50, 1)
    assert items(covered(matrix, [1] * 4, 4, groups=[0, 0, 1, 2], familiar={0, 1})) == [3, 1, 2, 0]


def test_items_that_do_not_fit_are_skipped() -> None:
    assert items(covered(line(0, 10, 5), [1, 9, 1], 3)) == [0, 2]
    assert items(covered(line(0, 10, 5), [1, 9, 1], 10)) == [0, 1]


def test_if_no_item_fits_the_shortest_is_chosen() -> None:
    assert items(covered(line(0, 10, 5), [8, 9, 7], 3)) == [2]


def test_items_longer_than_the_limit_wait() -> None:
    matrix = line(0, 1, 10, 4)
    assert items(covered(matrix, [9, 1, 1, 1], 100, longest=5)) == [1, 2, 3, 0]
    # yet the only one of its group comes before a second of another
    assert items(covered(matrix, [9, 1, 1, 1], 100, groups=[1, 0, 0, 0], longest=5)) == [1, 0, 2, 3]


def test_unknown_distances_come_before_copies_and_are_spread_over_groups() -> None:
    matrix = line(0, 10, 0, 3, 3, 3)
    matrix[3:, :] = matrix[:, 3:] = np.nan
    found = covered(matrix, [1] * 6, 6)
    assert items(found) == [0, 1, 3, 4, 5, 2]
    assert math.isnan(found.choices[2].distance)
    assert found.distances.tolist() == [0] * 6
    spread = covered(np.full((5, 5), np.nan), [1] * 5, 5, groups=[7, 7, 7, 8, 8])
    assert items(spread) == [0, 3, 1, 4, 2]
    assert covered(matrix, [1] * 6, 2).radius == 0


def test_one_unknown_distance_does_not_hide_the_known_ones() -> None:
    matrix = line(0, 10, 2)
    matrix[0, 2] = matrix[2, 0] = np.nan
    found = covered(matrix, [1] * 3, 3)
    assert [(choice.item, choice.distance) for choice in found.choices] == [
        (0, math.inf),
        (2, math.inf),
        (1, 8),
    ]


def test_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(3,\), \(2,\)"):
        cover(lambda _item: np.zeros(3), np.zeros(3), np.zeros(2, np.int64), np.ones(3), 1)


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    count = draw(st.integers(1, 12))
    coordinate = st.integers(0, 8).map(float)
    points = np.array(draw(st.lists(st.tuples(coordinate, coordinate), min_size=count, max_size=count)))
    matrix = distances(points)
    for item in draw(st.sets(st.integers(0, count - 1), max_size=3)):
        matrix[item, :] = matrix[:, item] = np.nan
    return {
        "matrix": matrix,
        "seconds": draw(st.lists(st.floats(0.1, 9), min_size=count, max_size=count)),
        "time": draw(st.floats(0.5, 60)),
        "groups": draw(st.lists(st.integers(-1, 4), min_size=count, max_size=count)),
        "familiar": draw(st.sets(st.integers(0, 4))),
        "longest": draw(st.one_of(st.just(math.inf), st.floats(1, 9))),
    }


@given(problems())
def test_the_chosen_items_fit_and_no_other_does(problem: dict[str, Any]) -> None:
    found = covered(**problem)
    seconds, taken = problem["seconds"], items(found)
    length = sum(seconds[item] for item in taken)
    assert len(set(taken)) == len(taken)
    assert length <= problem["time"] + len(taken) * SLACK or taken == [int(np.argmin(seconds))]
    rest = set(range(len(seconds))) - set(taken)
    assert all(seconds[item] > problem["time"] - length - SLACK for item in rest)


@given(problems())
def test_every_group_is_chosen_while_time_is_left(problem: dict[str, Any]) -> None:
    found = covered(**problem)
    groups, seconds = problem["groups"], problem["seconds"]
    wanted = {group for group in groups if group >= 0}
    first = [groups[item] for item in items(found)][: len(wanted)]
    dearest = sum(max(s for s, g in zip(seconds, groups, strict=True) if g == group) for group in wanted)
    if dearest <= problem["time"]:
        assert set(first) == wanted
        new = [group not in problem["familiar"] for group in first]
        assert new == sorted(new, reverse=True)


@given(problems())
def test_distances_are_the_distances_from_the_nearest_covered_item(problem: dict[str, Any]) -> None:
    found, matrix = covered(**problem), problem["matrix"]
    taken = items(found)
    for place, choice in enumerate(found.choices):
        before = [matrix[choice.item, other] for other in taken[:place]]
        known = [distance for distance in before if not math.isnan(distance)]
        if math.isnan(matrix[choice.item, choice.item]):
            assert math.isnan(choice.distance)
        else:
            assert choice.distance == min(known, default=math.inf)


@given(problems(), st.integers(1, 6))
def test_choosing_again_after_some_were_heard_gives_the_rest(problem: dict[str, Any], heard: int) -> None:
    matrix = problem["matrix"]
    known = np.flatnonzero(~np.isnan(np.diag(matrix)))
    problem["matrix"] = matrix = matrix[np.ix_(known, known)]
    problem["seconds"] = [problem["seconds"][item] for item in known]
    problem["groups"] = [problem["groups"][item] for item in known]
    whole = items(covered(**problem))
    if sum(problem["seconds"][item] for item in whole) > problem["time"]:
        return  # one clip that is too long
    first, rest = whole[:heard], [item for item in range(len(known)) if item not in whole[:heard]]
    represented = {problem["groups"][item] for item in first}
    time = problem["time"]
    for item in first:
        time -= problem["seconds"][item]
    again = covered(
        matrix[np.ix_(rest, rest)],
        [problem["seconds"][item] for item in rest],
        time,
        groups=[-1 if problem["groups"][item] in represented else problem["groups"][item] for item in rest],
        distances=matrix[np.ix_(first, rest)].min(axis=0) if first else None,
        familiar=problem["familiar"],
        longest=problem["longest"],
    )
    if whole[heard:]:
        assert [rest[item] for item in items(again)] == whole[heard:]


@given(problems(), st.integers(1, 5), st.integers(0, 2))
def test_the_radius_is_at_most_twice_the_best(problem: dict[str, Any], most: int, already: int) -> None:
    """Every choice of as many, tried; some items covered beforehand."""
    matrix = problem["matrix"]
    known = np.flatnonzero(~np.isnan(np.diag(matrix)))
    matrix = matrix[np.ix_(known, known)]
    if len(matrix) <= already:
        return
    fixed = matrix[:already].min(axis=0, initial=math.inf)
    found = covered(matrix, [1.0] * len(matrix), float(most), distances=fixed)
    best = min(
        np.minimum(matrix[list(chosen)].min(axis=0), fixed).max()
        for chosen in combinations(range(len(matrix)), min(most, len(matrix)))
    )
    assert found.radius <= 2 * best + 1e-9
