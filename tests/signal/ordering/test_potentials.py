"""Potentials: sums of paths keep their order, and the best spanning tree gets closer to a path."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.csgraph import minimum_spanning_tree

from thresher.signal.ordering.chain import _level
from thresher.signal.ordering.potentials import best_tree, potentials


def scores(count: int, seed: int) -> np.ndarray:
    """Scores of points with hubs, float32, symmetric: e to the minus distance."""
    points = np.random.default_rng(seed).standard_normal((count, 8))
    squares = ((points[:, None] - points) ** 2).sum(axis=2)
    similar: np.ndarray = np.exp(-np.sqrt(squares)).astype(np.float32)
    return similar


@given(st.integers(2, 30), st.integers(0, 99))
def test_the_tree_equals_that_of_scipy(count: int, seed: int) -> None:
    found, taken = scores(count, seed), np.random.default_rng(seed).normal(size=count)
    branches, total = best_tree(found, taken)
    levelled = found.astype(np.float64) - taken - taken[:, None]
    least = minimum_spanning_tree(levelled.max() + 1 - levelled)  # scipy treats a weight of 0 as no edge
    assert total == pytest.approx((count - 1) * (levelled.max() + 1) - least.sum())
    np.testing.assert_array_equal(branches, np.bincount(np.concatenate(least.nonzero()), minlength=count))


@given(st.integers(1, 40), st.integers(0, 99))
def test_potentials_lower_the_sums_of_all_paths_equally(count: int, seed: int) -> None:
    transitions = np.zeros((count + 1, count + 1), np.float32)
    transitions[:-1, :-1] = scores(count, seed)
    np.fill_diagonal(transitions, 0)
    levelled = transitions.copy()
    _level(levelled)
    np.testing.assert_array_equal(levelled, levelled.T)
    generator = np.random.default_rng(seed)
    lost = []
    for _ in range(5):
        tour = np.append(generator.permutation(count), count)
        pairs = tour, np.roll(tour, -1)
        lost.append((transitions[pairs].astype(np.float64) - levelled[pairs]).sum())
    np.testing.assert_allclose(lost, lost[0], atol=1e-5)


@pytest.mark.parametrize("count", [50, 300])
def test_potentials_bring_the_tree_closer_to_a_path(count: int) -> None:
    found = scores(count, 1)
    before, high = best_tree(found, np.zeros(count))
    taken = potentials(found)
    after, low = best_tree(found, taken)
    assert low + 2 * taken.sum() < 0.95 * high
    assert (before == 2).mean() < 0.6
    assert (after == 2).mean() > 0.75


def test_equal_transitions_have_equal_potentials_or_none() -> None:
    assert potentials(np.zeros((0, 0), np.float32)).shape == (0,)
    assert potentials(np.zeros((1, 1), np.float32)).tolist() == [0.0]
    assert np.isfinite(potentials(np.full((9, 9), 0.5, np.float32))).all()
