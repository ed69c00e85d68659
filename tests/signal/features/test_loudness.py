"""Loudness follows BS.1770-4 at every sample rate and for blocks of any length."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from thresher.signal.features.loudness import (
    BLOCK_FRAMES,
    TILE_FRAMES,
    LoudnessMeter,
    k_filter,
    k_weighting,
    step_at,
)

RATES = [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000]


def integrated_loudness(y: NDArray[np.float32], sr: int) -> float | None:
    """The loudness of a signal of shape (frames,) or (frames, channels), taken in one block."""
    block = y[:, None] if y.ndim == 1 else y
    meter = LoudnessMeter(sr, block.shape[1])
    meter.update(block)
    return meter.integrated()


def sine(sr: int, seconds: float, frequency: float = 997.0, amplitude: float = 1.0) -> NDArray[np.float32]:
    time = np.arange(round(seconds * sr)) / sr
    y: NDArray[np.float32] = (amplitude * np.sin(2 * np.pi * frequency * time)).astype(np.float32)
    return y


def swelling_noise(sr: int, seconds: float, seed: int, channels: int = 1) -> NDArray[np.float32]:
    """Noise that falls by 12 dB an octave and swells, so that the gates have something to do."""
    generator = np.random.default_rng(seed)
    frames = round(seconds * sr)
    y = np.cumsum(generator.standard_normal((frames, channels)), axis=0)
    y = y - np.linspace(y[0], y[-1], frames)
    level = np.interp(np.arange(frames), np.linspace(0, frames, 9), generator.uniform(-35, 0, 9))
    y = y / np.abs(y).max() + 0.05 * generator.standard_normal((frames, channels))
    swelling: NDArray[np.float32] = (0.5 * y * 10 ** (level[:, None] / 20)).astype(np.float32)
    return swelling


def high_pass_gain(sr: int) -> float:
    """What pyloudnorm's high pass "DeMan" has over that of 48 kHz, in dB: its numerator stays 1, -2, 1."""

    def pass_band(rate: int) -> float:
        k = math.tan(math.pi * 38.13547087602444 / rate)
        return 1 + k / 0.5003270373238773 + k * k

    return 20 * math.log10(pass_band(sr) / pass_band(48_000))


def test_coefficients_are_those_of_the_standard() -> None:
    table = [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585],
        [1, -2, 1, 1, -1.99004745483398, 0.99007225036621],
    ]
    np.testing.assert_allclose(k_weighting(48_000), table, atol=2e-8)


@pytest.mark.parametrize("sr", RATES)
def test_a_full_scale_sine_has_the_loudness_of_the_standard(sr: int) -> None:
    """-3.01 LUFS by definition; the bilinear transform bends the shelf at low rates."""
    tolerance = 0.01 if sr >= 44_100 else 0.06 if sr >= 16_000 else 0.25
    assert integrated_loudness(sine(sr, 2.0), sr) == pytest.approx(-3.01, abs=tolerance)


@pytest.mark.parametrize("gain_db", [-60.0, -20.0, 6.0])
def test_loudness_follows_the_gain(gain_db: float) -> None:
    y = sine(48_000, 1.0, frequency=440.0)
    loudness, scaled = (integrated_loudness(y * np.float32(10 ** (db / 20)), 48_000) for db in (0, gain_db))
    assert loudness is not None
    assert scaled == pytest.approx(loudness + gain_db, abs=1e-4)


def test_two_equal_channels_add_three_decibels() -> None:
    y = sine(16_000, 1.0)
    one, two = integrated_loudness(y, 16_000), integrated_loudness(np.column_stack([y, y]), 16_000)
    assert one is not None
    assert two == pytest.approx(one + 10 * math.log10(2), abs=1e-6)


@pytest.mark.parametrize(
    ("channels", "channel", "weight"),
    [(4, 3, 1.0), (5, 2, 1.0), (5, 3, 1.41), (5, 4, 1.41), (6, 4, 1.41), (6, 5, 1.41), (8, 7, 1.0)],
)
def test_surround_channels_have_the_weights_of_the_standard(
    channels: int, channel: int, weight: float
) -> None:
    block = np.zeros((16_000, channels), np.float32)
    block[:, channel] = sine(16_000, 1.0)
    front = integrated_loudness(sine(16_000, 1.0), 16_000)
    assert front is not None
    assert integrated_loudness(block, 16_000) == pytest.approx(front + 10 * math.log10(weight), abs=1e-6)


def test_low_frequency_effects_do_not_count() -> None:
    block = np.zeros((16_000, 6), np.float32)
    block[:, 3] = sine(16_000, 1.0)
    assert integrated_loudness(block, 16_000) is None


