"""Bootstrap intervals: identities, known cases, and how often they contain the true value."""

from __future__ import annotations

import numpy as np
import pytest

from thresher.signal.statistics import bootstrap
from thresher.signal.statistics.bootstrap import Interval, mean_difference, pair_mean, pair_mean_difference


def normal(seed: int, count: int, mean: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 1.0, count)


def similar_scores(seed: int, count: int, level: float) -> np.ndarray:
    """A symmetric matrix of scores about `level`, each clip with a leaning of its own; ones on the diagonal."""
    own = np.random.default_rng(seed).normal(0.0, 0.02, count)
    matrix = level + own[:, None] + own
    np.fill_diagonal(matrix, 1.0)
    return matrix


def test_the_same_values_give_the_same_interval() -> None:
    assert mean_difference(normal(1, 8), normal(2, 9)) == mean_difference(normal(1, 8), normal(2, 9))
    first, second = similar_scores(1, 8, 0.5), similar_scores(2, 8, 0.6)
    assert pair_mean_difference(first, second) == pair_mean_difference(first, second)


def test_exchanging_the_sides_changes_the_sign() -> None:
    there = pair_mean_difference(similar_scores(1, 30, 0.5), similar_scores(2, 30, 0.9))
    back = pair_mean_difference(similar_scores(2, 30, 0.9), similar_scores(1, 30, 0.5))
    assert there is not None
    assert back is not None
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=0.003)


@pytest.mark.parametrize("counts", [(0, 9), (5, 9), (9, 5)])
def test_too_few_clips_have_no_interval(counts: tuple[int, int]) -> None:
    assert mean_difference(normal(1, counts[0]), normal(2, counts[1])) is None
    assert pair_mean_difference(similar_scores(1, counts[0], 0.5), similar_scores(2, counts[1], 0.5)) is None


def test_equal_values_have_an_interval_of_one_point() -> None:
    assert mean_difference(np.full(6, 0.25), np.full(7, 0.75)) == Interval(0.5, 0.5)
    assert mean_difference(np.zeros(6), np.zeros(6)) == Interval(0.0, 0.0)
    one_sided = mean_difference(np.zeros(9), normal(1, 9, 5.0))
    assert one_sided is not None
    assert 3.0 < one_sided.low < normal(1, 9, 5.0).mean() < one_sided.high < 7.0


def test_an_interval_contains_zero_unless_the_difference_is_clear() -> None:
    clear = mean_difference(normal(1, 12), normal(2, 12, 3.0))
    assert clear is not None
    assert not clear.holds_zero
    assert clear.low < 3.0 < clear.high
    pairs = pair_mean_difference(similar_scores(1, 12, 0.5), similar_scores(2, 12, 0.8))
    assert pairs is not None
    assert not pairs.holds_zero
    assert pairs.low < 0.3 < pairs.high


def test_about_one_in_twenty_equal_distributions_is_called_different() -> None:
    """With 15 clips a side bootstrap intervals are a little too narrow: 5 to 9 of 100."""
    found = [mean_difference(normal(2 * seed, 15), normal(2 * seed + 1, 15)) for seed in range(200)]
    wrong = sum(not interval.holds_zero for interval in found if interval)
    assert 2 <= wrong <= 24


def test_intervals_of_pairs_are_right_about_as_often() -> None:
    found = [
        pair_mean_difference(similar_scores(2 * seed, 15, 0.7), similar_scores(2 * seed + 1, 15, 0.7))
        for seed in range(100)
    ]
    wrong = sum(not interval.holds_zero for interval in found if interval)
    assert wrong <= 14


def test_pairs_of_a_draw_are_those_of_different_clips() -> None:
    """Against loops over the same draws: a clip drawn twice is not a pair with itself."""
    scores = similar_scores(3, 5, 0.5)
    found = bootstrap._pair_means(scores, np.random.default_rng(1))
    generator = np.random.default_rng(1)
    weights = generator.multinomial(5, np.full(5, 0.2), size=bootstrap.BLOCK)
    for mean, drawn in zip(found[:20], weights, strict=False):
        clips = np.repeat(np.arange(5), drawn)
        pairs = [scores[one, other] for one in clips for other in clips if one != other]
        assert mean == pytest.approx(np.mean(pairs))


def test_the_mean_of_pairs() -> None:
    scores = np.array([[9.0, 0.2, 0.4], [0.2, 9.0, 0.6], [0.4, 0.6, 9.0]])
    assert pair_mean(scores) == pytest.approx(0.4)
    assert pair_mean(scores[:1, :1]) is None
    assert pair_mean(scores[:0, :0]) is None


def test_pairs_without_a_value_do_not_count() -> None:
    scores = np.array([[9.0, 0.2, np.nan], [0.2, 9.0, 0.6], [np.nan, 0.6, 9.0]])
    assert pair_mean(scores) == pytest.approx(0.4)
    assert pair_mean(np.full((2, 2), np.nan)) is None
    gaps = similar_scores(3, 8, 0.5)
    gaps[0, 1] = gaps[1, 0] = np.nan
    drawn = bootstrap._pair_means(gaps, np.random.default_rng(1))
    weights = np.random.default_rng(1).multinomial(8, np.full(8, 0.125), size=bootstrap.BLOCK)
    for mean, count in zip(drawn[:20], weights, strict=False):
        clips = np.repeat(np.arange(8), count)
        pairs = [gaps[one, other] for one in clips for other in clips if one != other]
        assert mean == pytest.approx(np.nanmean(pairs))
