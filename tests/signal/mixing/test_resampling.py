"""Sample rates: exact lengths for blocks of any size, and the frequency and level of tones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.signal.mixing.blocks import divided, noise
from thresher.signal.mixing.resampling import PORTION, Resampler, resampled_frames

RATES = (2000, 8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 96000, 192000)


def sine(frames: int, frequency: float, sr: int) -> NDArray[np.float32]:
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(frames) / sr)).astype(np.float32)[:, np.newaxis]


def resampled(block: NDArray[np.float32], sr_in: int, sr_out: int, sizes: list[int]) -> NDArray[np.float32]:
    resampler = Resampler(sr_in, sr_out, block.shape[1])
    pieces = divided(block, sizes) or [block]
    return np.concatenate([resampler.process(piece, last=piece is pieces[-1]) for piece in pieces])


@pytest.mark.parametrize(
    ("frames", "sr_in", "sr_out", "expected"),
    [(0, 1, 9, 0), (1, 2, 1, 1), (1, 3, 1, 0), (3, 2, 1, 2), (16000, 16000, 44100, 44100), (7, 5, 5, 7)],
)
def test_the_number_of_frames_is_rounded_half_up(frames: int, sr_in: int, sr_out: int, expected: int) -> None:
    assert resampled_frames(frames, sr_in, sr_out) == expected


def test_equal_rates_change_nothing() -> None:
    block = noise(100, 2)
    assert Resampler(44100, 44100, 2).process(block) is block


@settings(max_examples=50, deadline=None)
@given(
    frames=st.integers(0, 3000),
    sr_in=st.sampled_from(RATES),
    sr_out=st.sampled_from(RATES),
    sizes=st.lists(st.integers(1, 1000), min_size=1, max_size=4),
)
def test_length_is_exact_and_blocks_do_not_matter(
    frames: int, sr_in: int, sr_out: int, sizes: list[int]
) -> None:
    block = noise(frames, 2)
    result = resampled(block, sr_in, sr_out, sizes)
    assert result.shape == (resampled_frames(frames, sr_in, sr_out), 2)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, resampled(block, sr_in, sr_out, [4000]))


@pytest.mark.parametrize(("frames", "expected"), [(80, 74), (240, 221), (50000, 45938), (1, 1)])
def test_a_frame_that_soxr_does_not_return_is_filled(frames: int, expected: int) -> None:
    assert len(resampled(noise(frames, 1), 48000, 44100, [1000])) == expected


@pytest.mark.parametrize(
    ("sr_in", "sr_out"), [(16000, 44100), (44100, 16000), (22050, 48000), (96000, 44100)]
)
def test_a_sine_keeps_its_frequency_and_level(sr_in: int, sr_out: int) -> None:
    result = resampled(sine(sr_in, 1000, sr_in), sr_in, sr_out, [4096])
    expected = sine(sr_out, 1000, sr_out)
    inner = slice(sr_out // 10, -sr_out // 10)  # the edges ring
    np.testing.assert_allclose(result[inner], expected[inner], atol=1e-4)


def test_frequencies_above_half_the_new_rate_are_removed() -> None:
    result = resampled(sine(44100, 12000, 44100), 44100, 16000, [4096])
    assert np.abs(result[1600:-1600]).max() < 1e-4


def test_a_block_after_the_last_one_is_refused() -> None:
    resampler = Resampler(16000, 8000, 1)
    resampler.process(noise(10, 1), last=True)
    with pytest.raises(ValueError, match="last block"):
        resampler.process(noise(10, 1))


@pytest.mark.parametrize(("sr_in", "sr_out", "channels"), [(0, 1, 1), (1, 0, 1), (1, 2, 0)])
def test_rates_and_channels_of_zero_are_refused(sr_in: int, sr_out: int, channels: int) -> None:
    with pytest.raises(ValueError, match="cannot go from"):
        Resampler(sr_in, sr_out, channels)


@pytest.mark.parametrize(
    ("sr_in", "sr_out"), [(1, 44_100), (8_000, 44_100), (44_100, 16_000), (16_000, 16_000)]
)
def test_a_stream_equals_the_clip_at_once_in_bounded_blocks(sr_in: int, sr_out: int) -> None:
    y = np.random.default_rng(0).normal(size=(min(sr_in * 20, 50_000), 2)).astype(np.float32)
    whole = Resampler(sr_in, sr_out, 2)
    expected = np.concatenate([whole.process(y), whole.process(y[:0], last=True)])
    blocks = list(Resampler(sr_in, sr_out, 2).stream([y[:7], y[7:]]))
    np.testing.assert_array_equal(np.concatenate(blocks), expected)
    assert max(map(len, blocks)) <= PORTION