def test_the_relative_gate_leaves_out_quiet_blocks() -> None:
    """As in the EBU's test signals: 36 dB under the loud part does not count, 6 dB does."""
    loud, quiet = sine(48_000, 20.0, amplitude=0.1), sine(48_000, 5.0, amplitude=0.1 * 10 ** (-36 / 20))
    assert integrated_loudness(np.concatenate([quiet, loud, quiet]), 48_000) == pytest.approx(-23.01, abs=0.1)
    softer = loud / np.float32(2)
    both = integrated_loudness(np.concatenate([softer, loud]), 48_000)
    assert both == pytest.approx(-23.01 + 10 * math.log10((1 + 0.25) / 2), abs=0.1)


@pytest.mark.parametrize("filter_class", ["K-weighting", "DeMan"])
@pytest.mark.parametrize("sr", RATES[1:])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_loudness_equals_pyloudnorms(filter_class: str, sr: int, channels: int) -> None:
    pyloudnorm = pytest.importorskip("pyloudnorm")
    y = swelling_noise(sr, 3.0, seed=sr + channels, channels=channels)
    theirs = pyloudnorm.Meter(sr, filter_class=filter_class).integrated_loudness(y.astype(np.float64))
    if filter_class == "DeMan":
        theirs -= high_pass_gain(sr)
    tolerance = 0.02 if filter_class == "DeMan" else 0.1
    assert integrated_loudness(y, sr) == pytest.approx(theirs, abs=tolerance)


def test_real_clips_equal_pyloudnorm(corpus: Path) -> None:
    soundfile, pyloudnorm = pytest.importorskip("soundfile"), pytest.importorskip("pyloudnorm")
    compared = 0
    for path in sorted((corpus / "neural").rglob("*.*"))[::12]:
        if path.suffix not in {".wav", ".ogg", ".flac"}:
            continue
        sr = soundfile.info(path).samplerate
        y, _ = soundfile.read(path, frames=10 * sr, dtype="float32", always_2d=True)
        # pyloudnorm counts an incomplete block at the end as if it were whole.
        y = y[: len(y) * 10 // sr * sr // 10]
        if len(y) < 0.4 * sr or sr < 11_025:
            continue
        exact = y.astype(np.float64)
        standard = pyloudnorm.Meter(sr).integrated_loudness(exact)
        de_man = pyloudnorm.Meter(sr, filter_class="DeMan").integrated_loudness(exact) - high_pass_gain(sr)
        ours = integrated_loudness(y, sr)
        if ours is None:
            assert standard == -math.inf
            continue
        assert ours == pytest.approx(standard, abs=0.1), path
        assert ours == pytest.approx(de_man, abs=0.02), path
        compared += 1
    assert compared >= 20


@pytest.mark.parametrize("offset", [0.0, 0.5])
@pytest.mark.parametrize("sr", RATES)
def test_the_filter_by_blocks_is_the_recursion(sr: int, offset: float) -> None:
    """Within float32 rounding, also if a constant is five hundred times as large as the sound."""
    scipy_signal = pytest.importorskip("scipy.signal")
    noise = np.random.default_rng(sr).standard_normal((2, 3 * TILE_FRAMES + 777)) * 1e-3
    rows = (noise + offset).astype(np.float32)
    expected = scipy_signal.sosfilt(k_weighting(sr), rows.astype(np.float64))
    filtered, _ = k_filter(sr)(rows, np.zeros((2, 4)))
    # Each output is a float32 sum of 64 products, which processors add in different orders: up to 3.4e-5 apart.
    np.testing.assert_allclose(filtered, expected, atol=1e-7 if offset == 0 else 5e-5)


@pytest.mark.parametrize("frames", [1, 63, 64, 65, TILE_FRAMES - 1, TILE_FRAMES, TILE_FRAMES + BLOCK_FRAMES])
def test_the_filter_continues_from_its_state(frames: int) -> None:
    rows = np.random.default_rng(3).standard_normal((1, 3 * TILE_FRAMES)).astype(np.float32)
    whole, end = k_filter(16_000)(rows, np.zeros((1, 4)))
    first, state = k_filter(16_000)(rows[:, :frames], np.zeros((1, 4)))
    second, state = k_filter(16_000)(rows[:, frames:], state)
    np.testing.assert_allclose(np.hstack([first, second]), whole, atol=1e-5)
    np.testing.assert_allclose(state, end, atol=1e-4)


@pytest.mark.parametrize("sr", [1_000, 2_000, 3_000, 3_363, 3_364, 3_400, 4_000, 6_000])
def test_the_filter_is_stable_at_low_rates(sr: int) -> None:
    """At a tenth of the rate, far below the shelf, the weighting is that of the analogue high pass."""
    frequency = min(500.0, sr / 10)
    loudness = integrated_loudness(sine(sr, 20.0, frequency), sr)
    assert loudness is not None
    weighting = 20 * math.log10(frequency**2 / (frequency**2 + 38.135**2))
    assert loudness == pytest.approx(-3.01 - 0.691 + weighting, abs=0.5)


@pytest.mark.parametrize("sr", [1, 5, 99])
def test_very_low_rates_have_no_loudness(sr: int) -> None:
    assert integrated_loudness(np.ones(1_000, np.float32), sr) is None


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 3_000), max_size=12),
    sr=st.sampled_from([2_000, 8_000, 11_025, 16_001]),
    channels=st.integers(1, 2),
)
def test_the_block_length_does_not_matter(sizes: list[int], sr: int, channels: int) -> None:
    whole = np.random.default_rng(1).standard_normal((sum(sizes), channels)).astype(np.float32)
    meter = LoudnessMeter(sr, channels)
    for block in np.split(whole, np.cumsum(sizes)):
        meter.update(block)
    expected = integrated_loudness(whole, sr)
    if expected is None:
        assert meter.integrated() is None
    else:
        assert meter.integrated() == pytest.approx(expected, abs=1e-6)  # single precision


