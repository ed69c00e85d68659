"""Sounds between silences are found wherever a person hears them; grids cover a recording exactly."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.support import RATE
from thresher.signal.features.split import cells, parts
from thresher.signal.features.split_settings import SplitSettings
from thresher.signal.features.trim import LevelMeter, Span
from thresher.signal.features.trim_settings import TrimSettings

Floats = NDArray[np.float32]
NEAR = 0.02
"""Seconds by which a bound may differ from the true one."""


def tone(seconds: float, db: float = -10.0, rate: int = RATE) -> Floats:
    """Beats of a tone, twelve decibels up and down, with a peak of `db` dBFS."""
    time = np.arange(round(seconds * rate)) / rate
    beats = 0.55 + 0.45 * np.cos(2 * np.pi * 5 * time)
    return (10 ** (db / 20) * beats * np.sin(2 * np.pi * 440 * time)).astype(np.float32)


def nothing(seconds: float) -> Floats:
    return np.zeros(round(seconds * RATE), np.float32)


def hiss(seconds: float, db: float, seed: int = 0) -> Floats:
    noise = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return (10 ** (db / 20) * noise).astype(np.float32)


def measured(y: Floats, block: int = 1 << 16) -> LevelMeter:
    columns = y if y.ndim == 2 else y[:, None]
    meter = LevelMeter(columns.shape[1], TrimSettings())
    for start in range(0, len(columns), block):
        meter.update(columns[start : start + block])
    return meter


def split(y: Floats, silence: float = 0.4, rate: int = RATE) -> tuple[Span, ...]:
    return parts(measured(y), rate, SplitSettings(silence=silence))


def assert_near(found: tuple[Span, ...], *expected: tuple[float, float], rate: int = RATE) -> None:
    seconds = [(span.start / rate, span.end / rate) for span in found]
    assert len(found) == len(expected), seconds
    np.testing.assert_allclose(seconds, expected, atol=NEAR)


def test_sounds_between_silences_are_parts() -> None:
    y = np.concatenate([nothing(1), tone(2), nothing(0.5), tone(1.5), nothing(3), tone(1), nothing(2)])
    found = split(y)
    assert_near(found, (1, 3), (3.5, 5), (8, 9))
    whole = measured(y).result().span
    assert (found[0].start, found[-1].end) == (whole.start, whole.end)


def test_a_recording_without_a_long_silence_is_not_split() -> None:
    y = np.concatenate([nothing(1), tone(2), nothing(0.3), tone(2)])
    assert split(y) == ()
    assert parts(measured(y), RATE, SplitSettings(every=6.0)) == ()


@pytest.mark.parametrize(("frames", "count"), [(6_400 - 64, 0), (6_400, 0), (6_400 + 128, 2)])
def test_only_a_silence_longer_than_the_setting_separates(frames: int, count: int) -> None:
    y = np.concatenate([tone(1), np.zeros(frames, np.float32), tone(1)])
    assert len(split(y)) == count


def test_a_quiet_sound_between_loud_ones_is_a_part() -> None:
    y = np.concatenate([tone(2, -1), nothing(1), tone(2, -58), nothing(1), tone(2, -1)])
    assert_near(split(y), (0, 2), (3, 5), (6, 8))


def test_quiet_music_that_fills_the_time_between_loud_sounds_is_not_silence() -> None:
    y = np.concatenate([tone(2, -1), tone(3, -55), tone(2, -1)])
    assert split(y) == ()


@pytest.mark.parametrize("floor", [-70.0, -62.0])
def test_steady_hiss_is_silence(floor: float) -> None:
    y = np.concatenate([tone(2, -3), nothing(1), tone(2, -20), nothing(1), tone(2, -3)])
    assert_near(split(y + hiss(8, floor)), (0, 2), (3, 5), (6, 8))


def test_a_rumble_that_rises_for_moments_is_silence() -> None:
    blip = nothing(3)
    blip[RATE : RATE + RATE // 20] = tone(0.05, -60)
    assert_near(split(np.concatenate([tone(2, -1), blip, tone(2, -1)])), (0, 2), (5, 7))


def test_rumble_and_hum_are_silence() -> None:
    y = np.concatenate([tone(2, -3), nothing(1), tone(2, -12), nothing(3), tone(2, -3)])
    steps = np.random.default_rng(1).standard_normal(len(y))
    rumble = np.cumsum(steps)
    rumble -= np.convolve(rumble, np.full(4_001, 1 / 4_001), "same")
    hum = np.sin(2 * np.pi * 50 * np.arange(len(y)) / RATE)
    for noise in (10 ** (-65 / 20) * rumble / rumble.std(), 10 ** (-58 / 20) * hum):
        assert_near(split(y + noise.astype(np.float32)), (0, 2), (3, 5), (8, 10))


def test_a_tail_is_trimmed_like_the_end_of_a_recording() -> None:
    ringing = tone(4, 0) * np.float32(10.0) ** (-np.arange(4 * RATE) / RATE * 30 / 20).astype(np.float32)
    y = np.concatenate([ringing, nothing(1), tone(2, 0)])
    alone = measured(ringing).result().span
    first, second = split(y)
    assert first.end == pytest.approx(alone.end, abs=NEAR * RATE)
    assert second.start == pytest.approx(5 * RATE, abs=NEAR * RATE)


def test_a_click_neither_is_a_part_nor_interrupts_a_silence() -> None:
    gap = nothing(0.6)
    gap[len(gap) // 2] = 0.9
    far = nothing(3)
    far[RATE] = 0.9
    assert_near(split(np.concatenate([tone(1), gap, tone(1), far, tone(1)])), (0, 1), (1.6, 2.6), (5.6, 6.6))


def test_a_click_far_before_the_first_sound_is_left_out_and_one_beside_it_is_kept() -> None:
    y = np.concatenate([nothing(2), tone(2)])
    y[100] = 0.9
    assert_near(split(y), (2, 4))
    y[100], y[round(1.8 * RATE)] = 0, 0.9
    assert split(y) == ()


def test_silence_with_an_offset_separates() -> None:
    y = np.concatenate([tone(2), nothing(1), tone(2)]) + np.float32(0.2)
    assert_near(split(y), (0, 2), (3, 5))


def test_sounds_whose_channels_cancel_are_found() -> None:
    a, b = tone(2), tone(2)
    silence = nothing(1)
    left = np.concatenate([a, silence, b, silence, a])
    right = np.concatenate([a, silence, -b, silence, a])
    assert_near(split(np.column_stack([left, right])), (0, 2), (3, 5), (6, 8))
    assert_near(split(np.column_stack([left, -left])), (0, 2), (3, 5), (6, 8))


def test_channels_that_sound_in_turn_do_not_leave_a_silence() -> None:
    left = np.concatenate([tone(2), nothing(2)])
    assert split(np.column_stack([left, left[::-1]])) == ()


@pytest.mark.parametrize("y", [nothing(3), hiss(3, -90), np.zeros(0, np.float32)])
def test_a_silent_recording_has_no_parts(y: Floats) -> None:
    assert split(y) == ()
    assert parts(measured(y), RATE, SplitSettings(count=3)) == ()


def test_a_recording_of_clicks_has_no_sounds() -> None:
    y = nothing(4)
    y[:: RATE // 2] = 0.5
    assert split(y, 0.2) == ()


def test_samples_that_are_not_finite_have_no_parts() -> None:
    y = np.concatenate([tone(1), nothing(1), tone(1)])
    y[500] = np.nan
    assert split(y) == ()


def test_the_length_of_blocks_does_not_matter() -> None:
    y = np.concatenate([tone(1, -1), nothing(0.7), tone(1, -57), nothing(0.7), tone(1, -1)])
    settings = SplitSettings(silence=0.4)
    assert parts(measured(y, 37), RATE, settings) == parts(measured(y), RATE, settings) != ()


def test_the_montage_has_its_fifty_clips(corpus: Path) -> None:
    """Each clip has 16,384 samples and is followed by 8,000 zeros."""
    y, rate = soundfile.read(corpus / "neural/odd/montage/wavegan_piano.wav", dtype="float32")
    true = [(n * 24_384 / rate, (n * 24_384 + 16_384) / rate) for n in range(50)]
    assert_near(split(y, rate=rate), *true, rate=rate)


@given(
    frames=st.integers(1, 100_000),
    every=st.one_of(st.none(), st.floats(0.01, 8)),
    count=st.integers(2, 60),
)
def test_cells_cover_all_frames(frames: int, every: float | None, count: int) -> None:
    settings = SplitSettings(count=count) if every is None else SplitSettings(every=every)
    found = cells(frames, 8_000, settings)
    assert (found[0].start, found[-1].end) == (0, frames)
    assert all(before.end == after.start for before, after in pairwise(found))
    lengths = [span.frames for span in found]
    assert min(lengths) > 0
    if every is None:
        assert len(found) == min(count, frames)
        assert max(lengths) - min(lengths) <= 1
    else:
        assert all(abs(length - every * 8_000) < 1 for length in lengths[:-1])
        assert lengths[-1] < every * 8_000 + 1


def test_a_grid_covers_silence_too() -> None:
    y = np.concatenate([nothing(2), tone(2), nothing(4)])
    found = parts(measured(y), RATE, SplitSettings(every=2.0))
    assert [span.start for span in found] == [0, 2 * RATE, 4 * RATE, 6 * RATE]


def test_a_rule_without_cells_is_refused() -> None:
    with pytest.raises(ValueError, match="not a grid: at silences"):
        cells(10, RATE, SplitSettings(silence=0.4))
