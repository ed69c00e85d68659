"""The map: similar clips are near each other, for any order, number of threads and number of clips."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tests.support import RATE
from thresher.signal.features.descriptors import DESCRIPTOR_SIZE, descriptor
from thresher.signal.metrics.likeness import Likenesses, likeness_scores
from thresher.signal.statistics import embedding
from thresher.signal.statistics.embedding import positions
from thresher.signal.statistics.neighbours import distinct, nearest_among, nearest_others

KINDS = np.repeat(np.arange(4), 8)


@pytest.fixture(scope="module")
def descriptors(family: Any) -> list[NDArray[np.float32]]:
    """Eight of each of four families."""
    return [descriptor(family(kind, seed), RATE) for seed, kind in enumerate(KINDS)]


def same_family_nearest(places: NDArray[np.float64]) -> float:
    """The share of clips whose nearest on the map is of their family."""
    apart = np.linalg.norm(places[:, None] - places, axis=-1)
    np.fill_diagonal(apart, np.inf)
    return float((KINDS[apart.argmin(axis=1)] == KINDS).mean())


def test_families_are_together_on_the_map(descriptors: Any) -> None:
    places = positions(descriptors)
    assert places.shape == (32, 2)
    assert same_family_nearest(places) == 1.0


def test_the_map_fills_one_side_and_is_not_distorted(descriptors: Any) -> None:
    places = positions(descriptors)
    assert ((places >= 0) & (places <= 1)).all()
    sides = np.ptp(places, axis=0)
    assert sides.max() == pytest.approx(1.0)
    assert sides.min() > 0
    assert (places.min(axis=0) + places.max(axis=0)) == pytest.approx([1.0, 1.0])
    assert places[:, 0].var() >= places[:, 1].var()


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 12), st.just(2)), elements=st.floats(-50, 50)))
def test_fitting_only_rotates_and_scales(layout: NDArray[np.float64]) -> None:
    fitted = embedding._fitted(layout)
    before = np.linalg.norm(layout[:, None] - layout, axis=-1)
    after = np.linalg.norm(fitted[:, None] - fitted, axis=-1)
    assert ((fitted >= 0) & (fitted <= 1)).all()
    if before.max() > 1e-6:
        assert np.ptp(fitted, axis=0).max() == pytest.approx(1.0)
        assert after / after.max() == pytest.approx(before / before.max(), abs=1e-6)
        assert fitted[:, 0].var() >= fitted[:, 1].var() - 1e-9


def test_order_and_threads_change_nothing(descriptors: Any) -> None:
    places = positions(descriptors)
    order = np.random.default_rng(0).permutation(32)
    with threadpool_limits(2):
        again = positions([descriptors[index] for index in order], threads=2)
    assert (again == places[order]).all()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7, 8, 9, 12])
def test_few_clips_have_a_map(descriptors: Any, count: int) -> None:
    places = positions(descriptors[::2][:count])
    assert places.shape == (count, 2)
    assert np.isfinite(places).all()
    assert len(np.unique(places, axis=0)) == count


def test_a_single_clip_or_equal_clips_are_in_the_middle(descriptors: Any) -> None:
    assert (positions([descriptors[0]] * 9) == 0.5).all()


def test_equal_clips_share_a_point_and_do_not_change_the_map(descriptors: Any) -> None:
    places = positions([*descriptors, descriptors[3], descriptors[3]])
    assert (places[-2:] == places[3]).all()
    assert (places[:32] == positions(descriptors)).all()


def test_clips_other_than_landmarks_are_near_their_family(
    descriptors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "LANDMARKS", 20)
    assert same_family_nearest(positions(descriptors)) > 0.9


def test_a_first_layout_by_landmarks_is_near_that_of_all(
    descriptors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Likenesses.pack([descriptors[index] for index in distinct(descriptors)[0]])
    whole = embedding.scaled(kept)
    monkeypatch.setattr(embedding, "SCALED", 16)
    part = embedding.scaled(kept)
    assert abs(np.corrcoef(whole[:, 0], part[:, 0])[0, 1]) > 0.8


def test_the_first_layout_is_classical_scaling(descriptors: Any) -> None:
    """Three clips lie in a plane exactly."""
    kept = Likenesses.pack([descriptors[index] for index in (0, 10, 20)])
    apart = 1 - likeness_scores(kept, kept).astype(float)
    layout = embedding.scaled(kept)
    assert np.linalg.norm(layout[:, None] - layout, axis=-1) == pytest.approx(apart, abs=1e-6)


def test_neighbours_are_those_of_the_whole_matrix(descriptors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thresher.signal.statistics.neighbours.ROWS", 5)
    kept = Likenesses.pack(descriptors)
    scores = likeness_scores(kept, kept).astype(float)
    np.fill_diagonal(scores, -1)
    seen = []
    found = nearest_others(kept, 3, watch=lambda *done: seen.append(done))
    assert found.distances == pytest.approx(1 - np.sort(scores, axis=1)[:, :-4:-1], abs=1e-6)
    assert (np.take_along_axis(scores, found.indices, axis=1)[:, 0] == scores.max(axis=1)).all()
    assert seen[0] == (0, 32)
    assert seen[-1] == (32, 32)
    assert nearest_others(kept, 99).indices.shape == (32, 31)
    assert (nearest_among(kept, kept, 1).indices[:, 0] == np.arange(32)).all()


def test_other_arrays_than_descriptors_are_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        positions([np.full(DESCRIPTOR_SIZE, np.nan, np.float32), np.zeros(DESCRIPTOR_SIZE, np.float32)])
