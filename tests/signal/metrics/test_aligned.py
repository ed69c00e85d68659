"""`aligned`, `align` and the compiled `prefix` equal their definitions, computed with Python's numbers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import thresher
from tests.signal.metrics.alignment_oracle import fingerprints_of, oracle, oracle_scores
from thresher.signal.metrics import aligned, blocks, prefix
from thresher.signal.metrics.aligned import (
    ALIGNED,
    Alignment,
    align,
    aligned_scores,
    aligned_triangle,
    least_overlap,
)
from thresher.signal.metrics.blocks import Threshold
from thresher.signal.metrics.metric import Fingerprints, Scores, Words
from thresher.signal.metrics.prefix import prefix_scores, vectorised_prefix_scores

WORK = {"prefix": (prefix, "PREFIX_WORK"), "aligned": (aligned, "ALIGNED_WORK")}
ALWAYS, NEVER = Threshold(-1, -1), Threshold(1 << 62, 1 << 62)
Score = Callable[..., Scores]


@pytest.fixture(params=["compiled", "numpy"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways through `aligned_scores` and `prefix`."""
    name: str = request.param
    monkeypatch.setattr(blocks, "KERNELS", blocks.KERNELS if name == "compiled" else "no such module")
    for place in WORK.values():
        monkeypatch.setattr(*place, ALWAYS if name == "compiled" else NEVER)
    return name


lengths = st.lists(st.one_of(st.integers(1, 40), st.integers(1, 400)), max_size=5)


