"""A limiter that keeps the sum of a song's clips under a ceiling: look-ahead, without delay, for peaks or true
peaks.

Blocks are float32, shape (frames, channels), full scale ±1; the sample rate is in Hz, positions are in frames,
gains and ceilings are linear. Everything works block by block, and the result does not depend on the division
into blocks. No input is modified, but blocks are kept until their frames are returned.

All channels have the same gain. First, each frame gets the gain that it needs: `ceiling / peak` if its peak is
above the ceiling, otherwise 1. Then each frame takes the lowest gain within ±h. Finally, gains are averaged
over ±h, weighted by a raised cosine. Every gain in an average is low enough for the frame in its centre, so the
average is never too high. The gain is smooth, and both steps are symmetric, so the gain is not delayed against
the audio.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from functools import cache

import numpy as np
from numpy.typing import NDArray

from thresher.signal.mixing.mix import Block

# h, in seconds. The peaks of a steady tone of f Hz are 1/f apart, or half of that for a symmetric wave. If they are
# at most 2h apart, the gain between them is constant and the tone only gets quieter. For 10 ms this holds from
# 50 Hz on, or 25 Hz. A shorter h would distort each wave of a bass; a longer h would turn down more than 40 ms
# around a click.
REACH_SECONDS = 0.010

# The number of frames that are limited at a time, counted from the first frame. Only these chunks affect results.
CHUNK_FRAMES = 16_384

# Points per sample at which true peaks are measured. ITU-R BS.1770-4, annex 2 requires 4, which can underestimate a
# peak of the highest frequencies by -20 log10 cos(π / 8) = 0.69 dB; with 8 points it is 0.17 dB.
OVERSAMPLING = 8

# The number of samples on each side from which a point is interpolated, and the shape of their Kaiser window.
HALF_WIDTH = 16
KAISER_BETA = 6.0

# The distance of true peaks from the ceiling, in dB. For signals without content above 0.4 of the sample rate,
# other meters read at most 0.06 dB more than this one. For noise in the whole band they read up to 0.4 dB more with
# a soft filter, such as that of `scipy.signal.resample_poly`, and up to 0.9 dB more with a filter that removes the
# highest tenth of the band, such as soxr's, because that changes the signal.
MARGIN = 0.5

# True peaks are not measured between two samples below this part of the ceiling: a tone of up to a third of the
# sample rate has a sample above half of its peak next to the peak.
LOUD = 0.5

# Points are interpolated for whole tiles of this many frames, and for at most this many tiles at a time.
TILE_FRAMES = 8
BATCH_TILES = 256


class Limiter:
    """Keeps a signal under a ceiling.

    `ceiling` limits the samples. With `true_peak` it also limits the signal between them, which then stays `MARGIN`
    below the ceiling. Frames that are further than 2 · `REACH_SECONDS` from every frame above the ceiling are not
    changed. The input must not contain NaN or infinity.

    `reductions`, `lowest_gain` and `reduced_frames` describe what was turned down so far.
    """

    def __init__(self, sr: int, channels: int, ceiling: float, *, true_peak: bool) -> None:
        if sr < 1 or channels < 1:
            raise ValueError(f"{channels} channels at {sr} Hz cannot be limited")
        if not 0 < ceiling < math.inf:
            raise ValueError(f"{ceiling} is not a ceiling")
        # start and end of each stretch that was turned down, and the lowest gain of each `_reach` frames in it
        self._turned_down: list[tuple[int, int, NDArray[np.float32]]] = []
        self._channels = channels
        self._has_true_peaks = true_peak
        self._ceiling = _float32_below(ceiling * 10 ** (-MARGIN / 20) if true_peak else ceiling)
        self._reach = max(1, round(REACH_SECONDS * sr))
        # the number of frames on either side on which the gain of a frame depends
        self._context = 2 * self._reach + (HALF_WIDTH if true_peak else 0)
        self._position = 0
        self._pending: list[Block] = [np.zeros((self._context, channels), np.float32)]
        self._ahead = 0
        self._finished = False

    def process(self, block: Block, last: bool = False) -> Block:
        """Limit a block. Returns the output that is ready, maybe none; after the `last` block, all the rest."""
        if self._finished:
            raise ValueError("the last block has been limited already")
        if block.ndim != 2 or block.shape[1] != self._channels:
            raise ValueError(f"a block has the shape (frames, {self._channels}), not {block.shape}")
        self._finished = last
        self._pending.append(block)
        self._ahead += len(block)
        done = self._ahead
        if not last:
            done = max(0, self._ahead - self._context) // CHUNK_FRAMES * CHUNK_FRAMES
            if done == 0:
                return np.zeros((0, self._channels), np.float32)
        else:
            self._pending.append(np.zeros((self._context, self._channels), np.float32))
        y = np.concatenate(self._pending, dtype=np.float32)
        limited = []
        for start in range(0, done, CHUNK_FRAMES):
            end = min(done, start + CHUNK_FRAMES)
            limited += self._limited(y[start : end + 2 * self._context], self._position + start)
        self._pending = [y[done:].copy()]
        self._ahead -= done
        output = y[self._context : self._context + done]
        for start, louder in limited:
            output[start - self._position : start - self._position + len(louder)] = louder
        self._position += done
        return output

    def _limited(self, y: Block, position: int) -> list[tuple[int, Block]]:
        """The stretches of a chunk that are turned down, and their starts. `y` has its context on both sides."""
        if max(y.max(), -y.min()) <= self._ceiling * (LOUD if self._has_true_peaks else 1):
            return []
        peaks = _with_true_peaks(y, self._ceiling * LOUD) if self._has_true_peaks else _peaks(y)
        over = np.flatnonzero(peaks > self._ceiling)
        if not len(over):
            return []
        limited = []
        # frames that are further apart than this turn down different frames
        for group in np.split(over, np.flatnonzero(np.diff(over) > 4 * self._reach) + 1):
            reduction = np.zeros(group[-1] - group[0] + 1)
            reduction[group - group[0]] = 1 - self._ceiling / peaks[group].astype(np.float64)
            gain = 1 - _smoothed(np.pad(reduction, 4 * self._reach), self._reach)
            # the start of the gain, and the part of it that lies in the chunk
            first = int(group[0]) - 4 * self._reach
            start, end = max(0, first), min(first + len(gain), len(y) - 2 * self._context)
            if start >= end:
                continue
            gain = gain[start - first : end - first]
            louder = y[self._context + start : self._context + end]
            # the ceiling is a float32 itself, so that rounding never raises a sample above it
            quieter = (louder * gain[:, np.newaxis]).astype(np.float32)
            limited.append((position + start, quieter))
            lowest = np.minimum.reduceat(gain, np.arange(0, len(gain), self._reach)).astype(np.float32)
            self._turned_down.append((position + start, position + end, lowest))
        return limited

    @property
    def reductions(self) -> list[tuple[int, int, float]]:
        """The stretches of the output that were turned down, as (start, end, lowest gain), in order.

        Stretches are half open, in frames from the first one, and do not touch.
        """
        merged: list[tuple[int, int, float]] = []
        for start, end, gains in self._turned_down:
            first, lowest = start, float(gains.min())
            if merged and merged[-1][1] == start:
                first, _, before = merged.pop()
                lowest = min(lowest, before)
            merged.append((first, end, lowest))
        return merged

    def lowest_gain(self, start: int, end: int) -> tuple[float, int]:
        """The lowest gain among the frames `[start, end)` and its position, with a resolution of `REACH_SECONDS`.

        Returns 1 and `start` if nothing was turned down.
        """
        first = bisect_right(self._turned_down, start, key=lambda piece: piece[1])
        found = (1.0, start)
        for begun, ended, gains in self._turned_down[first:]:
            if begun >= end:
                break
            low, high = max(0, start - begun) // self._reach, -(-(min(end, ended) - begun) // self._reach)
            at = low + int(gains[low:high].argmin())
            found = min(found, (float(gains[at]), begun + at * self._reach), key=lambda gain: gain[0])
        return found

    def reduced_frames(self, gain: float) -> int:
        """The number of frames that were turned down to `gain` or less, with a resolution of `REACH_SECONDS`."""
        return sum(int(np.count_nonzero(gains <= gain)) for *_, gains in self._turned_down) * self._reach


def true_peak(y: Block) -> float:
    """The greatest magnitude of the continuous signal with the samples `y`, shape (frames, channels); 0 for no
    frames.

    It is measured at the samples and at `OVERSAMPLING` points per sample between them, with silence before and
    after, in the manner of ITU-R BS.1770-4, annex 2.
    """
    if y.ndim != 2:
        raise ValueError(f"a block has the shape (frames, channels), not {y.shape}")
    greatest = float(np.abs(y).max(initial=0))
    silence = np.zeros(HALF_WIDTH, np.float32)
    size = TILE_FRAMES * BATCH_TILES
    for channel in y.T:
        padded = np.concatenate([silence, channel, silence], dtype=np.float32)
        for start in range(0, len(channel) + 1, size):
            between = _peaks_between(padded[start : start + size + 2 * HALF_WIDTH - 1])
            greatest = max(greatest, float(between.max(initial=0)))
    return greatest


def _float32_below(value: float) -> float:
    """The greatest float32 that does not exceed `value`."""
    nearest = np.float32(value)
    return float(nearest) if float(nearest) <= value else float(np.nextafter(nearest, np.float32(0)))


def _peaks(y: Block) -> NDArray[np.float32]:
    """The greatest magnitude of each frame over the channels. Channel by channel is faster than all at once."""
    peaks: NDArray[np.float32] = np.abs(y[:, 0])
    for channel in range(1, y.shape[1]):
        np.maximum(peaks, np.abs(y[:, channel]), out=peaks)
    return peaks


def _with_true_peaks(y: Block, floor: float) -> NDArray[np.float32]:
    """The greatest magnitude at each frame and between it and its neighbours, over the channels.

    The `HALF_WIDTH` frames at either end are left out. Between frames, only the spaces next to samples above
    `floor` are measured.
    """
    frames, channels = y.shape
    tiles = (frames - 2 * HALF_WIDTH) // TILE_FRAMES + 1
    width = tiles * TILE_FRAMES
    padded = np.zeros((channels, width + 2 * HALF_WIDTH - 1), np.float32)
    padded[:, :frames] = y.T
    # space i of a channel is the one after its frame HALF_WIDTH - 1 + i
    is_loud = np.abs(padded[:, HALF_WIDTH - 1 : 1 - HALF_WIDTH]) > floor
    is_near = is_loud[:, :-1] | is_loud[:, 1:]
    channel, tile = np.divmod(np.flatnonzero(is_near.reshape(-1, TILE_FRAMES).any(axis=1)), tiles)
    rows = np.arange(TILE_FRAMES + 2 * HALF_WIDTH - 1)[:, np.newaxis]
    between = np.zeros((channels, width), np.float32)
    for first in range(0, len(tile), BATCH_TILES):
        batch = slice(first, first + BATCH_TILES)
        starts = channel[batch] * padded.shape[1] + tile[batch] * TILE_FRAMES
        spaces = channel[batch] * width + tile[batch] * TILE_FRAMES
        between.ravel()[spaces + rows[:TILE_FRAMES]] = _peaks_between(padded.ravel()[starts + rows])
    # other points of a tile are removed, because they depend on where tiles end
    between *= is_near
    linked = between.max(axis=0)[: frames - 2 * HALF_WIDTH + 1]
    peaks = _peaks(y[HALF_WIDTH : frames - HALF_WIDTH])
    np.maximum(peaks, np.maximum(linked[:-1], linked[1:]), out=peaks)
    return peaks


@cache
def _interpolation() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The weights of the sums and of the differences of two samples at equal distance on either side, nearest
    first.

    Each has the shape (`OVERSAMPLING` / 2, `HALF_WIDTH`), for the points at 1/8, 2/8, 3/8 and 4/8 of the way.
    The sum of both weights is the weight of the earlier sample of a pair, a windowed sinc at its distance;
    their difference is the weight of the later sample. All weights of a point sum to 1.
    """
    way = np.arange(1, OVERSAMPLING // 2 + 1)[:, np.newaxis] / OVERSAMPLING
    pairs = np.arange(HALF_WIDTH)
    earlier, later = (
        np.sinc(distance) * np.i0(KAISER_BETA * np.sqrt(1 - (distance / HALF_WIDTH) ** 2))
        for distance in (pairs + way, pairs + 1 - way)
    )
    total = (earlier + later).sum(axis=1, keepdims=True)
    return (
        ((earlier + later) / total / 2).astype(np.float32),
        ((earlier - later) / total / 2).astype(np.float32),
    )


def _peaks_between(y: NDArray[np.float32]) -> NDArray[np.float32]:
    """The greatest magnitude between each row and the next, without the first and last `HALF_WIDTH - 1` rows.

    A point and its mirror image between two rows are the sum and the difference of the same even and odd parts
    of the signal. The greater of their magnitudes is the sum of the magnitudes of the parts.
    """
    count = len(y) - 2 * HALF_WIDTH + 1
    windows = np.moveaxis(np.lib.stride_tricks.sliding_window_view(y, count, axis=0), -1, 1)
    earlier, later = windows[HALF_WIDTH - 1 :: -1], windows[HALF_WIDTH:]
    sums, differences = _interpolation()
    # not as matrix products, because their rounding depends on the number of threads
    peaks = np.abs(np.einsum("pk,k...->p...", sums, earlier + later))
    # the point in the middle has no odd part
    peaks[:-1] += np.abs(np.einsum("pk,k...->p...", differences[:-1], earlier - later))
    greatest: NDArray[np.float32] = peaks.max(axis=0)
    return greatest


def _smoothed(reduction: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """The greatest value within ± `reach` of each value, averaged over ± `reach`; `2 * reach` shorter at both ends.

    The weight at a distance of k is (1 + cos(πk / (reach + 1))) / (2 reach + 2). By cos(a - b) = cos a cos b +
    sin a sin b, the average consists of differences of running sums, at the same cost for any reach.
    """
    width = 2 * reach + 1
    greatest, span = reduction, 1
    while span < width:
        step = min(span, width - span)
        greatest = np.maximum(greatest[:-step], greatest[step:])
        span += step
    turn = np.resize(np.exp(1j * np.pi * np.arange(2 * reach + 2) / (reach + 1)), len(greatest))
    plain = np.cumsum(np.concatenate([[0.0], greatest]))
    turned = np.cumsum(np.concatenate([[0.0], greatest * turn]))
    centre = turn[reach : len(turn) - reach].conj()
    total = (plain[width:] - plain[:-width]) + ((turned[width:] - turned[:-width]) * centre).real
    average: NDArray[np.float64] = np.clip(total / (2 * reach + 2), 0, 1)
    return average
