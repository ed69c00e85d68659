"""The sample rate of a clip: how many frames it has at another rate, and the conversion, block by block.

Blocks are float32, shape (frames, channels), full scale ±1; rates are in Hz. Numerical libraries are imported only
where samples are converted, because lengths of songs are computed without samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thresher.signal.mixing.mix import Block

PORTION = 1 << 18
"""Frames that are resampled, or made, at a time: a block of 1 Hz becomes thousands of times as long."""


def resampled_frames(frames: int, sr_in: int, sr_out: int) -> int:
    """The number of frames at the rate `sr_out` for `frames` at the rate `sr_in`: `frames · sr_out / sr_in`, halves
    rounded up."""
    if frames < 0 or sr_in < 1 or sr_out < 1:
        raise ValueError(f"{frames} frames cannot go from {sr_in} Hz to {sr_out} Hz")
    return (2 * frames * sr_out + sr_in) // (2 * sr_in)


def resampler_version() -> str:
    """The version of soxr, on which the samples of a resampled clip depend."""
    import soxr

    return str(soxr.__libsoxr_version__)


class Resampler:
    """Changes the sample rate of one clip, block by block, with soxr at its "HQ" quality.

    The whole output has `resampled_frames` of the whole input. soxr's own count sometimes differs by a frame; the
    end of the output is then cut or filled with silence. At equal rates blocks are returned unchanged.
    """

    def __init__(self, sr_in: int, sr_out: int, channels: int) -> None:
        if sr_in < 1 or sr_out < 1 or channels < 1:
            raise ValueError(f"{channels} channels cannot go from {sr_in} Hz to {sr_out} Hz")
        self._sr_in = sr_in
        self._sr_out = sr_out
        self._channels = channels
        self._frames_in = 0
        self._frames_out = 0
        self._finished = False
        self._stream: Any = None
        if sr_in != sr_out:
            import soxr

            self._stream = soxr.ResampleStream(sr_in, sr_out, channels, dtype="float32", quality="HQ")

    def stream(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Yield the output for all `blocks` of the clip, in blocks of about PORTION frames at most."""
        import numpy as np

        frames = max(1, PORTION * min(self._sr_in, self._sr_out) // self._sr_out)
        for block in blocks:
            for portion in _portions(block, frames):
                yield from _portions(self.process(portion), PORTION)
        yield from _portions(self.process(np.empty((0, self._channels), np.float32), last=True), PORTION)

    def process(self, block: Block, *, last: bool = False) -> Block:
        """Resample a block. Returns the output that is ready, maybe none; after the `last` block, all the rest."""
        if self._finished:
            raise ValueError("the last block has been resampled already")
        self._finished = last
        if self._stream is None:
            return block
        import numpy as np

        self._frames_in += len(block)
        output: Block = self._stream.resample_chunk(np.ascontiguousarray(block, np.float32), last=last)
        if last:
            output = self._fitted(output)
        self._frames_out += len(output)
        return output

    def _fitted(self, output: Block) -> Block:
        """The last output, cut or filled so that the whole output has the right length."""
        import numpy as np

        wanted = resampled_frames(self._frames_in, self._sr_in, self._sr_out) - self._frames_out
        if len(output) >= wanted:
            return output[:wanted]
        return np.concatenate([output, np.zeros((wanted - len(output), output.shape[1]), np.float32)])


def _portions(block: Block, frames: int) -> Iterator[Block]:
    # an empty block is passed on: it shows that work goes on
    return (block[start : start + frames] for start in range(0, max(1, len(block)), frames))