@pytest.mark.usefixtures("way")
class TestScores:
    @given(row_lengths=lengths, column_lengths=lengths, seed=st.integers(0, 2**32))
    @settings(max_examples=40, deadline=None)
    @pytest.mark.long
    def test_scores_equal_the_definition_at_any_lengths(
        self, row_lengths: list[int], column_lengths: list[int], seed: int
    ) -> None:
        clips = fingerprints_of(row_lengths + column_lengths, seed)
        rows, columns = clips[: len(row_lengths)], clips[len(row_lengths) :]
        scores = aligned_scores(Fingerprints.pack(rows), Fingerprints.pack(columns))
        assert scores.dtype == np.float32
        assert np.array_equal(scores, oracle_scores(rows, columns))

    @given(row_lengths=lengths, column_lengths=lengths, seed=st.integers(0, 2**32))
    @settings(max_examples=40, deadline=None)
    @pytest.mark.long
    def test_prefix_equals_the_kernel_in_numpy_bit_for_bit(
        self, row_lengths: list[int], column_lengths: list[int], seed: int
    ) -> None:
        clips = Fingerprints.pack(fingerprints_of(row_lengths + column_lengths, seed))
        rows, columns = clips.part(0, len(row_lengths)), clips.part(len(row_lengths), clips.count)
        scores = prefix_scores(rows, columns)
        assert scores.dtype == np.float32
        assert np.array_equal(scores, vectorised_prefix_scores(rows, columns))

    def test_blocks_of_any_size_have_the_right_scores(self) -> None:
        generator = np.random.default_rng(1)
        for count in (2, 3, 4, 5, 15, 16, 17, 33):
            clips = fingerprints_of(generator.integers(1, 30, count).tolist(), count)
            packed = Fingerprints.pack(clips)
            expected = oracle_scores(clips, clips)
            assert np.array_equal(aligned_scores(packed, packed), expected)
            assert np.array_equal(aligned_scores(packed.part(0, 2), packed), expected[:2])
            assert np.array_equal(aligned_scores(packed, packed.part(0, 2)), expected[:, :2])
            assert np.array_equal(
                prefix_scores(packed, packed.part(0, 2)), vectorised_prefix_scores(packed, packed.part(0, 2))
            )

    def test_a_clip_scores_one_with_itself_and_scores_are_symmetric(self) -> None:
        packed = Fingerprints.pack(
            fingerprints_of([1, 2, 11, 12, 13, 36, 37, 100, 150, 149, 5, 5, 5, 5, 5, 5, 5, 9], 2)
        )
        scores = aligned_scores(packed, packed)
        assert np.array_equal(np.diag(scores), np.ones(packed.count, np.float32))
        assert np.array_equal(scores, scores.T)

    def test_a_block_without_rows_or_columns_is_empty(self) -> None:
        some, none = Fingerprints.pack(fingerprints_of([3, 4], 6)), Fingerprints.pack([])
        for score in (aligned_scores, prefix_scores):
            assert score(none, some).shape == (0, 2)
            assert score(some, none).shape == (2, 0)
            assert score(none, none).shape == (0, 0)

    def test_a_triangle_is_the_block_below_the_diagonal(self) -> None:
        clips = fingerprints_of([7, 30, 12, 45, 13, 60, 8] * 10, 8)
        packed = Fingerprints.pack(clips)
        triangle = ALIGNED.triangle(packed)
        below = np.tri(packed.count, k=-1, dtype=bool)
        assert np.array_equal(np.isnan(triangle), ~below)
        assert np.array_equal(triangle[below], aligned_scores(packed, packed)[below])
        assert np.isnan(aligned_triangle(packed.part(0, 1))).all()

    def test_counts_do_not_overflow_if_all_bits_differ(self) -> None:
        zeros, ones = np.zeros(901, np.uint32), np.full(900, 0xFFFFFFFF, np.uint32)
        packed = Fingerprints.pack([zeros, ones])
        assert np.array_equal(aligned_scores(packed, packed), np.eye(2, dtype=np.float32))
        assert np.array_equal(prefix_scores(packed, packed), np.eye(2, dtype=np.float32))

    def test_read_only_and_shared_words_are_accepted(self) -> None:
        words = np.frombuffer(fingerprints_of([40], 3)[0].tobytes(), np.uint32)
        packed = Fingerprints(words, np.array([10, 30]))
        assert np.array_equal(aligned_scores(packed, packed), oracle_scores(list(packed), list(packed)))


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize(("score", "metric"), [(aligned_scores, "aligned"), (prefix_scores, "prefix")])
def test_threads_and_chunks_change_no_score(
    score: Score, metric: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = fingerprints_of(np.random.default_rng(4).integers(1, 90, 150).tolist(), 4)
    rows, columns = Fingerprints.pack(clips[:40]), Fingerprints.pack(clips[40:])
    monkeypatch.setattr(*WORK[metric], ALWAYS)
    expected = score(rows, columns)
    monkeypatch.setattr(blocks, "THREAD_WORK", 0)
    monkeypatch.setattr(blocks, "CHUNK_WORK", 1 << 12)
    assert np.array_equal(score(rows, columns, threads=threads), expected)
    assert np.array_equal(score(columns, rows, threads=threads), expected.T)


@given(first=st.integers(1, 400), second=st.integers(1, 400), seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_align_equals_the_definition(first: int, second: int, seed: int) -> None:
    one, other = fingerprints_of([second, first, second], seed)[1:]
    found = align(one, other)
    assert found == oracle(one, other)
    assert align(other, one) == Alignment(found.score, -found.offset, found.overlap) or found.offset < 0


@given(words=st.lists(st.sampled_from([0, 1, 0xFFFFFFFF]), min_size=1, max_size=30), cut=st.integers(0, 29))
@settings(max_examples=100, deadline=None)
def test_align_equals_the_definition_where_many_offsets_tie(words: list[int], cut: int) -> None:
    one, other = np.array(words, np.uint32), np.array(words[cut % len(words) :], np.uint32)
    there, back = align(one, other), align(other, one)
    assert (there, back) == (oracle(one, other), oracle(other, one))
    assert (there.score, there.overlap) == (back.score, back.overlap)
    assert there.offset == -back.offset or there.offset == back.offset < 0


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([5], [5], Alignment(1.0, 0, 1)),
        ([0], [0xFFFFFFFF], Alignment(0.0, 0, 1)),
        ([7] * 40, [7] * 40, Alignment(1.0, 0, 40)),  # digital silence: every offset ties, 0 is nearest
        ([7] * 40, [7] * 20, Alignment(1.0, 0, 20)),
        ([0, 0xFFFFFFFF] * 20, [0xFFFFFFFF, 0] * 20, Alignment(1.0, -1, 39)),  # −1 ties with +1
        ([*range(1, 101)], [*range(31, 101)], Alignment(1.0, 30, 70)),
        ([*range(31, 101)], [*range(1, 101)], Alignment(1.0, -30, 70)),
    ],
)
def test_known_alignments(first: list[int], second: list[int], expected: Alignment) -> None:
    assert align(np.array(first, np.uint32), np.array(second, np.uint32)) == expected


@pytest.mark.parametrize(
    ("one", "other", "least"),
    [(1, 1, 1), (5, 400, 5), (12, 12, 12), (36, 36, 12), (37, 90, 13), (150, 151, 50), (400, 3, 3)],
)
def test_the_least_overlap_is_a_third_of_the_shorter_clip(one: int, other: int, least: int) -> None:
    assert least_overlap(one, other) == least_overlap(other, one) == least


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("shift", [1, 7, 16, 50, 99])
def test_a_shifted_copy_is_found_up_to_the_least_overlap(shift: int) -> None:
    words = fingerprints_of([150], 9)[0]
    later = np.concatenate([fingerprints_of([shift], 10)[0], words])[:150]
    assert align(later, words) == Alignment(1.0, shift, 150 - shift)
    assert aligned_scores(Fingerprints.pack([words]), Fingerprints.pack([later]))[0, 0] == 1.0


def test_a_pair_and_its_block_agree_on_the_score() -> None:
    clips = fingerprints_of([20, 150, 149, 90, 91, 33] * 3, 11)
    packed = Fingerprints.pack(clips)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aligned, "ALIGNED_WORK", ALWAYS)
        scores = aligned_scores(packed, packed)
    assert all(scores[i, j] == align(a, b).score for i, a in enumerate(clips) for j, b in enumerate(clips))


