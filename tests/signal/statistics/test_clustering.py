"""Clusters of known families, for any order and number of threads; the same as from the whole distance matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tests.support import RATE
from thresher.signal.features.descriptors import descriptor
from thresher.signal.metrics.likeness import Likenesses, likeness_scores
from thresher.signal.statistics import clustering
from thresher.signal.statistics.clustering import find_clusters, find_medoid, mean_likeness
from thresher.signal.statistics.neighbours import nearest_among, nearest_others

KINDS = np.array([0] * 9 + [1] * 8 + [2] * 7 + [3] * 6)


@pytest.fixture(scope="module")
def descriptors(family: Any) -> list[NDArray[np.float32]]:
    """Nine, eight, seven and six of four families."""
    return [descriptor(family(kind, seed), RATE) for seed, kind in enumerate(KINDS)]


def test_each_family_is_a_cluster_the_largest_first(descriptors: Any) -> None:
    found = find_clusters(descriptors, 5)
    assert found.labels.tolist() == KINDS.tolist()
    assert found.count == 4
    assert ((found.probabilities > 0) & (found.probabilities <= 1)).all()


def test_an_unrelated_clip_is_in_no_cluster(descriptors: Any, sound: Any) -> None:
    found = find_clusters([*descriptors, descriptor(sound(1)[:, 0], RATE)], 5)
    assert found.labels.tolist() == [*KINDS.tolist(), -1]
    assert found.probabilities[-1] == 0


def test_a_family_smaller_than_a_cluster_is_none(descriptors: Any) -> None:
    found = find_clusters(descriptors, 7)
    assert found.labels[KINDS < 3].tolist() == KINDS[KINDS < 3].tolist()
    assert (found.labels[KINDS == 3] == -1).all()


def test_order_and_threads_change_nothing(descriptors: Any) -> None:
    found = find_clusters(descriptors, 3)
    order = np.random.default_rng(0).permutation(len(KINDS))
    with threadpool_limits(2):
        again = find_clusters([descriptors[index] for index in order], 3, threads=2)
    together = {(a, b) for a, b in zip(found.labels[order].tolist(), again.labels.tolist(), strict=True)}
    assert len(together) == len(set(found.labels.tolist()))
    assert (found.probabilities[order] == again.probabilities).all()


@pytest.mark.parametrize("near", [2, 6])
def test_near_distances_are_enough(descriptors: Any, monkeypatch: pytest.MonkeyPatch, near: int) -> None:
    """Few neighbours and hubs make the clusters that scikit-learn makes of the whole matrix."""
    from sklearn.cluster import HDBSCAN

    kept = Likenesses.pack(descriptors)
    apart = np.maximum(1 - likeness_scores(kept, kept).astype(float), 1e-6)
    np.fill_diagonal(apart, 0)
    # where there is a diagonal, a clip counts as its own first neighbour
    whole = HDBSCAN(min_cluster_size=4, min_samples=2, metric="precomputed", copy=True).fit(apart)
    monkeypatch.setattr(clustering, "NEAR", near)
    monkeypatch.setattr(clustering, "HUBS", 4)
    found = find_clusters(descriptors, 4)
    together = set(zip(found.labels.tolist(), whole.labels_.tolist(), strict=True))
    assert len(together) == found.count == 4


def test_the_graph_is_symmetric_and_without_a_diagonal(descriptors: Any) -> None:
    kept = Likenesses.pack(descriptors)
    hubs = nearest_among(kept, kept.part(0, 5), 5)
    graph = clustering._graph(nearest_others(kept, 3), hubs).toarray()
    assert (graph == graph.T).all()
    assert (graph.diagonal() == 0).all()
    assert (np.delete(graph[:, 0], 0) > 0).all()
    listed = graph > 0
    assert graph[listed] == pytest.approx(1 - likeness_scores(kept, kept)[listed], abs=2e-6)


@pytest.mark.parametrize("count", range(6))
def test_few_clips_are_in_no_cluster(descriptors: Any, count: int) -> None:
    found = find_clusters(descriptors[:count], 6)
    assert found.labels.tolist() == [-1] * count
    assert found.count == 0


def test_equal_clips_form_a_cluster(descriptors: Any) -> None:
    found = find_clusters([descriptors[0]] * 4 + [descriptors[12]] * 3, 3)
    assert found.labels.tolist() == [0] * 4 + [1] * 3


def test_a_smallest_cluster_of_one_clip_is_refused(descriptors: Any) -> None:
    with pytest.raises(ValueError, match="2 or more clips, not 1"):
        find_clusters(descriptors, 1)


def test_mean_likeness_is_the_mean_over_all_other_clips(
    descriptors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clustering, "ROWS", 4)
    kept = Likenesses.pack(descriptors[:9])
    scores = likeness_scores(kept, kept).astype(float)
    expected = [np.delete(row, place).mean() for place, row in enumerate(scores)]
    assert mean_likeness(kept) == pytest.approx(expected)
    assert mean_likeness(kept.part(0, 1)).tolist() == [1.0]
    medoid, likeness = find_medoid(kept)
    assert medoid == int(np.argmax(expected))
    assert likeness == pytest.approx(np.mean(expected))
    assert find_medoid(kept.part(0, 1)) == (0, 1.0)


@given(st.lists(st.integers(-1, 4), max_size=30))
def test_renumbering_keeps_groups_and_sorts_them(labels: list[int]) -> None:
    made = clustering._largest_first(np.array(labels, np.int64))
    assert (made >= 0).tolist() == [label >= 0 for label in labels]
    assert len(set(zip(labels, made.tolist(), strict=True))) == len(set(labels))
    sizes = np.bincount(made[made >= 0])
    assert (np.diff(sizes) <= 0).all()
