"""Bounds equal librosa's without the offset, silence is decided per channel, the block length does not matter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from thresher.signal.features import trim
from thresher.signal.features.trim import LevelMeter, Levels, Span, to_mono
from thresher.signal.features.trim_settings import TrimSettings

LSB = np.float32(1 / 32768)

SETTINGS = [
    TrimSettings(),
    TrimSettings(top_db=60.0, frame_length=2048, hop_length=512),
    TrimSettings(top_db=20.0, frame_length=256, hop_length=128),
    TrimSettings(top_db=35.5, frame_length=600, hop_length=50),
]


WITH_OFFSET = [replace(trim, version=1) for trim in SETTINGS]
"""Settings of clips that were analysed before offsets were removed."""


def noise(frames: int, seed: int, channels: int = 1) -> NDArray[np.float32]:
    generator = np.random.default_rng(seed)
    return (0.1 * generator.standard_normal((frames, channels))).astype(np.float32)


def clip_with_quiet_ends(seed: int) -> NDArray[np.float32]:
    """Noise under an envelope with quiet or silent ends, at any level and of any length."""
    generator = np.random.default_rng(seed)
    frames = int(generator.integers(1, 40_000))
    level_db = np.interp(
        np.arange(frames),
        np.sort(generator.integers(0, frames, 6)),
        generator.uniform(-90.0, 0.0, 6),
    )
    y = generator.standard_normal(frames) * 10.0 ** ((level_db + generator.uniform(-40, 10)) / 20)
    start, end = np.sort(generator.integers(0, frames + 1, 2))
    if seed % 3 == 0:
        y[:start] = 0.0
    if seed % 5 == 0:
        y[end:] = 0.0
    return y.astype(np.float32)


def measure(
    blocks: list[NDArray[np.float32]], settings: TrimSettings = SETTINGS[0], channels: int = 1
) -> Levels:
    meter = LevelMeter(channels, settings)
    for block in blocks:
        meter.update(block)
    return meter.result()


def librosa_bounds(y: NDArray[np.float32], trim: TrimSettings) -> Span:
    librosa = pytest.importorskip("librosa")
    _, (start, end) = librosa.effects.trim(
        y, top_db=trim.top_db, frame_length=trim.frame_length, hop_length=trim.hop_length
    )
    return Span(int(start), int(end))


@pytest.mark.slow
@pytest.mark.parametrize("trim", WITH_OFFSET, ids=lambda trim: f"{trim.frame_length}/{trim.hop_length}")
def test_bounds_equal_librosas(trim: TrimSettings) -> None:
    compared = 0
    for seed in range(60):
        y = clip_with_quiet_ends(seed)
        levels = measure([y[:, None]], trim)
        if levels.silent:
            continue
        assert levels.span == librosa_bounds(y, trim), f"seed {seed}, {len(y)} frames"
        compared += 1
    assert compared >= 50


@pytest.mark.parametrize("trim", WITH_OFFSET[:2], ids=lambda trim: f"{trim.frame_length}/{trim.hop_length}")
@pytest.mark.long
def test_bounds_of_real_clips_equal_librosas(corpus: Path, trim: TrimSettings) -> None:
    soundfile = pytest.importorskip("soundfile")
    files = sorted((corpus / "neural").rglob("*.wav"))[::2]
    assert len(files) > 50
    for path in files:
        block, _ = soundfile.read(path, frames=320_000, dtype="float32", always_2d=True)
        levels = measure([block], trim, block.shape[1])
        if not levels.silent:
            assert levels.span == librosa_bounds(to_mono(block, levels.mono_channel), trim), path


@pytest.mark.parametrize("gain", [1.0, 1e-1, 1e-2, 1e-3])
def test_very_quiet_clips_are_bounded_as_by_librosa(gain: float) -> None:
    """librosa lifts amplitudes to 1e-5 first, so that the quietest clips lose nothing."""
    y = noise(20_000, seed=1)[:, 0] * np.float32(gain)
    y[:5_000] *= np.float32(1e-3)
    settings_without_floor = TrimSettings(floor_db=-200.0)
    span = measure([y[:, None]], settings_without_floor).span
    assert span == librosa_bounds(y, settings_without_floor)
    assert (span.start == 0) == (gain <= 1e-2)


@pytest.mark.parametrize("frames", [2, 31, 32, 63, 64, 65, 127, 128, 129, 255, 256, 257])
def test_clips_shorter_than_a_frame_are_bounded_as_by_librosa(frames: int) -> None:
    y = noise(frames, seed=frames)[:, 0]
    assert measure([y[:, None]]).span == librosa_bounds(y, SETTINGS[0]) == Span(0, frames)


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 700), max_size=30),
    channels=st.integers(1, 3),
    trim=st.sampled_from(SETTINGS),
    seed=st.integers(0, 5),
)
def test_the_block_length_does_not_matter(
    sizes: list[int], channels: int, trim: TrimSettings, seed: int
) -> None:
    whole = noise(sum(sizes), seed, channels)
    whole[: len(whole) // 3] *= np.float32(1e-4)
    blocks = np.split(whole, np.cumsum(sizes)[:-1]) if sizes else []
    assert measure(blocks, trim, channels) == measure([whole], trim, channels)


def test_reading_the_result_does_not_change_it() -> None:
    whole = noise(10_001, seed=2, channels=2)
    meter = LevelMeter(2, SETTINGS[0])
    for block in np.split(whole, [77, 5_000]):
        meter.update(block)
        meter.result()
    assert meter.result() == meter.result() == measure([whole], channels=2)


def test_long_blocks_are_taken_in_chunks() -> None:
    y = noise(200_003, seed=3, channels=2)
    y[:70_000] = 0.0
    span = measure([y], channels=2).span
    assert span == librosa_bounds(to_mono(y, None), SETTINGS[0])


SILENT = {
    "zeros": np.zeros(5_000),
    "a constant": np.full(5_000, 0.73),
    "one bit of noise": np.random.default_rng(4).integers(-1, 2, 5_000) * LSB,
    "one bit of noise on a constant": 0.9 + np.random.default_rng(4).integers(-1, 2, 5_000) * LSB,
    "a constant of an odd length": np.full(64 * 40 + 17, -1.0),
    "one frame": np.array([0.5]),
}


@pytest.mark.parametrize("name", SILENT)
def test_silence_is_decided_per_channel(name: str) -> None:
    block = np.asarray(SILENT[name], np.float32)[:, None]
    expected = Levels(len(block), Span(0, 0), silent=True, mono_channel=None, finite=True)
    assert measure([block]) == expected
    assert measure([np.hstack([block, -block])], channels=2) == expected


@pytest.mark.parametrize(("amplitude", "silent"), [(3.5e-4, True), (3.6e-4, False)])
def test_the_floor_is_the_rms_of_a_frame(amplitude: float, silent: bool) -> None:
    """-72 dBFS of RMS is a sine of 3.552e-4; 64 frames are a whole number of its periods."""
    sine = amplitude * np.sin(2 * np.pi * np.arange(6_400) / 16)
    for constant in (0.0, 0.5):
        levels = measure([(constant + sine).astype(np.float32)[:, None]])
        assert levels.silent is silent


def test_a_click_at_the_edge_is_sound() -> None:
    y = np.zeros(10_000, np.float32)
    y[-1] = 0.5
    span = measure([y[:, None]]).span
    assert span == librosa_bounds(y, SETTINGS[0])
    assert span.frames > 0


def test_an_empty_recording_is_silent() -> None:
    assert measure([]) == Levels(0, Span(0, 0), silent=True, mono_channel=None, finite=True)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("frame", [0, 5_000, 9_999])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.filterwarnings("error")
def test_nan_and_infinity_are_reported_as_not_finite(value: float, frame: int, channels: int) -> None:
    y = noise(10_000, seed=5, channels=channels)
    y[frame, 0] = value
    if channels == 2 and frame:
        y[frame - 1] = np.inf, -np.inf
    expected = Levels(10_000, Span(0, 0), silent=False, mono_channel=None, finite=False)
    assert measure([y], channels=channels) == expected
    assert measure(np.array_split(y, 7), channels=channels) == expected


@pytest.mark.filterwarnings("error")
def test_the_largest_floats_are_finite() -> None:
    y = np.full((1_000, 2), np.finfo(np.float32).max)
    y[::2] *= -1
    levels = measure([y], channels=2)
    assert levels.finite
    assert levels.span == Span(0, 1_000)


def opposed(frames: int, constant: float = 0.0) -> NDArray[np.float32]:
    left = noise(frames, seed=6)
    return np.hstack([left + np.float32(constant), np.float32(constant) - left])


STEREO = {
    "both sound": (noise(4_000, seed=7, channels=2), None),
    "one is silent": (noise(4_000, seed=8, channels=2) * np.array([0, 1], np.float32), None),
    "opposed": (opposed(4_000), 0),
    "opposed, the right one louder": (opposed(4_000) * np.array([1, 1.0005], np.float32), 1),
    "opposed on a constant": (opposed(4_000, constant=0.5) * np.array([0.999, 1], np.float32), 1),
    "opposed, but not quite": (opposed(4_000) * np.array([1, 1.01], np.float32), None),
    "a mean 61 dB down": (opposed(4_000) * np.array([10, 9.982], np.float32), 0),
    "a mean 59 dB down": (opposed(4_000) * np.array([10, 9.978], np.float32), None),
    "the mean alone is under the floor": (
        noise(4_000, seed=9, channels=2) * np.array([0, 3e-3], np.float32),
        1,
    ),
}


@pytest.mark.parametrize("name", STEREO)
def test_two_channels_are_mixed_unless_they_cancel(name: str) -> None:
    block, mono_channel = STEREO[name]
    levels = measure([block], channels=2)
    assert not levels.silent
    assert levels.mono_channel == mono_channel
    assert levels.span == librosa_bounds(to_mono(block, mono_channel), SETTINGS[0])


@pytest.mark.parametrize("channels", [1, 2, 3, 6])
def test_equal_channels_give_back_their_samples(channels: int) -> None:
    y = noise(1_000, seed=10)
    assert np.array_equal(to_mono(np.repeat(y, channels, axis=1), None), y[:, 0])


def test_mono_is_the_mean_or_one_channel() -> None:
    block = noise(1_000, seed=11, channels=3)
    assert to_mono(block, None).dtype == np.float32
    np.testing.assert_allclose(to_mono(block, None), block.mean(axis=1), atol=1e-7)
    assert np.array_equal(to_mono(block, 2), block[:, 2])


def test_errors_show_the_wrong_block_shape() -> None:
    meter = LevelMeter(2, SETTINGS[0])
    with pytest.raises(ValueError, match=r"\(frames, 2\), not \(10, 3\)"):
        meter.update(np.zeros((10, 3), np.float32))
    with pytest.raises(ValueError, match="not 0"):
        LevelMeter(0, SETTINGS[0])


def levels_of(y: NDArray[np.float32], **settings: float) -> Levels:
    meter = LevelMeter(1, TrimSettings(**settings))  # type: ignore[arg-type]  # all of these are numbers
    meter.update(y[:, None])
    return meter.result()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("offset", [0.0, 0.2])
def test_silence_is_the_share_of_silent_frames_between_the_ends(share: float, offset: float) -> None:
    y = (0.3 * np.random.default_rng(0).normal(size=64_000)).astype(np.float32)
    start = 5_000
    y[start : start + round(share * 50_000)] *= 1e-4
    expected = share * 50_000 / 64_000
    assert levels_of(y + np.float32(offset)).silence == pytest.approx(expected, abs=0.006)


def test_an_offset_of_the_sound_only_does_not_hide_silence() -> None:
    y = (0.3 + 0.1 * np.random.default_rng(0).normal(size=64_000)).astype(np.float32)
    y[10_000:42_000] = 0
    assert levels_of(y).silence == pytest.approx(0.5, abs=0.006)


def gated(before: int, after: int, *, sound_mean: float = 0.0, seed: int = 0) -> NDArray[np.float32]:
    """16,000 frames of noise between zeros."""
    y = np.float32(sound_mean) + noise(16_000, seed)[:, 0]
    return np.concatenate([np.zeros(before, np.float32), y, np.zeros(after, np.float32)])


@pytest.mark.parametrize("offset", [0.02, -0.02, 1 / 128, 0.0003, 0.9])
@pytest.mark.parametrize(("before", "after"), [(16_000, 32_000), (0, 5_000), (640, 0), (0, 0)])
@pytest.mark.parametrize("sound_mean", [0.0, 0.05])
def test_bounds_ignore_a_constant_offset(offset: float, before: int, after: int, sound_mean: float) -> None:
    y = gated(before, after, sound_mean=sound_mean)
    bounds = levels_of(y).span
    assert bounds == librosa_bounds(y - y.mean() if not before + after else y, SETTINGS[0])
    assert levels_of(y + np.float32(offset)).span == bounds
    assert abs(bounds.frames - 16_000) <= 256


def test_an_offset_of_the_pauses_alone_is_removed() -> None:
    y = gated(16_000, 32_000)
    y[y == 0] = 0.01
    assert levels_of(y).span == librosa_bounds(y - np.float32(0.01), SETTINGS[0])
    assert levels_of(y).span.frames < 17_000


def test_an_offset_of_the_sound_alone_widens_nothing() -> None:
    y = gated(700, 900, sound_mean=0.02)
    assert levels_of(y).span == librosa_bounds(y, SETTINGS[0]) == levels_of(y, version=1).span


@pytest.mark.parametrize("offset", [0.0, 1 / 32768, 0.0002])
def test_up_to_the_floor_an_offset_is_part_of_the_signal(offset: float) -> None:
    y = 0.02 * gated(16_000, 32_000) + np.float32(offset)
    assert levels_of(y).span == levels_of(y, version=1).span == librosa_bounds(y, SETTINGS[0])


DRIFTS = {
    "rises": np.linspace(0.01, 0.03, 64_000),
    "rises from zero": np.linspace(0.0, 0.01, 64_000),
    "rises and falls": 0.02 * np.sin(np.linspace(0, np.pi, 64_000)),
    "differs at the ends": np.repeat([0.01, -0.02], 32_000),
    "is only at the start": np.repeat([0.01, 0.0], 32_000),
    "decays": 0.05 * np.exp(-np.linspace(0, 5, 64_000)),
}


@pytest.mark.parametrize("name", DRIFTS)
def test_an_offset_that_drifts_is_followed(name: str) -> None:
    y = gated(24_000, 24_000)
    expected = levels_of(y).span
    found = levels_of(y + DRIFTS[name].astype(np.float32)).span
    assert abs(found.start - expected.start) <= 128
    assert abs(found.end - expected.end) <= 128


@pytest.mark.parametrize("name", ["rises", "rises and falls"])
def test_a_drifting_offset_alone_is_silent(name: str) -> None:
    assert levels_of(DRIFTS[name].astype(np.float32)).silent


def test_each_channel_has_its_own_offset() -> None:
    y = gated(16_000, 32_000)
    expected = levels_of(y).span
    for left, right in ((0.02, -0.02), (0.02, 0.0), (0.03, 0.01)):
        levels = measure([np.column_stack([y + np.float32(left), y + np.float32(right)])], channels=2)
        assert (levels.span, levels.mono_channel) == (expected, None)
    steady = np.column_stack([np.full(64_000, 0.02), np.full(64_000, -0.01)]).astype(np.float32)
    assert measure([steady], channels=2).silent


def test_the_flat_tops_of_a_square_wave_are_not_a_pause() -> None:
    wave = np.sign(np.sin(2 * np.pi * 50 * np.arange(44_100) / 44_100 + 0.1)).astype(np.float32)
    levels = levels_of(0.5 * wave)
    assert levels.span == librosa_bounds(0.5 * wave, SETTINGS[0])
    assert levels.silence == 0.0


def test_trim_and_silence_agree_about_an_offset() -> None:
    """One second of sound within three seconds of offset: one second, none of it silent."""
    tone = 0.5 * np.sin(2 * np.pi * 300 * np.arange(16_000) / 16_000)
    y = np.concatenate([np.zeros(16_000), tone, np.zeros(32_000)]).astype(np.float32)
    eight_bits = np.round(y * 120) / 128
    for each in (y, y + np.float32(655 / 32768), eight_bits, eight_bits - np.float32(1 / 128)):
        levels = levels_of(each.astype(np.float32))
        assert levels.span.frames / 16_000 == pytest.approx(1.0, abs=0.02)
        assert levels.silence <= 0.02


def test_silence_is_below_the_loudest_frame_or_below_the_floor() -> None:
    y = np.full(64_000, 0.5, np.float32) * np.sign(np.sin(np.arange(64_000))).astype(np.float32)
    y[16_000:32_000] *= 10 ** (-40 / 20)
    assert levels_of(y).silence == 0.0
    assert levels_of(y, top_db=35.0).silence == pytest.approx(0.25, abs=0.006)
    assert levels_of(0.1 * y, floor_db=-60.0).silence == pytest.approx(0.25, abs=0.006)
    assert levels_of(0.1 * y, floor_db=-70.0).silence == 0.0


def test_dc_offset_is_that_of_the_span() -> None:
    y = np.full(64_000, 0.0, np.float32)
    y[16_000:48_000] = 0.2 + 0.1 * np.sin(np.arange(32_000))
    levels = levels_of(y)
    assert levels.span.frames < 33_000
    assert levels.dc_offset == pytest.approx(0.2 * 32_000 / levels.span.frames, rel=1e-3)


@pytest.mark.parametrize("cuts", [[], [1, 100, 30_001], list(range(777, 40_000, 777))])
@pytest.mark.parametrize("seed", range(6))
def test_a_recording_that_is_too_long_is_measured_with_longer_hops(
    monkeypatch: pytest.MonkeyPatch, seed: int, cuts: list[int]
) -> None:
    y = np.concatenate([clip_with_quiet_ends(seed), noise(20_000, seed)[:, 0] * 0.01])
    y = np.column_stack([y, 0.5 * y + np.float32(0.01)]).astype(np.float32)
    monkeypatch.setattr(trim, "MEMORY", 100 * trim.MEMORY // trim.most_hops(2))
    meter = LevelMeter(2, SETTINGS[0])
    for block in np.split(y, [cut for cut in cuts if cut < len(y)]):
        meter.update(block)
    found, kept = meter.result(), meter.settings
    assert kept.hop_length > SETTINGS[0].hop_length
    assert found.frames == len(y)
    assert len(y) // kept.hop_length <= trim.most_hops(2)
    monkeypatch.undo()
    exact = LevelMeter(2, kept)
    exact.update(y)
    same = exact.result()
    figures = [(each.span, each.silent, each.mono_channel) for each in (found, same)]
    assert figures[0] == figures[1]
    assert found.silence == pytest.approx(same.silence, abs=1e-9)
    assert found.dc_offset == pytest.approx(same.dc_offset, abs=1e-12)
    part = Span(found.span.start, found.span.start + (found.span.frames + 1) // 2)
    np.testing.assert_allclose(meter.frame_powers(part), exact.frame_powers(part), rtol=1e-6)


def test_every_recording_of_an_hour_fits_into_the_memory_of_a_level_meter() -> None:
    for channels, rate in ((1, 192_000), (2, 192_000), (8, 96_000), (32, 44_100)):
        assert trim.longest(channels, TrimSettings()) > 3_600 * rate