@pytest.fixture(scope="session")
def corpus_clips(corpus: Path) -> list[Words]:
    import soundfile

    from thresher.signal.features.fingerprint import find_backend, to_pcm

    backend = find_backend()
    files = sorted(
        file for file in (corpus / "neural").rglob("*") if file.suffix in {".wav", ".ogg", ".flac", ".mp3"}
    )
    clips = []
    for file in files[:: max(1, len(files) // 40)][:40]:
        y, sr = soundfile.read(file, dtype="float32", always_2d=True)
        mono = y.mean(axis=1, dtype=np.float32)
        words = backend.fingerprint([to_pcm(mono, float(np.abs(mono).max(initial=0)))], sr)
        if words.size:
            clips.append(words[:400])
    assert len(clips) > 20
    return clips


@pytest.mark.usefixtures("way")
@pytest.mark.long
def test_real_fingerprints_score_as_the_definition_says(corpus_clips: list[Words]) -> None:
    packed = Fingerprints.pack(corpus_clips)
    some = corpus_clips[:5]
    assert np.array_equal(aligned_scores(packed.part(0, 5), packed), oracle_scores(some, corpus_clips))
    assert np.array_equal(prefix_scores(packed, packed), vectorised_prefix_scores(packed, packed))
    for one in some:
        for other in corpus_clips[:12]:
            assert align(one, other) == oracle(one, other)


@pytest.mark.long
class TestNumba:
    """What numba does with its cache must never fail a run. Each in a process of its own."""

    SCRIPT = """
import sys; sys.path.insert(0, {folder!r})
import numpy as np
from thresher.signal.metrics import aligned, blocks, prefix
assert aligned.__file__.startswith({folder!r})
assert "numba" not in sys.modules
from thresher.signal.metrics.metric import Fingerprints
clips = Fingerprints.pack(np.random.default_rng(1).integers(0, 2**32, (40, 37), dtype=np.uint32))
before = aligned.aligned_scores(clips, clips)
assert "numba" not in sys.modules
aligned.ALIGNED_WORK = prefix.PREFIX_WORK = blocks.Threshold(-1, -1)
{before}
assert np.array_equal(before, aligned.aligned_scores(clips, clips))
assert np.array_equal(prefix.vectorised_prefix_scores(clips, clips), prefix.prefix_scores(clips, clips))
assert "numba" in sys.modules
print("done")
"""

    def run(self, folder: Path, before: str = "", **environment: str) -> str:
        script = self.SCRIPT.format(folder=str(folder), before=before)
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ, **environment}
        )
        assert done.stdout == "done\n", done.stderr
        return done.stderr

    @pytest.fixture
    def copy(self, tmp_path: Path) -> Path:
        package = Path(thresher.__file__).parent
        ignored = shutil.ignore_patterns("__pycache__", "curation", "interfaces", "catalog")
        shutil.copytree(package, tmp_path / "thresher", ignore=ignored)
        return tmp_path

    @pytest.mark.slow
    def test_the_cache_is_beside_the_module_and_is_used(self, copy: Path) -> None:
        self.run(copy)
        kept = sorted((copy / "thresher/signal/metrics/__pycache__").glob("*.nbc"))
        assert len(kept) == 2
        times = [file.stat().st_mtime_ns for file in kept]
        self.run(copy)
        assert [file.stat().st_mtime_ns for file in kept] == times

    def test_kernels_run_without_a_writable_cache(self, copy: Path) -> None:
        self.run(copy, NUMBA_CACHE_LOCATOR_CLASSES="UserProvidedCacheLocator")
        assert not list((copy / "thresher/signal/metrics/__pycache__").glob("*.nb?"))

    @pytest.mark.slow
    @pytest.mark.parametrize("suffix", ["nbi", "nbc"])
    def test_kernels_run_with_a_damaged_cache(self, copy: Path, suffix: str) -> None:
        self.run(copy)
        for file in (copy / "thresher/signal/metrics/__pycache__").glob(f"*.{suffix}"):
            file.write_bytes(file.read_bytes()[:100])
        self.run(copy)

    @pytest.mark.slow
    def test_kernels_run_on_a_full_disk(self, copy: Path) -> None:
        patch = (
            "import numba.core.caching as c\n"
            "def full(*_): raise OSError(28, 'No space left on device')\n"
            "c.IndexDataCacheFile.save = full"
        )
        self.run(copy, patch)

    @pytest.mark.slow
    @pytest.mark.parametrize("features", ["+avx2,+avx,+ssse3,+popcnt", "+ssse3", ""])
    def test_kernels_give_the_same_scores_on_other_processors(self, copy: Path, features: str) -> None:
        self.run(copy, NUMBA_CPU_NAME="x86-64", NUMBA_CPU_FEATURES=features)
