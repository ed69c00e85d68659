"""What a clip goes through on its way into a song: channels, sample rate, gain, fades, its place.

Blocks are float32, shape (frames, channels), full scale ±1; rates are in Hz, positions and lengths
in frames. Everything works block by block, and the result does not depend on how the audio was
divided into blocks. No input is modified; a block that needs no change is returned as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Block = NDArray[np.float32]

# ITU-R BS.775-3, table 2: what each channel adds to the left side, and to the right one. Channels are
# in the order of WAVE and FLAC; the low-frequency channel adds nothing. L/R front, C centre, B back,
# S side, M the single back channel of 6.1.
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

    The weights of a side sum to 1, so that no side exceeds the loudest channel. One channel goes to
    both sides, two stay as they are, three to eight follow ITU-R BS.775 by the channel order of WAVE
    and FLAC, and of more the mean goes to both sides.
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
    """The block with one or two channels.

    One: the mean of the channels, or the channel `mono_channel` alone where it is given (the loudest,
    where the mean cancels). Two: by `stereo_coefficients`; `mono_channel` then has no meaning.
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
    """Channel by channel: a matrix product would round by the block's size."""
    total = np.zeros(len(block), np.float32)
    for channel, weight in enumerate(weights):
        if weight:
            total += block[:, channel] * np.float32(weight)
    return total


@dataclass(frozen=True)
class Fade:
    """How a clip comes or goes: over so many frames, alone or, with `is_crossfade`, while another goes or comes."""

    frames: int
    is_crossfade: bool = False

    def gains(self, index: NDArray[np.int64]) -> Block:
        """The gains of its frames of these indices, counted from silence, shape (frames, 1).

        Alone a raised cosine, `(1 - cos(π(i + ½) / frames)) / 2`, which has no corners; in a crossfade its square
        root, `sin(π(i + ½) / 2 frames)`, so that the powers of the two clips sum to 1 all along.
        """
        angle = np.pi * (index + 0.5) / self.frames
        gains = np.sin(angle / 2) if self.is_crossfade else 0.5 - 0.5 * np.cos(angle)
        return gains.astype(np.float32)[:, np.newaxis]


def fade_edges(block: Block, position: int, total: int, fade_in: Fade, fade_out: Fade) -> Block:
    """The block with its share of the fades at both ends of a clip.

    `block` begins at frame `position` of a clip of `total` frames. The first frames are multiplied by the gains of
    `fade_in`, the last ones by those of `fade_out` from the end; where the fades of a short clip overlap, by both.
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
    """The frames of all clips on one timeline, in blocks: where two overlap they are added, between others is
    silence.

    Each clip comes as its blocks, and lies at its span `[start, end)` of the timeline, whose first starts at 0;
    spans are in the order of their starts, and none starts before the last but one has ended. Of a clip no more
    is held back than what the next one overlaps.
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
            tail.append(mixed[done:])
        held = np.concatenate([held, *(block for block in tail if len(block))])
        reached = end


def peak_gain(peak: float) -> float:
    """The gain that keeps a clip of this absolute peak within full scale: 1, or 1/peak above 1."""
    if not 0 <= peak < math.inf:
        raise ValueError(f"{peak} is not a peak")
    return 1.0 if peak <= 1 else 1 / peak


def resampled_frames(frames: int, sr_in: int, sr_out: int) -> int:
    """How many frames `frames` become at another sample rate: `frames · sr_out / sr_in`, halves up."""
    if frames < 0 or sr_in < 1 or sr_out < 1:
        raise ValueError(f"{frames} frames cannot go from {sr_in} Hz to {sr_out} Hz")
    return (2 * frames * sr_out + sr_in) // (2 * sr_in)


def resampler_version() -> str:
    """The version of soxr, which decides what samples a change of rate gives."""
    import soxr

    return str(soxr.__libsoxr_version__)


class Resampler:
    """Changes the sample rate of one clip, block by block, with soxr at its "HQ" quality.

    All output together has `resampled_frames` of all input; soxr's own count differs by a frame at
    times, and is cut or filled with silence at the end. At equal rates nothing is changed.
    """

    def __init__(self, sr_in: int, sr_out: int, channels: int) -> None:
        if sr_in < 1 or sr_out < 1 or channels < 1:
            raise ValueError(f"{channels} channels cannot go from {sr_in} Hz to {sr_out} Hz")
        self._sr_in = sr_in
        self._sr_out = sr_out
        self._frames_in = 0
        self._frames_out = 0
        self._finished = False
        self._stream: Any = None
        if sr_in != sr_out:
            import soxr

            self._stream = soxr.ResampleStream(sr_in, sr_out, channels, dtype="float32", quality="HQ")

    def process(self, block: Block, last: bool = False) -> Block:
        """What comes out for this block, which may be nothing yet; all the rest where it is the `last`."""
        if self._finished:
            raise ValueError("the last block has been resampled already")
        self._finished = last
        if self._stream is None:
            return block
        self._frames_in += len(block)
        output: Block = self._stream.resample_chunk(np.ascontiguousarray(block, np.float32), last=last)
        if last:
            output = self._fitted(output)
        self._frames_out += len(output)
        return output

    def _fitted(self, output: Block) -> Block:
        """The last output, cut or filled so that the whole has its length."""
        wanted = resampled_frames(self._frames_in, self._sr_in, self._sr_out) - self._frames_out
        if len(output) >= wanted:
            return output[:wanted]
        return np.concatenate([output, np.zeros((wanted - len(output), output.shape[1]), np.float32)])
