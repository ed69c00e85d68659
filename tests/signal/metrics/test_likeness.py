"""`likeness`: identities, changes that must not matter, changes that must, and a plain computation pair by pair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import t as student

from thresher.signal.features.descriptors import DESCRIPTOR_SIZE, PARTS, analysed_spans, descriptor
from thresher.signal.metrics.likeness import Likenesses, likeness_scores, likeness_triangle

RNG = np.random.default_rng(20)

Floats = NDArray[np.floating]
Moments = tuple[float, float]


def tone(hz: float, seconds: float = 4.0, sr: int = 16_000, beat: float = 2.0) -> NDArray[np.float32]:
    t = np.arange(int(seconds * sr)) / sr
    partials = [np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 6)]
    y: Floats = np.sum(partials, axis=0) * np.exp(-4 * (t * beat % 1))
    return (0.2 * y + 0.001 * np.random.default_rng(1).standard_normal(t.size)).astype(np.float32)


CLIPS = [descriptor(tone(hz, beat=beat), 16_000) for hz in (110, 220, 330, 415) for beat in (1, 2, 3.3)]


def score(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(likeness_scores(Likenesses.pack([a]), Likenesses.pack([b]))[0, 0])


def test_a_clip_scores_one_with_itself() -> None:
    assert all(score(clip, clip) == 1.0 for clip in CLIPS)


def test_scores_are_symmetric_in_range_and_highest_on_the_diagonal() -> None:
    kept = Likenesses.pack(CLIPS)
    scores = likeness_scores(kept, kept)
    assert (scores == scores.T).all()
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (scores.max(axis=1) == scores.diagonal()).all()


@pytest.mark.parametrize("gain", [1e-6, 0.01, 4.5, 1e6])
def test_gain_does_not_change_a_score(gain: float) -> None:
    assert score(CLIPS[0], descriptor(tone(110, beat=1) * np.float32(gain), 16_000)) > 0.999


def test_a_constant_offset_does_not_change_a_score() -> None:
    assert score(CLIPS[0], descriptor(tone(110, beat=1) + np.float32(0.5), 16_000)) > 0.99


@pytest.mark.parametrize("sr", [22_050, 44_100, 48_000, 96_000])
def test_the_sample_rate_hardly_changes_a_score(sr: int) -> None:
    import soxr

    assert score(CLIPS[4], descriptor(soxr.resample(tone(220, beat=2), 16_000, sr), sr)) > 0.99


@pytest.mark.parametrize(("frames", "sr"), [(1, 16_000), (600, 2_000), (4_800, 16_000), (576_000, 192_000)])
def test_any_length_and_rate_has_a_finite_descriptor(frames: int, sr: int) -> None:
    vector = descriptor((3 * RNG.standard_normal(frames)).astype(np.float32), sr)
    assert vector.dtype == np.float32
    assert vector.shape == (DESCRIPTOR_SIZE,)
    assert np.isfinite(vector).all()


def test_silence_has_a_finite_descriptor() -> None:
    assert np.isfinite(descriptor(np.zeros(16_000, np.float32), 16_000)).all()


def test_parts_cover_the_descriptor_once() -> None:
    assert sorted(i for part in PARTS.values() for i in range(part.start, part.stop)) == list(
        range(DESCRIPTOR_SIZE)
    )


def test_a_faster_beat_shows_in_periods_and_a_transposition_in_chroma() -> None:
    slow, fast, higher = (
        descriptor(tone(hz, beat=beat), 16_000) for hz, beat in ((220, 1), (220, 2), (311.13, 1))
    )

    def apart(a: Floats, b: Floats, part: str) -> np.floating:
        return np.linalg.norm(a[PARTS[part]] - b[PARTS[part]])

    assert apart(slow, fast, "periods") > 2 * apart(slow, higher, "periods")
    assert apart(slow, higher, "chroma") > 2 * apart(slow, fast, "chroma")


def test_chroma_names_pitch_classes_from_c() -> None:
    assert descriptor(tone(261.63), 16_000)[PARTS["chroma"]].argmax() == 0
    assert descriptor(tone(220), 16_000)[PARTS["chroma"]].argmax() == 9


def test_excerpts_alone_have_the_same_descriptor() -> None:
    y, sr = RNG.standard_normal(400 * 2_000).astype(np.float32), 2_000
    spans = analysed_spans(y.size, sr)
    assert sum(end - start for start, end in spans) == 120 * sr
    assert spans[0][0] == 0
    assert spans[-1][1] == y.size
    joined = np.concatenate([y[start:end] for start, end in spans])
    assert (descriptor(joined, sr) == descriptor(y, sr)).all()


def test_blocks_do_not_change_a_score() -> None:
    many = (
        np.array(CLIPS * 100, np.float32)
        + RNG.standard_normal((1_200, DESCRIPTOR_SIZE)).astype(np.float32) * 0.1
    )
    kept = Likenesses.pack(many)
    whole = likeness_scores(kept.part(0, 100), kept)
    np.testing.assert_allclose(
        likeness_scores(kept.part(70, 71), kept.part(500, 900)), whole[70:71, 500:900], rtol=1e-6
    )
    again = Likenesses.pack(many[:7]).joined(Likenesses.pack(many[7:]))
    np.testing.assert_allclose(likeness_scores(again.part(0, 100), again), whole, rtol=1e-6)


def test_threads_change_nothing_and_leave_blas_as_it_was() -> None:
    from threadpoolctl import threadpool_info

    many = np.array(CLIPS * 200, np.float32) + RNG.standard_normal((2_400, DESCRIPTOR_SIZE)).astype(
        np.float32
    )
    before = [pool["num_threads"] for pool in threadpool_info()]
    one, two = Likenesses.pack(many), Likenesses.pack(iter(many), threads=2)
    assert (likeness_scores(one.part(0, 70), one) == likeness_scores(two.part(0, 70), two, threads=2)).all()
    assert [pool["num_threads"] for pool in threadpool_info()] == before


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_shows_the_number_of_the_wrong_descriptor(threads: int) -> None:
    def many() -> Iterator[NDArray[np.float32]]:
        yield from CLIPS * 200
        yield np.full(DESCRIPTOR_SIZE, np.inf, np.float32)

    with pytest.raises(ValueError, match="descriptor 2400 holds"):
        Likenesses.pack(many(), threads=threads)


def test_sounds_far_from_all_references_get_different_scores() -> None:
    """Pure tones are far from any music; of each pair the one with the same noise behind it is nearer."""
    noises = [10.0**-power * RNG.standard_normal(64_000) for power in (1, 2, 3)]
    tones = [np.sin(2 * np.pi * pitch * np.arange(64_000) / 16_000) for pitch in (440, 445)]
    kept = Likenesses.pack(
        [descriptor((tone + noise).astype(np.float32), 16_000) for noise in noises for tone in tones]
    )
    scores = likeness_scores(kept, kept) - np.eye(6, dtype=np.float32)
    assert scores.max() < 1
    assert scores.argmax(axis=1).tolist() == [1, 0, 3, 2, 5, 4]


def test_no_clips_give_an_empty_block() -> None:
    none = Likenesses.pack([])
    assert none.count == 0
    assert likeness_scores(none, Likenesses.pack(CLIPS)).shape == (0, len(CLIPS))


def test_a_triangle_is_nan_except_below_the_diagonal() -> None:
    kept = Likenesses.pack(CLIPS)
    triangle = likeness_triangle(kept)
    assert np.isnan(triangle[np.triu_indices(len(CLIPS))]).all()
    below = np.tril_indices(len(CLIPS), -1)
    assert (triangle[below] == likeness_scores(kept, kept)[below]).all()


@pytest.mark.parametrize(
    "wrong",
    [np.zeros(3, np.float32), np.zeros(DESCRIPTOR_SIZE), np.full(DESCRIPTOR_SIZE, np.nan, np.float32)],
)
def test_other_arrays_than_descriptors_are_refused(wrong: NDArray[np.float32]) -> None:
    with pytest.raises(ValueError, match="descriptor 1"):
        Likenesses.pack([CLIPS[0], wrong])


def test_scores_equal_a_plain_computation() -> None:
    """Oracle: mutual proximity written out pair by pair from `shipped_constants`."""
    from thresher.signal.metrics.likeness import LEAST_DEVIATION, shipped_constants

    known = shipped_constants()
    here = known.project(np.array(CLIPS))
    refs = known.references
    weights = [aspect.weight for aspect in known.aspects]

    def stats(distances: Floats) -> Moments:
        return float(distances.mean()), float(distances.std())

    def to_refs(points: Sequence[Floats], drop: int | None = None) -> list[Floats]:
        rows = [np.linalg.norm(ref - point, axis=1) for ref, point in zip(refs, points, strict=True)]
        return rows if drop is None else [np.delete(row, drop) for row in rows]

    def floored(distances: Floats) -> Moments:
        mean, deviation = stats(distances)
        return mean, float(np.sqrt(deviation**2 + (LEAST_DEVIATION * mean) ** 2))

    clip = [[floored(d) for d in to_refs([x[i] for x in here])] for i in range(len(CLIPS))]
    ref = [[floored(d) for d in to_refs([x[r] for x in refs], r)] for r in range(len(refs[0]))]

    def farness(d: Sequence[float] | Floats, a: Sequence[Moments], b: Sequence[Moments]) -> float:
        each = [
            w * 0.5 * ((x - m) / s + (x - n) / t)
            for w, x, (m, s), (n, t) in zip(weights, d, a, b, strict=True)
        ]
        return float(sum(each))

    def share(value: float, i: int) -> float:
        rows = np.array(to_refs([x[i] for x in here])).T
        mean, deviation = stats(np.array([farness(d, clip[i], r) for d, r in zip(rows, ref, strict=True)]))
        return float(student.sf((value - mean) / deviation, df=2))

    def highest(i: int) -> float:
        return share(farness([0.0] * len(weights), clip[i], clip[i]), i)

    scores = likeness_scores(Likenesses.pack(CLIPS), Likenesses.pack(CLIPS))
    for i, j in ((0, 1), (2, 9), (5, 11)):
        value = farness([float(np.linalg.norm(x[i] - x[j])) for x in here], clip[i], clip[j])
        expected = share(value, i) * share(value, j) / (highest(i) * highest(j))
        assert scores[i, j] == pytest.approx(expected, rel=1e-5)
