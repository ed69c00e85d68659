"""The limiter: nothing exceeds the ceiling, other samples stay unchanged, and blocks do not matter."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import butter, resample_poly, sosfilt

from thresher.signal.features.loudness import LoudnessMeter
from thresher.signal.mixing.limiter import CHUNK_FRAMES, MARGIN, Limiter, true_peak

Signal = NDArray[np.float32]

SR = 44_100
REACH = 441
KINDS = ("noise", "impulses", "sine", "square", "bursts")
RATES = (8000, 11_025, 22_050, 44_100, 48_000, 96_000)


def limited(
    y: Signal, ceiling: float = 1.0, *, is_true: bool = False, sr: int = SR, sizes: tuple[int, ...] = (10**9,)
) -> Signal:
    return limiter_and_output(y, ceiling, is_true=is_true, sr=sr, sizes=sizes)[1]


def limiter_and_output(
    y: Signal, ceiling: float = 1.0, *, is_true: bool = False, sr: int = SR, sizes: tuple[int, ...] = (10**9,)
) -> tuple[Limiter, Signal]:
    limiter = Limiter(sr, y.shape[1], ceiling, true_peak=is_true)
    pieces: list[Signal] = []
    start = 0
    while start < len(y):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(limiter.process(y[start : start + size]))
        start += size
    pieces.append(limiter.process(y[:0], last=True))
    return limiter, np.concatenate(pieces)


def signal(kind: str, frames: int, channels: int, seed: int, peak: float) -> Signal:
    """A signal with this absolute sample peak; the second channel is quieter."""
    rng = np.random.default_rng(seed)
    index = np.arange(frames)
    phase = index * rng.uniform(0.001, 0.45) + rng.uniform(0, 1)
    shapes: dict[str, Callable[[], np.ndarray]] = {
        "noise": lambda: rng.uniform(-1, 1, frames),
        "impulses": lambda: (rng.random(frames) < 0.002) * rng.normal(0, 1, frames),
        "sine": lambda: np.sin(2 * np.pi * phase),
        "square": lambda: np.sign(np.sin(2 * np.pi * phase)),
        "bursts": lambda: rng.normal(0, 1, frames) * (np.sin(index / 500) > 0.8),
    }
    y = shapes[kind]()
    y = np.stack([y, *([0.5 * np.roll(y, 100)] * (channels - 1))], axis=1)
    scaled: Signal = (peak * y / max(1e-9, np.abs(y).max(initial=0))).astype(np.float32)
    return scaled


def tone(frequency: float, frames: int, peak: float = 1.0) -> Signal:
    """A sine of one channel that starts at zero."""
    y: Signal = (peak * np.sin(2 * np.pi * frequency / SR * np.arange(frames))).astype(np.float32)
    return y[:, np.newaxis]


def measured_elsewhere(y: Signal) -> float:
    silence = np.zeros((500, y.shape[1]))
    padded = np.concatenate([silence, y.astype(np.float64), silence])
    return float(np.abs(resample_poly(padded, 16, 1)).max())


# What needs nothing


@pytest.mark.parametrize(("is_true", "below"), [(False, 1.0), (True, 0.8)])
@pytest.mark.parametrize("channels", [1, 2])
def test_below_the_ceiling_nothing_changes(is_true: bool, below: float, channels: int) -> None:
    y = tone(1000, 3 * CHUNK_FRAMES + 7, below).repeat(channels, axis=1)
    limiter, output = limiter_and_output(y, is_true=is_true)
    assert output.dtype == np.float32
    np.testing.assert_array_equal(output, y)
    assert limiter.reductions == []


@pytest.mark.parametrize("is_true", [False, True])
def test_a_peak_changes_at_most_40_ms_around_it(is_true: bool) -> None:
    y = signal("noise", 60_000, 2, 1, 0.4)
    y[30_000] = 2.0
    output = limited(y, is_true=is_true)
    changed = np.flatnonzero((output != y).any(axis=1))
    assert 30_000 - 2 * REACH - 1 <= changed[0] < 30_000 - REACH
    assert 30_000 + REACH < changed[-1] <= 30_000 + 2 * REACH + 1


def test_the_input_is_not_modified() -> None:
    y = signal("noise", 50_000, 2, 1, 3.0)
    before = y.copy()
    output = limited(y)
    output[:] = 0
    np.testing.assert_array_equal(y, before)


# The ceiling


@given(
    st.sampled_from(KINDS),
    st.sampled_from(RATES),
    st.integers(1, 2),
    st.integers(0, 40_000),
    st.floats(-3, 24),
    st.floats(0.1, 2),
    st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=60)
def test_no_sample_exceeds_the_ceiling(
    kind: str, sr: int, channels: int, frames: int, decibels: float, ceiling: float, seed: int
) -> None:
    y = signal(kind, frames, channels, seed, ceiling * 10 ** (decibels / 20))
    output = limited(y, ceiling, sr=sr)
    assert output.shape == y.shape
    assert float(np.abs(output).max(initial=0)) <= ceiling


@given(
    st.sampled_from(KINDS),
    st.sampled_from(RATES),
    st.integers(1, 2),
    st.integers(1, 30_000),
    st.floats(-3, 24),
    st.floats(0.1, 2),
    st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=40)
def test_no_true_peak_exceeds_the_ceiling(
    kind: str, sr: int, channels: int, frames: int, decibels: float, ceiling: float, seed: int
) -> None:
    y = signal(kind, frames, channels, seed, ceiling * 10 ** (decibels / 20))
    output = limited(y, ceiling, is_true=True, sr=sr)
    assert output.shape == y.shape
    assert measured_elsewhere(output) <= ceiling


HIDDEN_PEAKS: dict[str, Callable[[NDArray[np.int64]], NDArray[np.float64]]] = {
    "a quarter of the rate at 45 degrees": lambda index: 1.3 * np.sin(np.pi / 2 * index + np.pi / 4),
    "a third of the rate": lambda index: 1.1 * np.sin(2 * np.pi / 3 * index),
    "a square wave": lambda index: 0.99 * np.sign(np.sin(2 * np.pi * (index + 0.5) / 44)),
    "full-band noise": lambda index: np.random.default_rng(1).uniform(-1, 1, len(index)),
    "random signs": lambda index: np.random.default_rng(2).choice([-0.9, 0.9], len(index)),
    "a pair of impulses": lambda index: 0.9 * ((index == 9000) | (index == 9001)),
}


@pytest.mark.parametrize("name", HIDDEN_PEAKS)
def test_peaks_between_samples_are_limited(name: str) -> None:
    y = HIDDEN_PEAKS[name](np.arange(30_000))[:, np.newaxis].astype(np.float32)
    assert measured_elsewhere(y) > 1.05
    assert 0.9 < measured_elsewhere(limited(y, is_true=True)) <= 1


def test_music_without_the_highest_frequencies_comes_close_to_the_ceiling() -> None:
    rng = np.random.default_rng(0)
    y = sosfilt(butter(4, 0.5, output="sos"), rng.normal(0, 1, (60_000, 2)), axis=0)
    output = limited((y / np.abs(y).max() * 2).astype(np.float32), is_true=True)
    peak = 20 * math.log10(measured_elsewhere(output))
    assert -MARGIN - 0.02 < peak < -MARGIN + 0.1


@pytest.mark.parametrize("frequency", [0.01, 0.11, 0.25, 0.33, 0.4])
def test_the_true_peak_of_a_tone_is_its_amplitude(frequency: float) -> None:
    index = np.arange(20_000)
    edges = np.minimum(1, np.minimum(index, index[::-1]) / 1000)
    y = 0.7 * edges * np.sin(2 * np.pi * frequency * index + np.pi / 4)
    block = np.stack([0 * y, y], axis=1).astype(np.float32)
    assert 0.7 * math.cos(np.pi * frequency / 8) - 1e-3 < true_peak(block) < 0.7 + 1e-3


def test_the_true_peak_of_no_sample_and_of_one_sample() -> None:
    assert true_peak(np.zeros((0, 2), np.float32)) == 0
    assert true_peak(np.full((1, 1), -0.5, np.float32)) == 0.5


def test_the_true_peak_is_found_anywhere_in_a_long_block() -> None:
    for position in (0, 2046, 2047, 2048, 4999):
        y = np.zeros((5001, 1), np.float32)
        y[position : position + 2] = 0.5
        assert true_peak(y) == pytest.approx(0.64, abs=0.01)  # 4 / π of a half, less the window


def test_points_are_interpolated_only_near_loud_samples_and_bound_all_others() -> None:
    for seed in range(5):
        output = limited(signal("noise", 40_000, 2, seed, 3.0), is_true=True)
        assert true_peak(output) <= 10 ** (-MARGIN / 20) + 1e-3


def test_a_peak_between_two_samples_belongs_to_both() -> None:
    y = np.zeros((20_000, 1), np.float32)
    y[9000:9002] = 0.9
    limiter, _ = limiter_and_output(y, is_true=True)
    assert [(start, end) for start, end, _ in limiter.reductions] == [(9000 - 2 * REACH, 9002 + 2 * REACH)]


def test_the_position_of_loud_samples_in_the_file_does_not_matter() -> None:
    """The peak at the change of sign is far above the ceiling, but not next to a loud sample."""
    y = np.zeros((30_000, 1), np.float32)
    y[9000:9040, 0] = 0.45 * (-1.0) ** np.arange(40)
    y[9020:9040] *= -1
    y[9025] *= 1.2
    assert true_peak(y) > 1.1
    expected = limited(y, is_true=True)
    for shift in range(1, 9):
        output = limited(np.roll(y, shift, axis=0), is_true=True)
        np.testing.assert_allclose(output, np.roll(expected, shift, axis=0), atol=1e-6)


# Blocks


@given(
    st.sampled_from(KINDS),
    st.booleans(),
    st.integers(1, 2),
    st.integers(0, 5 * CHUNK_FRAMES),
    st.lists(st.integers(0, 40_000), min_size=1, max_size=6).filter(any),
    st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=40)
def test_the_division_into_blocks_does_not_matter(
    kind: str, is_true: bool, channels: int, frames: int, sizes: list[int], seed: int
) -> None:
    y = signal(kind, frames, channels, seed, 1.5)
    whole = limiter_and_output(y, is_true=is_true)
    parts = limiter_and_output(y, is_true=is_true, sizes=tuple(sizes))
    np.testing.assert_array_equal(parts[1], whole[1])
    assert parts[0].reductions == whole[0].reductions


def test_an_output_block_can_be_modified_without_affecting_later_ones() -> None:
    y = signal("noise", 4 * CHUNK_FRAMES, 1, 1, 2.0)
    limiter = Limiter(SR, 1, 1.0, true_peak=False)
    pieces = []
    for start in range(0, len(y), 20_000):
        output = limiter.process(y[start : start + 20_000])
        pieces.append(output.copy())
        output[:] = 9
    pieces.append(limiter.process(y[:0], last=True))
    np.testing.assert_array_equal(np.concatenate(pieces), limited(y))


def test_a_block_after_the_last_one_is_refused() -> None:
    limiter = Limiter(SR, 1, 1.0, true_peak=False)
    limiter.process(np.zeros((10, 1), np.float32), last=True)
    with pytest.raises(ValueError, match="last block"):
        limiter.process(np.zeros((10, 1), np.float32))


# The gain


def gain_of(y: Signal, output: Signal) -> NDArray[np.float64]:
    return output[:, 0].astype(np.float64) / y[:, 0]


@pytest.mark.parametrize("is_true", [False, True])
def test_the_gain_has_no_jumps_and_no_corners(is_true: bool) -> None:
    """The average moves by no more than depth / h from frame to frame, its slope by π/2 · depth / h²."""
    y = np.full((6 * CHUNK_FRAMES, 1), 0.25, np.float32)
    for position in (
        0,
        5000,
        5300,
        CHUNK_FRAMES - 700,
        CHUNK_FRAMES,
        3 * CHUNK_FRAMES - 1,
        80_000,
        len(y) - 1,
    ):
        y[position] = 4
    gain = gain_of(y, limited(y, is_true=is_true))
    depth = 1 - gain.min()
    rounding = 3e-7
    assert depth == pytest.approx(0.75, abs=0.02)
    assert np.abs(np.diff(gain)).max() <= 1.01 * depth / REACH + rounding
    assert np.abs(np.diff(gain, n=2)).max() <= 1.1 * np.pi / 2 * depth / REACH**2 + 2 * rounding


def test_a_loud_passage_does_not_click() -> None:
    """The slope of a limited tone is at most that of the tone plus that of the gain."""
    y = tone(200, 60_000)
    y[22_050:44_100] *= 2  # from one zero of the tone to another
    change = np.abs(np.diff(limited(y), axis=0)).max()
    assert change < 2 * np.pi * 200 / SR + 2 * 0.5 / REACH


@pytest.mark.parametrize("frequency", [26, 50, 440])
def test_a_steady_tone_is_turned_down_without_distortion(frequency: int) -> None:
    y = tone(frequency, SR, 2.0)
    middle = slice(10_000, 30_000)
    np.testing.assert_allclose(limited(y)[middle], y[middle] / 2, atol=1e-4)


def test_channels_have_the_same_gain() -> None:
    rng = np.random.default_rng(3)
    left = rng.uniform(0.5, 1.5, 50_000)
    y = np.stack([left, 0.3 * left], axis=1).astype(np.float32)
    for is_true in (False, True):
        output = limited(y, is_true=is_true)
        assert (output != y).all(axis=1).mean() > 0.9
        np.testing.assert_allclose(output[:, 1] / output[:, 0], y[:, 1] / y[:, 0], rtol=3e-7)


def test_the_louder_channel_decides_in_either_order() -> None:
    y = signal("noise", 40_000, 2, 5, 2.0)
    np.testing.assert_array_equal(limited(y)[:, ::-1], limited(np.ascontiguousarray(y[:, ::-1])))


def test_small_overshoots_cost_little_loudness() -> None:
    y = np.random.default_rng(0).normal(0, 0.25, (4 * SR, 2)).astype(np.float32)
    meters = LoudnessMeter(SR, 2), LoudnessMeter(SR, 2)
    for meter, signal_of in zip(meters, (y, limited(y)), strict=True):
        meter.update(signal_of)
    before, after = (meter.integrated() for meter in meters)
    assert before is not None
    assert after is not None
    assert np.abs(y).max() > 1.05
    assert before - 0.3 < after < before


# Reductions


def test_reductions_have_their_position_and_depth() -> None:
    y = np.full((10 * CHUNK_FRAMES, 2), 0.1, np.float32)
    y[10_000, 0] = -2.0
    y[11_000, 1] = 1.25  # both dips overlap
    y[3 * CHUNK_FRAMES + 100, 1] = 4.0  # reaches into the chunk before
    y[-1, 1] = 1.6
    limiter, output = limiter_and_output(y)
    stretches = [(start, end) for start, end, _ in limiter.reductions]
    apart = 3 * CHUNK_FRAMES + 100
    assert stretches == [
        (10_000 - 2 * REACH, 11_001 + 2 * REACH),
        (apart - 2 * REACH, apart + 2 * REACH + 1),
        (len(y) - 1 - 2 * REACH, len(y)),
    ]
    assert [gain for _, _, gain in limiter.reductions] == pytest.approx([0.5, 0.25, 1 / 1.6])
    is_reduced = np.zeros(len(y), bool)
    for start, end in stretches:
        is_reduced[start:end] = True
    np.testing.assert_array_equal(output[~is_reduced], y[~is_reduced])


def test_a_stretch_across_chunks_is_reported_once() -> None:
    y = signal("noise", 5 * CHUNK_FRAMES, 1, 0, 2.0)
    limiter, _ = limiter_and_output(y, sizes=(1000,))
    assert len(limiter.reductions) == 1
    start, end, lowest = limiter.reductions[0]
    assert (start, end) == (0, len(y))
    assert lowest == pytest.approx(0.5, abs=1e-3)


# What is refused


@pytest.mark.parametrize(
    ("sr", "channels", "ceiling"),
    [(0, 1, 1.0), (SR, 0, 1.0), (SR, 1, 0.0), (SR, 1, -1.0), (SR, 1, math.inf), (SR, 1, math.nan)],
)
def test_an_invalid_rate_channel_count_or_ceiling_is_refused(sr: int, channels: int, ceiling: float) -> None:
    with pytest.raises(ValueError, match=r"limited|ceiling"):
        Limiter(sr, channels, ceiling, true_peak=False)


@pytest.mark.parametrize("shape", [(10,), (10, 1), (10, 2, 1)])
def test_blocks_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="shape"):
        Limiter(SR, 2, 1.0, true_peak=False).process(np.zeros(shape, np.float32))
    if len(shape) != 2:
        with pytest.raises(ValueError, match="shape"):
            true_peak(np.zeros(shape, np.float32))
