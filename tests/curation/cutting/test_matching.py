"""Parts of two splits are matched: equal spans first, then those that overlap most."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from thresher.curation.cutting.matching import LEAST_OVERLAP, Match, match, overlap
from thresher.signal.features.trim import Span


def spans(*bounds: tuple[int, int]) -> list[Span]:
    return [Span(start, end) for start, end in bounds]


def test_equal_spans_are_the_same() -> None:
    former = spans((0, 10), (20, 30), (40, 50))
    assert match(former, former) == Match({0: 0, 1: 1, 2: 2}, {})
    assert match(spans((20, 30), (60, 70)), former) == Match({0: 1}, {})


def test_a_span_that_grew_or_shrank_by_less_than_half_is_similar() -> None:
    former = spans((0, 10), (20, 30))
    assert match(spans((0, 16), (22, 27)), former) == Match({}, {0: 0, 1: 1})
    assert match(spans((0, 21), (26, 30)), former) == Match({}, {})


def test_the_best_overlap_wins_and_no_part_is_matched_twice() -> None:
    assert match(spans((0, 100)), spans((0, 55), (40, 100))) == Match({}, {0: 1})
    assert match(spans((0, 52), (52, 100)), spans((0, 100))) == Match({}, {0: 0})


def test_equal_spans_are_not_given_away_to_similar_ones() -> None:
    assert match(spans((0, 10), (12, 20)), spans((0, 9), (0, 10))) == Match({0: 1}, {})


bounds = st.lists(st.integers(0, 60), unique=True, max_size=12).map(sorted)


@given(new=bounds, former=bounds)
def test_any_match_is_one_to_one_and_overlaps(new: list[int], former: list[int]) -> None:
    wanted = spans(*zip(new[::2], new[1::2], strict=False))
    known = spans(*zip(former[::2], former[1::2], strict=False))
    found = match(wanted, known)
    pairs = {**found.same, **found.similar}
    assert len(set(pairs.values())) == len(pairs) == len(found.same) + len(found.similar)
    assert all(wanted[index] == known[other] for index, other in found.same.items())
    assert all(overlap(wanted[i], known[j]) >= LEAST_OVERLAP for i, j in found.similar.items())
    free = [i for i in range(len(wanted)) if i not in pairs]
    left = [j for j in range(len(known)) if j not in pairs.values()]
    assert all(overlap(wanted[i], known[j]) < LEAST_OVERLAP for i in free for j in left)
