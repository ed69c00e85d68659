"""`prefix` equals its formula, word by word; packed fingerprints behave like a list."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from thresher.signal.metrics import prefix as kernel
from thresher.signal.metrics.metric import Fingerprints
from thresher.signal.metrics.prefix import PREFIX, prefix_scores
from thresher.signal.metrics.registry import METRICS, find_metric

Words = NDArray[np.uint32]


def oracle(a: Words, b: Words) -> np.float32:
    """The script's formula, in Python's own integers and floats."""
    length = min(len(a), len(b))
    equal = [(32 - (int(x) ^ int(y)).bit_count()) / 32 for x, y in zip(a, b, strict=False)]
    return np.float32(sum(equal) / length)


def oracle_scores(rows: list[Words], columns: list[Words]) -> NDArray[np.float32]:
    return np.array([[oracle(a, b) for b in columns] for a in rows], dtype=np.float32).reshape(
        len(rows), len(columns)
    )


def random_fingerprints(lengths: list[int], seed: int) -> list[Words]:
    """Random words, every third clip a noisy copy of the one before: scores from 0.4 to 1."""
    generator = np.random.default_rng(seed)
    fingerprints: list[Words] = []
    for index, length in enumerate(lengths):
        words = generator.integers(0, 2**32, length, dtype=np.uint32)
        if index % 3 == 2:
            shared = min(length, fingerprints[-1].size)
            words[:shared] = fingerprints[-1][:shared] ^ (words[:shared] & np.uint32(0x01010101))
        fingerprints.append(words)
    return fingerprints


def scores_of(rows: list[Words], columns: list[Words]) -> NDArray[np.float32]:
    return prefix_scores(Fingerprints.pack(rows), Fingerprints.pack(columns))


def test_a_clip_against_itself_is_one_and_scores_are_symmetric() -> None:
    fingerprints = random_fingerprints([1, 2, 3, 6, 7, 100, 101, 800, 64, 33], seed=1)
    scores = scores_of(fingerprints, fingerprints)
    assert scores.dtype == np.float32
    assert np.array_equal(np.diag(scores), np.ones(10, np.float32))
    assert np.array_equal(scores, scores.T)


@pytest.mark.parametrize(
    ("a", "b", "score"),
    [
        ([0], [0], 1.0),
        ([0], [0xFFFFFFFF], 0.0),
        ([0], [1], 31 / 32),
        ([0x80000000], [0], 31 / 32),
        ([0, 0], [0, 0xFFFF0000], 0.75),
        ([5], [5, 0xFFFFFFFF], 1.0),
        ([5, 6, 7], [5, 6, 7, 0xFFFFFFFF], 1.0),
        ([0, 0, 0], [0, 0, 1], 95 / 96),
        ([0, 0, 0, 0xFFFFFFFF], [0, 0, 1], 95 / 96),
        ([0] * 601, [0xFFFFFFFF] * 600, 0.0),
    ],
)
def test_known_scores(a: list[int], b: list[int], score: float) -> None:
    one, other = np.array(a, np.uint32), np.array(b, np.uint32)
    assert scores_of([one], [other])[0, 0] == np.float32(score)
    assert scores_of([other], [one])[0, 0] == np.float32(score)


@given(
    row_lengths=st.lists(st.integers(1, 24), max_size=7),
    column_lengths=st.lists(st.integers(1, 24), max_size=7),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=80, deadline=None)
def test_scores_equal_the_formula_at_any_lengths(
    row_lengths: list[int], column_lengths: list[int], seed: int
) -> None:
    fingerprints = random_fingerprints(row_lengths + column_lengths, seed)
    rows, columns = fingerprints[: len(row_lengths)], fingerprints[len(row_lengths) :]
    assert np.array_equal(scores_of(rows, columns), oracle_scores(rows, columns))


@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=12),
    pairs=st.integers(1, 40),
    columns=st.integers(1, 12),
    depth=st.integers(1, 12),
)
@settings(max_examples=60, deadline=None)
def test_the_size_of_the_tiles_changes_no_score(
    lengths: list[int], pairs: int, columns: int, depth: int
) -> None:
    fingerprints = random_fingerprints(lengths, seed=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "TILE_PAIRS", pairs)
        patch.setattr(kernel, "TILE_COLUMNS", columns)
        patch.setattr(kernel, "TILE_BYTES", 8 * depth)
        scores = scores_of(fingerprints, fingerprints)
    assert np.array_equal(scores, oracle_scores(fingerprints, fingerprints))


def test_counts_of_long_fingerprints_do_not_overflow() -> None:
    zeros, ones = np.zeros(9_001, np.uint32), np.full(9_000, 0xFFFFFFFF, np.uint32)
    assert np.array_equal(scores_of([zeros, ones], [ones, zeros]), np.array([[0, 1], [1, 0]], np.float32))


def test_many_clips_of_many_lengths_in_several_tiles() -> None:
    generator = np.random.default_rng(3)
    rows = random_fingerprints(generator.integers(6, 60, 40).tolist(), seed=4)
    columns = random_fingerprints(generator.integers(6, 60, 2_500).tolist(), seed=5)
    scores = scores_of(rows, columns)
    some = generator.choice(2_500, 60, replace=False)
    assert np.array_equal(scores[:, some], oracle_scores(rows, [columns[index] for index in some]))
    assert np.array_equal(scores_of(columns, rows), scores.T)


def test_a_block_without_rows_or_columns_is_empty() -> None:
    some = Fingerprints.pack(random_fingerprints([3, 4], seed=6))
    none = Fingerprints.pack([])
    assert prefix_scores(none, some).shape == (0, 2)
    assert prefix_scores(some, none).shape == (2, 0)
    assert prefix_scores(none, none).shape == (0, 0)


def test_memory_besides_the_result_is_bounded() -> None:
    fingerprints = random_fingerprints([30_000, 29_999, *[800, 120] * 300], seed=7)
    packed = Fingerprints.pack(fingerprints)
    tracemalloc.start()
    scores = prefix_scores(packed, packed)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - scores.nbytes < 16 << 20


def test_the_size_of_numpys_buffer_is_restored() -> None:
    before = np.setbufsize(4_096)
    try:
        scores_of(random_fingerprints([3], seed=8), random_fingerprints([3], seed=9))
        assert np.getbufsize() == 4_096
    finally:
        np.setbufsize(before)


def test_packing_keeps_fingerprints_unchanged() -> None:
    fingerprints = random_fingerprints([1, 5, 2, 9], seed=10)
    packed = Fingerprints.pack(fingerprints)
    assert packed.count == 4
    assert packed.lengths.tolist() == [1, 5, 2, 9]
    assert all(np.array_equal(a, b) for a, b in zip(packed, fingerprints, strict=True))


@given(
    lengths=st.lists(st.integers(1, 6), max_size=8),
    bounds=st.tuples(st.integers(0, 8), st.integers(0, 8)),
)
@settings(max_examples=40, deadline=None)
def test_parts_and_joins_work_like_those_of_a_list(lengths: list[int], bounds: tuple[int, int]) -> None:
    start, stop = sorted(min(bound, len(lengths)) for bound in bounds)
    fingerprints = random_fingerprints(lengths, seed=11)
    packed = Fingerprints.pack(fingerprints)
    part = list(packed.part(start, stop))
    rejoined = packed.part(0, start).joined(packed.part(start, packed.count))
    assert len(part) == stop - start
    assert all(np.array_equal(a, b) for a, b in zip(part, fingerprints[start:stop], strict=True))
    assert np.array_equal(rejoined.words, packed.words)
    assert np.array_equal(rejoined.lengths, packed.lengths)


@pytest.mark.parametrize("order", ["<u4", ">u4"])
def test_blobs_as_stored_can_be_packed(order: str) -> None:
    stored = np.frombuffer(np.array([1, 2, 0xFFFFFFFF], order).tobytes(), dtype=order)
    packed = Fingerprints.pack([stored])
    assert packed.words.dtype == np.uint32
    assert packed.words.dtype.isnative
    assert packed.words.tolist() == [1, 2, 0xFFFFFFFF]


@pytest.mark.parametrize(
    ("array", "shown"),
    [
        (np.empty(0, np.uint32), "fingerprint 1 is empty"),
        (np.zeros(3, np.int32), "int32"),
        (np.zeros((2, 3), np.uint32), r"\(2, 3\)"),
    ],
)
def test_other_arrays_than_fingerprints_are_refused(array: NDArray[np.uint32], shown: str) -> None:
    with pytest.raises(ValueError, match=shown):
        Fingerprints.pack([np.zeros(2, np.uint32), array])


@pytest.mark.parametrize(("start", "stop"), [(-1, 1), (0, 3), (2, 1)])
def test_a_part_out_of_range_is_refused(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="2"):
        Fingerprints.pack(random_fingerprints([1, 1], seed=12)).part(start, stop)


def test_metrics_are_registered_by_their_name() -> None:
    assert "prefix" in METRICS
    for name, entry in METRICS.items():
        metric = find_metric(name)
        assert metric.name == entry.name == name
        assert metric.version >= 1
    prefix = find_metric("prefix")
    assert prefix.keeps == "fingerprint"
    packed = prefix.pack(random_fingerprints([4, 5, 6], seed=13))
    assert np.array_equal(prefix.scores(packed, packed), prefix_scores(packed, packed))


def corpus_fingerprints(corpus: Path, seconds: int) -> list[Words]:
    """Real fingerprints of the first `seconds` of every neural clip that has one."""
    soundfile = pytest.importorskip("soundfile")
    backend = pytest.importorskip("thresher.signal.features.fingerprint").find_backend("auto")
    fingerprints = []
    for path in sorted((corpus / "neural").rglob("*")):
        if path.suffix not in {".wav", ".flac", ".ogg", ".mp3"}:
            continue
        try:
            with soundfile.SoundFile(path) as file:
                y, sr = file.read(seconds * file.samplerate, dtype="float32", always_2d=True), file.samplerate
        except soundfile.LibsndfileError:
            continue
        y = np.nan_to_num(y).mean(axis=1)
        pcm = np.rint(32768 * y / max(1.0, float(np.abs(y).max(initial=0)))).clip(-32768, 32767)
        words = np.asarray(backend.fingerprint([pcm.astype(np.int16)], sr), dtype=np.uint32)
        if words.size:
            fingerprints.append(words)
    return fingerprints


@pytest.mark.slow
def test_real_clips_score_as_the_formula_says(corpus: Path) -> None:
    fingerprints = corpus_fingerprints(corpus, seconds=20)
    assert len({words.size for words in fingerprints}) > 5
    scores = scores_of(fingerprints, fingerprints)
    assert np.array_equal(scores, scores.T)
    assert (np.diag(scores) == 1).all()
    some = np.random.default_rng(14).choice(len(fingerprints), 12, replace=False)
    expected = oracle_scores([fingerprints[index] for index in some], fingerprints)
    assert np.array_equal(scores[some], expected)


@pytest.mark.parametrize("count", [0, 1, 2, 5, 63, 64, 65, 130, 300])
def test_a_triangle_is_filled_below_the_diagonal_only(count: int) -> None:
    generator = np.random.default_rng(count)
    fingerprints = Fingerprints.pack(
        generator.integers(0, 2**32, size=generator.integers(1, 40), dtype=np.uint32) for _ in range(count)
    )
    triangle = PREFIX.triangle(fingerprints)
    below = np.tri(count, k=-1, dtype=bool)
    assert np.isnan(triangle[~below]).all()
    np.testing.assert_array_equal(triangle[below], PREFIX.scores(fingerprints, fingerprints)[below])
