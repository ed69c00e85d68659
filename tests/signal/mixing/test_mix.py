"""Channels, gains, fades and joining, for blocks of any size."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.signal.mixing.blocks import divided, noise
from thresher.signal.mixing.mix import (
    Fade,
    downmix,
    fade_edges,
    join,
    peak_gain,
    stereo_coefficients,
)

# Channels


@pytest.mark.parametrize("channels", [1, 2])
def test_an_equal_number_of_channels_returns_the_block_itself(channels: int) -> None:
    block = noise(10, channels)
    assert downmix(block, channels, None) is block


def test_a_mono_block_is_copied_to_both_sides() -> None:
    block = noise(10, 1)
    np.testing.assert_array_equal(downmix(block, 2, None), np.repeat(block, 2, axis=1))


@pytest.mark.parametrize("channels", [2, 3, 6, 11])
def test_a_mono_downmix_is_the_mean_of_all_channels(channels: int) -> None:
    block = noise(100, channels)
    mono = downmix(block, 1, None)
    assert mono.shape == (100, 1)
    assert mono.dtype == np.float32
    np.testing.assert_allclose(mono[:, 0], block.astype(np.float64).mean(axis=1), atol=1e-6)


def test_a_mono_downmix_of_equal_channels_is_the_channel() -> None:
    block = noise(100, 1)
    np.testing.assert_array_equal(downmix(np.repeat(block, 2, axis=1), 1, None), block)


def test_a_mono_downmix_uses_the_given_channel() -> None:
    block = noise(100, 1)
    opposed = np.concatenate([block, -block], axis=1)
    assert not downmix(opposed, 1, None).any()
    np.testing.assert_array_equal(downmix(opposed, 1, 1), -block)


C = math.sqrt(0.5)


@pytest.mark.parametrize(
    ("channels", "left"),
    [
        (3, (1, 0, C)),
        (4, (1, 0, C, 0)),
        (5, (1, 0, C, C, 0)),
        (6, (1, 0, C, 0, C, 0)),
        (7, (1, 0, C, 0, 0.5, C, 0)),
        (8, (1, 0, C, 0, C, 0, C, 0)),
        (9, (1,) * 9),
    ],
)
def test_each_channel_has_its_weights_in_a_stereo_downmix(channels: int, left: tuple[float, ...]) -> None:
    impulses = np.eye(channels, dtype=np.float32)
    np.testing.assert_allclose(downmix(impulses, 2, None)[:, 0], np.array(left) / sum(left), atol=1e-6)


@pytest.mark.parametrize("channels", range(3, 9))
def test_the_weights_of_left_and_right_are_mirrored(channels: int) -> None:
    left, right = stereo_coefficients(channels)
    assert sorted(left) == sorted(right)
    assert left[0] == right[1]
    assert left[1] == right[0] == 0


@pytest.mark.parametrize("channels", range(1, 13))
def test_no_side_exceeds_the_loudest_channel(channels: int) -> None:
    loudest = np.ones((4, channels), np.float32)
    assert np.abs(downmix(loudest, 2, None)).max() <= 1 + 1e-6


@pytest.mark.parametrize(("channels_out", "mono_channel"), [(0, None), (3, None), (1, 2), (1, -1)])
def test_an_invalid_number_of_channels_or_channel_is_refused(
    channels_out: int, mono_channel: int | None
) -> None:
    with pytest.raises(ValueError, match=r"channel"):
        downmix(noise(4, 2), channels_out, mono_channel)


# Fades and gain


def test_a_clip_without_fades_returns_the_block_itself() -> None:
    block = noise(10, 2)
    assert fade_edges(block, 0, 10, Fade(0), Fade(0)) is block


def test_a_block_outside_the_fades_is_returned_itself() -> None:
    block = noise(10, 2)
    assert fade_edges(block, 50, 100, Fade(50), Fade(40)) is block


def test_a_fade_is_a_raised_cosine() -> None:
    faded = fade_edges(np.ones((100, 1), np.float32), 0, 100, Fade(40), Fade(20))[:, 0]
    rising = (1 - np.cos(np.pi * (np.arange(40) + 0.5) / 40)) / 2
    falling = (1 + np.cos(np.pi * (np.arange(20) + 0.5) / 20)) / 2
    np.testing.assert_allclose(faded, np.concatenate([rising, np.ones(40), falling]), atol=1e-6)


def test_a_fade_out_is_a_reversed_fade_in() -> None:
    ones = np.ones((64, 1), np.float32)
    np.testing.assert_array_equal(
        fade_edges(ones, 0, 64, Fade(48), Fade(0))[::-1], fade_edges(ones, 0, 64, Fade(0), Fade(48))
    )


def test_fades_of_equal_length_add_up_to_one() -> None:
    ones = np.ones((64, 1), np.float32)
    both = fade_edges(ones, 0, 64, Fade(64), Fade(0)) + fade_edges(ones, 0, 64, Fade(0), Fade(64))
    np.testing.assert_allclose(both, 1, atol=1e-6)


def test_a_fade_does_not_modify_its_input() -> None:
    block = noise(10, 2)
    before = block.copy()
    fade_edges(block, 0, 10, Fade(5), Fade(5))
    np.testing.assert_array_equal(block, before)


@settings(max_examples=60, deadline=None)
@given(
    total=st.integers(1, 400),
    fade_in=st.integers(0, 500),
    fade_out=st.integers(0, 500),
    sizes=st.lists(st.integers(1, 120), min_size=1, max_size=5),
)
def test_fades_do_not_depend_on_the_blocks(total: int, fade_in: int, fade_out: int, sizes: list[int]) -> None:
    clip = noise(total, 2)
    position, pieces = 0, []
    for piece in divided(clip, sizes):
        pieces.append(fade_edges(piece, position, total, Fade(fade_in), Fade(fade_out)))
        position += len(piece)
    np.testing.assert_array_equal(
        np.concatenate(pieces), fade_edges(clip, 0, total, Fade(fade_in), Fade(fade_out))
    )


@pytest.mark.parametrize(
    ("position", "fade_in", "fade_out"), [(-1, 0, 0), (95, 0, 0), (0, -1, 0), (0, 0, -1)]
)
def test_a_block_outside_its_clip_is_refused(position: int, fade_in: int, fade_out: int) -> None:
    with pytest.raises(ValueError, match="of 100 with Fade"):
        fade_edges(noise(10, 1), position, 100, Fade(fade_in), Fade(fade_out))


def test_a_crossfade_is_the_square_root_of_a_fade() -> None:
    ones = np.ones((64, 1), np.float32)
    alone, shared = (fade_edges(ones, 0, 64, Fade(64, is_crossfade=kind), Fade(0)) for kind in (False, True))
    np.testing.assert_allclose(shared, np.sqrt(alone), atol=1e-6)


def test_the_powers_of_a_crossfade_add_up_to_one() -> None:
    ones = np.ones((64, 1), np.float32)
    rising = fade_edges(ones, 0, 64, Fade(64, is_crossfade=True), Fade(0))
    falling = fade_edges(ones, 0, 64, Fade(0), Fade(64, is_crossfade=True))
    np.testing.assert_allclose(rising**2 + falling**2, 1, atol=1e-6)


# On one timeline


@st.composite
def timelines(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Spans, at most two of which overlap at a time."""
    spans: list[tuple[int, int]] = []
    for _ in range(draw(st.integers(1, 6))):
        earliest = max(spans[-1][0], spans[-2][1] if len(spans) > 1 else 0) if spans else 0
        start = 0 if not spans else draw(st.integers(earliest, spans[-1][1] + 20))
        end = start + draw(st.integers(1, 60))
        spans.append((start, max(end, spans[-1][1] if spans else end)))
    return spans


