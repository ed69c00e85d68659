"""Scores by correlation equal the definition for all sizes of its parts."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.signal.metrics.alignment_oracle import fingerprints_of, oracle_scores
from thresher.signal.metrics import correlation
from thresher.signal.metrics.correlation import correlated_scores, transform_size
from thresher.signal.metrics.metric import Fingerprints


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.long
def test_tiles_groups_and_threads_of_correlation_change_no_score(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = fingerprints_of(np.random.default_rng(5).integers(1, 90, 60).tolist(), 5)
    rows, columns = Fingerprints.pack(clips[:25]), Fingerprints.pack(clips[25:])
    expected = oracle_scores(clips[:25], clips[25:])
    sizes = ((32, 1 << 19, 16, 1 << 21), (3, 1 << 19, 2, 1), (32, 5_000, 3, 30_000), (1, 1, 1, 1))
    for tile, values, group, kept in sizes:
        monkeypatch.setattr(correlation, "KEPT_VALUES", kept)
        monkeypatch.setattr(correlation, "TILE_CLIPS", tile)
        monkeypatch.setattr(correlation, "TILE_VALUES", values)
        monkeypatch.setattr(correlation, "GROUP_TILES", group)
        assert np.array_equal(correlated_scores(rows, columns, threads=threads), expected)
        assert np.array_equal(correlated_scores(columns, rows, threads=threads), expected.T)


@pytest.mark.parametrize("most", [0, 1 << 20])
@pytest.mark.long
def test_either_precision_of_correlation_is_exact(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = fingerprints_of([500, 512, 505, 300, 511, 490, 512], 12)
    clips.append(clips[0] ^ np.uint32(1))
    packed = Fingerprints.pack(clips)
    monkeypatch.setattr(correlation, "LONGEST_SINGLE", most and correlation.LONGEST_SINGLE)
    assert np.array_equal(correlated_scores(packed, packed), oracle_scores(clips, clips))


def test_the_memory_of_short_clips_beside_a_long_one_is_bounded() -> None:
    """200 clips of 4 s and one of 17 minutes; the transforms of all short ones at once would take 470 MB."""
    clips = fingerprints_of([*[30] * 200, 8_000], 3)
    tracemalloc.start()
    scores = correlated_scores(Fingerprints.pack(clips[:200]), Fingerprints.pack(clips[200:]))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 150 << 20
    some = [0, 100, 199]
    expected = oracle_scores([clips[index] for index in some], clips[200:])
    assert np.array_equal(scores[some], expected)


@given(least=st.integers(1, 1 << 20))
def test_a_transform_has_room_and_is_less_than_a_quarter_longer(least: int) -> None:
    assert least <= transform_size(least) <= max(4, 1.25 * least)
