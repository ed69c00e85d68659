"""`pairs`: compared with a full sort of all pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from thresher.signal.ordering.pairs import pairs

NAN = float("nan")
Scores = NDArray[np.float32]


def oracle_pairs(scores: Scores, ids: NDArray[np.int64]) -> list[int]:
    """Sort all pairs and take each whose clips are unused; then clips left over, then clips without scores."""
    count = len(ids)
    ranked = sorted(
        (-scores[one, other], ids[one], ids[other], one, other)
        for one in range(count)
        for other in range(count)
        if ids[one] < ids[other] and not np.isnan(scores[one, other])
    )
    scored = {clip for *_, one, other in ranked for clip in (one, other)}
    sequence: list[int] = []
    for *_, one, other in ranked:
        if one not in sequence and other not in sequence:
            sequence += [one, other]
    rest = [clip for clip in range(count) if clip not in sequence]
    return sequence + sorted(rest, key=lambda clip: (clip not in scored, ids[clip]))


def symmetric(values: NDArray[np.float64] | NDArray[np.bool_]) -> Scores:
    upper = np.triu(values, 1)
    return (upper + upper.T + np.diag(np.diag(values))).astype(np.float32)


@st.composite
def scored_clips(draw: st.DrawFn) -> tuple[Scores, NDArray[np.int64]]:
    """Up to 14 clips with few distinct scores (many ties), and some pairs and rows without scores."""
    count = draw(st.integers(0, 14))
    levels = draw(st.integers(1, 6))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    scores = symmetric(generator.integers(0, levels, (count, count)) / 7)
    if draw(st.booleans()):
        holes = symmetric(generator.random((count, count)) < draw(st.sampled_from([0.1, 0.8]))) > 0
        scores[holes] = NAN
    bare = generator.random(count) < draw(st.sampled_from([0.0, 0.3]))
    scores[bare, :] = NAN
    scores[:, bare] = NAN
    np.fill_diagonal(scores, draw(st.sampled_from([NAN, 1.0, 0.0, -np.inf, np.inf])))
    ids = generator.choice(1_000, count, replace=False) - 20
    return scores, ids.astype(np.int64)


@given(scored_clips())
@settings(max_examples=250, deadline=None)
def test_pairs_equal_those_of_a_full_sort(clips: tuple[Scores, NDArray[np.int64]]) -> None:
    scores, ids = clips
    untouched = scores.copy()
    order = pairs(scores, ids)
    assert order.dtype == np.int64
    assert order.tolist() == oracle_pairs(scores, ids)
    assert sorted(order.tolist()) == list(range(len(ids)))
    assert np.array_equal(scores, untouched, equal_nan=True)


@given(clips=scored_clips(), seed=st.integers(0, 2**32))
@settings(max_examples=50, deadline=None)
def test_pairs_do_not_depend_on_how_the_clips_are_listed(
    clips: tuple[Scores, NDArray[np.int64]], seed: int
) -> None:
    scores, ids = clips
    listing = np.random.default_rng(seed).permutation(len(ids))
    order = pairs(scores[np.ix_(listing, listing)], ids[listing])
    assert ids[listing][order].tolist() == ids[pairs(scores, ids)].tolist()


@pytest.mark.parametrize(
    ("rows", "ids", "expected"),
    [
        ([], [], []),
        ([[1]], [5], [5]),
        ([[1, 0.2], [0.2, 1]], [9, 4], [4, 9]),
        # The best pair comes first, the odd clip last though its id is the smallest.
        ([[1, 0.2, 0.3], [0.2, 1, 0.9], [0.3, 0.9, 1]], [1, 2, 3], [2, 3, 1]),
        # Everything equal: by id.
        ([[0.5] * 5] * 5, [50, 40, 30, 20, 10], [10, 20, 30, 40, 50]),
        # A clip without a score comes after the odd one, whatever its id.
        ([[1, NAN, NAN], [NAN, 1, NAN], [NAN, NAN, 1]], [3, 1, 2], [1, 2, 3]),
        (
            [[1, NAN, NAN, NAN], [NAN, 1, 0.5, 0.1], [NAN, 0.5, 1, 0.2], [NAN, 0.1, 0.2, 1]],
            [1, 2, 3, 4],
            [2, 3, 4, 1],
        ),
        # A score of 0 is a score.
        ([[1, 0, NAN], [0, 1, NAN], [NAN, NAN, 1]], [2, 3, 1], [2, 3, 1]),
    ],
)
def test_known_pairs(rows: list[list[float]], ids: list[int], expected: list[int]) -> None:
    scores = np.array(rows, np.float32).reshape(len(ids), len(ids))
    given_ids = np.array(ids, np.int64)
    assert given_ids[pairs(scores, given_ids)].tolist() == expected


def test_pairs_are_found_for_long_chains_of_best_partners() -> None:
    count = 301
    near = 1 - np.abs(np.subtract.outer(np.arange(count) ** 1.5, np.arange(count) ** 1.5)) / 1e4
    scores, ids = near.astype(np.float32), np.arange(count)[::-1].astype(np.int64)
    order = pairs(scores, ids)
    assert order.tolist() == oracle_pairs(scores, ids)


def test_large_ids_keep_their_order() -> None:
    ids = np.array([2**62 + 1, 2**62, 2**62 + 2], np.int64)
    assert pairs(np.full((3, 3), 0.5, np.float32), ids).tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("scores", "ids", "shown"),
    [
        (np.zeros((2, 3)), [1, 2], r"\(2, 3\)"),
        (np.zeros((2, 2)), [7, 7], "7"),
        (np.zeros((2, 2)), [[1, 2]], r"\(1, 2\)"),
        (np.array([[1, 0.5], [0.4, 1]]), [1, 2], "symmetric"),
        (np.array([[1, 0.9, 0.1], [0.2, 1, 0.8], [0.7, 0.3, 1]]), [1, 2, 3], "symmetric"),
        (np.array([[1, 0.5], [NAN, 1]]), [1, 2], "symmetric"),
    ],
)
def test_pairs_refuse_invalid_scores_and_ids(scores: Scores, ids: list[int], shown: str) -> None:
    with pytest.raises(ValueError, match=shown):
        pairs(scores.astype(np.float32), np.array(ids))


def test_pairs_of_real_clips_equal_those_of_a_full_sort(corpus: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    backend = pytest.importorskip("thresher.signal.features.fingerprint").find_backend("auto")
    from thresher.signal.metrics.metric import Fingerprints
    from thresher.signal.metrics.prefix import prefix_scores

    fingerprints = []
    for path in sorted((corpus / "neural").rglob("*.wav"))[::2]:
        with soundfile.SoundFile(path) as file:
            y, sr = file.read(10 * file.samplerate, dtype="float32", always_2d=True), file.samplerate
        y = np.nan_to_num(y).mean(axis=1)
        pcm = np.rint(32767 * y / max(1.0, float(np.abs(y).max(initial=0)))).astype(np.int16)
        words = np.asarray(backend.fingerprint([pcm], sr), dtype=np.uint32)
        if words.size:
            fingerprints.append(words)
    packed = Fingerprints.pack(fingerprints)
    scores = prefix_scores(packed, packed)
    ids = np.random.default_rng(3).permutation(packed.count).astype(np.int64)
    assert packed.count > 50
    assert pairs(scores, ids).tolist() == oracle_pairs(scores, ids)