@settings(max_examples=200, deadline=None)
@given(spans=timelines(), sizes=st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_overlapping_clips_on_a_timeline_are_added(spans: list[tuple[int, int]], sizes: list[int]) -> None:
    clips = [noise(end - start, 2, seed=number) for number, (start, end) in enumerate(spans)]
    expected = np.zeros((spans[-1][1], 2), np.float32)
    for (start, end), clip in zip(spans, clips, strict=True):
        expected[start:end] += clip
    joined = list(join(spans, (divided(clip, sizes) for clip in clips), 2))
    np.testing.assert_array_equal(np.concatenate(joined), expected)


def test_clips_end_to_end_pass_unchanged() -> None:
    clips = [np.arange(6, dtype=np.int16).reshape(3, 2), np.ones((2, 2), np.int16)]
    joined = list(join([(0, 3), (3, 5)], ([clip] for clip in clips), 2))  # type: ignore[list-item]  # 16-bit blocks pass, too
    assert [block.dtype for block in joined if len(block)] == [np.int16, np.int16]
    np.testing.assert_array_equal(
        np.concatenate([block for block in joined if len(block)]), np.concatenate(clips)
    )


def test_only_the_overlap_with_the_next_clip_is_held_back() -> None:
    def blocks(count: int) -> Iterator[NDArray[np.float32]]:
        for number in range(count):
            taken.append(number)
            yield np.ones((10, 1), np.float32)

    taken: list[int] = []
    joined = join([(0, 100), (95, 195)], (blocks(10) for _ in range(2)), 1)
    assert len(next(joined)) == 10
    assert taken == [0]


@pytest.mark.parametrize(
    ("peak", "gain"), [(0.0, 1.0), (0.5, 1.0), (1.0, 1.0), (1.125, 1 / 1.125), (1.25, 0.8), (4.0, 0.25)]
)
def test_the_gain_brings_a_peak_above_full_scale_to_full_scale(peak: float, gain: float) -> None:
    assert peak_gain(peak) == gain


@pytest.mark.parametrize("peak", [-0.1, math.nan, math.inf])
def test_an_invalid_peak_is_refused(peak: float) -> None:
    with pytest.raises(ValueError, match="not a peak"):
        peak_gain(peak)


def test_no_block_of_a_clip_is_kept_in_memory() -> None:
    kept: list[weakref.ref[NDArray[np.float32]]] = []

    def blocks() -> Iterator[NDArray[np.float32]]:
        for number in range(8):
            block = noise(1_000, 1, number)
            kept.append(weakref.ref(block))
            yield block
            del block

    alive = [sum(each() is not None for each in kept) for _ in join([(0, 8_000)], [blocks()], 1)]
    assert max(alive) <= 2