@pytest.mark.parametrize(("frames", "defined"), [(0, False), (4_409, False), (4_410, True)])
def test_less_than_four_tenths_of_a_second_has_no_loudness(frames: int, defined: bool) -> None:
    assert (integrated_loudness(np.ones(frames, np.float32), 11_025) is not None) is defined


@pytest.mark.parametrize("sr", [100, 11_025, 16_001, 44_100])
def test_a_step_starts_at_a_whole_frame(sr: int) -> None:
    for step in range(1, 50):
        assert step_at(step * sr // 10, sr) == step
        assert step_at(step * sr // 10 - 1, sr) == step - 1


def test_silence_has_no_loudness() -> None:
    assert integrated_loudness(np.zeros(16_000, np.float32), 16_000) is None
    assert integrated_loudness(sine(16_000, 1.0, amplitude=10 ** (-68 / 20)), 16_000) is None
    assert integrated_loudness(sine(16_000, 1.0, amplitude=10 ** (-66 / 20)), 16_000) is not None


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.filterwarnings("error")
def test_nan_and_infinity_have_no_loudness(value: float) -> None:
    y = sine(16_000, 1.0)
    y[8_000] = value
    assert integrated_loudness(y, 16_000) is None


def test_errors_show_the_wrong_shape_or_number() -> None:
    with pytest.raises(ValueError, match=r"\(frames, 2\), not \(9, 1\)"):
        LoudnessMeter(16_000, 2).update(np.zeros((9, 1), np.float32))
    with pytest.raises(ValueError, match="not 0"):
        LoudnessMeter(0, 1)
    with pytest.raises(ValueError, match="not -1"):
        LoudnessMeter(16_000, -1)


def two_tones(levels: list[float], seconds: float = 20.0, sr: int = 48_000) -> NDArray[np.float32]:
    """Stereo sines of 1 kHz, one for each level in dBFS, one after the other."""
    sine = np.sin(2 * np.pi * 1_000 * np.arange(round(seconds * sr)) / sr)
    y = np.concatenate([10 ** (level / 20) * sine for level in levels]).astype(np.float32)
    return np.column_stack([y, y])


# EBU Tech 3342, table 1: minimum requirements test signals 1 to 4.
@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([-20.0, -30.0], 10.0),
        ([-20.0, -15.0], 5.0),
        ([-40.0, -20.0], 20.0),
        ([-50.0, -35.0, -20.0, -35.0, -50.0], 15.0),
    ],
)
def test_loudness_range_of_the_standards_test_signals(levels: list[float], expected: float) -> None:
    y = two_tones(levels)
    meter = LoudnessMeter(48_000, 2)
    for start in range(0, len(y), 10_007):
        meter.update(y[start : start + 10_007])
    assert meter.range() == pytest.approx(expected, abs=0.3)


def test_loudness_range_is_undefined_where_two_windows_do_not_pass() -> None:
    for seconds, gain, defined in [(3.05, 1.0, False), (3.2, 1.0, True), (10.0, 1e-5, False)]:
        meter = LoudnessMeter(48_000, 2)
        meter.update(np.float32(gain) * two_tones([-20.0], seconds))
        assert (meter.range() is not None) == defined
    meter.update(np.full((48_000, 2), np.nan, np.float32))
    assert meter.range() is None


@pytest.mark.parametrize("gain", [0.1, 0.5, 2.0])
def test_loudness_range_does_not_depend_on_gain(gain: float) -> None:
    y = two_tones([-20.0, -31.0, -25.0], 6.0)
    found = []
    for factor in (1.0, gain):
        meter = LoudnessMeter(48_000, 2)
        meter.update(np.float32(factor) * y)
        found.append(meter.range())
    assert found[1] == pytest.approx(found[0], abs=1e-3)


def test_loudness_range_is_near_pyloudnorms() -> None:
    """It lets the windows at the end reach into silence, which here is little of the whole."""
    pyloudnorm = pytest.importorskip("pyloudnorm")
    y = two_tones([-20.0, -31.0, -25.0, -23.0, -28.0], 24.0)
    meter = LoudnessMeter(48_000, 2)
    meter.update(y)
    theirs = pyloudnorm.Meter(48_000).loudness_range(y.astype(np.float64))
    assert meter.range() == pytest.approx(theirs, abs=0.2)
