"""The steps from a clip to its part of a song: channels, gain, fades, and joining it with the other clips.

Blocks are float32, shape (frames, channels), full scale ±1; positions and lengths are in frames. Everything works
block by block, and the result does not depend on the division into blocks. No input is modified; a block that needs
no change is returned itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Block = NDArray[np.float32]

# ITU-R BS.775-3, table 2: the weight of each channel in the left and in the right side. Channels are in the
# order of WAVE and FLAC; the low-frequency channel is not used. L/R front, C centre, B back, S side, M the single
# back channel of 6.1.
_C = math.sqrt(0.5)
_STEREO_COEFFICIENTS: dict[int, tuple[tuple[float, ...], tuple[float, ...]]] = {
    # L R C
    3: ((1, 0, _C), (0, 1, _C)),
    # L R BL BR
    4: ((1, 0, _C, 0), (0, 1, 0, _C)),
    # L R C BL BR
    5: ((1, 0, _C, _C, 0), (0, 1, _C, 0, _C)),
    # L R C LFE BL BR
    6: ((1, 0, _C, 0, _C, 0), (0, 1, _C, 0, 0, _C)),
    # L R C LFE M SL SR
    7: ((1, 0, _C, 0, 0.5, _C, 0), (0, 1, _C, 0, 0.5, 0, _C)),
    # L R C LFE BL BR SL SR
    8: ((1, 0, _C, 0, _C, 0, _C, 0), (0, 1, _C, 0, 0, _C, 0, _C)),
}


def stereo_coefficients(channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The weight of each channel in the left and in the right side of a stereo down-mix.

    The weights of a side sum to 1, so that no side exceeds the loudest channel. One channel goes to both sides,
    two stay as they are, three to eight follow ITU-R BS.775 in the channel order of WAVE and FLAC. For more
    channels, both sides get their mean.
    """
    if channels < 1:
        raise ValueError(f"{channels} channels cannot be mixed")
    if channels == 2:
        return (1.0, 0.0), (0.0, 1.0)
    if channels not in _STEREO_COEFFICIENTS:
        return (1 / channels,) * channels, (1 / channels,) * channels
    left, right = _STEREO_COEFFICIENTS[channels]
    return tuple(weight / sum(left) for weight in left), tuple(weight / sum(right) for weight in right)


def downmix(block: Block, channels_out: int, mono_channel: int | None = None) -> Block:
    """Mix a block down to one or two channels.

    One channel is the mean of all channels, or `mono_channel` alone if it is given (the loudest channel, if the
    mean cancels). Two channels follow `stereo_coefficients`; `mono_channel` is then ignored.
    """
    if block.ndim != 2:
        raise ValueError(f"a block has the shape (frames, channels), not {block.shape}")
    channels = block.shape[1]
    if channels_out not in (1, 2):
        raise ValueError(f"a song has 1 or 2 channels, not {channels_out}")
    if channels_out == channels:
        return block
    if channels_out == 2:
        return np.stack([_weighted_sum(block, side) for side in stereo_coefficients(channels)], axis=1)
    if mono_channel is None:
        return (_weighted_sum(block, (1.0,) * channels) / np.float32(channels))[:, np.newaxis]
    if not 0 <= mono_channel < channels:
        raise ValueError(f"channel {mono_channel} is not one of 0 to {channels - 1}")
    return np.ascontiguousarray(block[:, mono_channel : mono_channel + 1])


def _weighted_sum(block: Block, weights: tuple[float, ...]) -> Block:
    """The weighted sum, channel by channel, because the rounding of a matrix product depends on the block size."""
    total = np.zeros(len(block), np.float32)
    for channel, weight in enumerate(weights):
        if weight:
            total += block[:, channel] * np.float32(weight)
    return total


@dataclass(frozen=True)
class Fade:
    """A fade at one end of a clip over a number of frames: alone, or a crossfade with the next or previous clip."""

    frames: int
    is_crossfade: bool = False

    def gains(self, index: NDArray[np.int64]) -> Block:
        """The gains of the frames with these indices, counted from the silent end, shape (frames, 1).

        A fade alone is a raised cosine, `(1 - cos(π(i + ½) / frames)) / 2`. A crossfade is its square root,
        `sin(π(i + ½) / 2 frames)`, so that the squared gains of the two clips sum to 1 everywhere.
        """
        angle = np.pi * (index + 0.5) / self.frames
        gains = np.sin(angle / 2) if self.is_crossfade else 0.5 - 0.5 * np.cos(angle)
        return gains.astype(np.float32)[:, np.newaxis]


def fade_edges(block: Block, position: int, total: int, fade_in: Fade, fade_out: Fade) -> Block:
    """Apply the fades at both ends of a clip to one of its blocks.

    `block` begins at frame `position` of a clip of `total` frames. The first frames are multiplied by the gains
    of `fade_in` and the last frames by those of `fade_out`, mirrored. Where the fades of a short clip overlap,
    both apply.
    """
    if min(position, fade_in.frames, fade_out.frames) < 0 or position + len(block) > total:
        raise ValueError(
            f"frames {position} to {position + len(block)} of {total} with {fade_in} and {fade_out}"
        )
    rising = min(len(block), max(0, fade_in.frames - position))
    falling = min(len(block), max(0, position + len(block) - (total - fade_out.frames)))
    if rising == 0 and falling == 0:
        return block
    faded = block.copy()
    if rising:
        faded[:rising] *= fade_in.gains(np.arange(position, position + rising))
    if falling:
        end = position + len(block)
        faded[len(block) - falling :] *= fade_out.gains(total - 1 - np.arange(end - falling, end))
    return faded


def join(
    spans: Sequence[tuple[int, int]], clips: Iterable[Iterable[Block]], channels: int
) -> Iterator[Block]:
    """Join clips on one timeline, in blocks. Overlapping clips are added; gaps are silent.

    Each clip is given as its blocks, and plays in its span `[start, end)` of the timeline. The first span
    starts at 0; spans are in the order of their starts, and at most two overlap at any frame. Only the overlap
    with the next clip is kept in memory.
    """
    held = np.zeros((0, channels), np.float32)
    reached = 0
    for number, ((start, end), blocks) in enumerate(zip(spans, clips, strict=True)):
        following = spans[number + 1][0] if number + 1 < len(spans) else end
        if start > reached:
            yield np.zeros((start - reached, channels), np.float32)
        position, tail = start, []
        for block in blocks:
            mixed, shared = block, min(len(held), len(block))
            if shared:
                mixed = block.copy()
                mixed[:shared] += held[:shared]
                held = held[shared:]
            position += len(mixed)
            done = len(mixed) - min(len(mixed), max(0, position - following))
            yield mixed[:done]
            if done < len(mixed):  # an empty view would keep its block in memory
                tail.append(mixed[done:])
        held = np.concatenate([held, *tail])
        reached = end


def peak_gain(peak: float) -> float:
    """The gain that keeps a clip of this absolute peak within full scale: 1, or 1/peak above 1."""
    if not 0 <= peak < math.inf:
        raise ValueError(f"{peak} is not a peak")
    return 1.0 if peak <= 1 else 1 / peak
