"""Find where sound starts and ends in a recording, and whether it is silent, in one pass over its blocks.

A constant offset is removed first (`offset.py`), so that silence at any level is silence.

Blocks are float32, shape (frames, channels), full scale ±1.0. Spans are half open, in frames. Levels are in
decibels of RMS, relative to the loudest analysis frame (`top_db`) or to full scale (`floor_db`).

An analysis frame is a whole number of hops long, so its energy is the sum of the energies of its hops. Only the
sums of hops are kept: 16 bytes per hop for each channel and for the mean of the channels, whatever the block
length. If they need more than MEMORY, two hops become one, up to COARSEST_HOP, and an analysis frame becomes at
least two hops long: the bounds of a very long recording are less fine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from thresher.signal.features.offset import frame_offsets
from thresher.signal.features.trim_settings import TrimSettings

# librosa.amplitude_to_db raises all amplitudes to at least 1e-5; this is the square of that.
MINIMUM_POWER = 1e-10

# The channels cancel if their mean has less than this share (-60 dB) of their mean energy.
CANCELLED_ENERGY_RATIO = 1e-6

# Samples converted to float64 at a time: they fit into a core's cache.
CHUNK_SAMPLES = 32_768

MEMORY = 200_000_000
"""Bytes that the levels of a recording may need: 27 minutes of 44.1 kHz stereo with hops of 64 frames."""

COARSEST_HOP = 1_024
"""The longest hop that shorter ones become, in frames: 23 ms at 44.1 kHz, and 7 hours of stereo in MEMORY."""

# Bytes that a hop needs until the levels are known: for each row while it is joined, and for the row that is used;
# and as long as other analyses need memory, too, for each row.
ROW_BYTES, HOP_BYTES, SHARED_ROW_BYTES = 32, 80, 36


@dataclass(frozen=True)
class Span:
    """The frames `start` … `end` - 1 of a recording."""

    start: int
    end: int

    @property
    def frames(self) -> int:
        """The length of the span in frames."""
        return self.end - self.start


NOTHING = Span(0, 0)


@dataclass(frozen=True)
class Levels:
    """The levels of a recording.

    `frames` is its length. `span` is where sound is; it is empty if the recording is `silent` or not `finite`.
    `mono_channel` is the argument for `to_mono`: None for the mean of the channels, or the index of the loudest
    channel if the channels cancel. Two figures describe the span: `silence`, the share of its analysis frames
    that are silent, in [0, 1], and `dc_offset`, the largest absolute mean of any channel, full scale 1.
    """

    frames: int
    span: Span
    silent: bool
    mono_channel: int | None
    finite: bool
    silence: float = 0.0
    dc_offset: float = 0.0


def most_hops(channels: int) -> int:
    """Return how many hops of a recording fit into MEMORY."""
    rows = channels if channels == 1 else channels + 1
    return MEMORY // max(ROW_BYTES * rows + HOP_BYTES, SHARED_ROW_BYTES * rows)


def longest(channels: int, settings: TrimSettings) -> int:
    """Return how many frames of a recording can be measured in MEMORY."""
    doublings = max(0, (COARSEST_HOP // settings.hop_length).bit_length() - 1)
    return most_hops(channels) * (settings.hop_length << doublings)


class LevelMeter:
    """Measure a recording that arrives in blocks of any size; `result` can be called at any time.

    A recording is silent if in every channel, after subtracting the channel's mean or its offset, no analysis
    frame's RMS exceeds `floor_db`.

    The channels cancel if their mean is silent and a channel is not, or if the energy of their mean is at least
    60 dB below the mean energy of the channels (each after subtracting its own mean). Then the channel with the
    most energy is used instead of the mean; among equals, the first.
    """

    def __init__(self, channels: int, settings: TrimSettings) -> None:
        if channels < 1:
            raise ValueError(f"a recording has at least one channel, not {channels!r}")
        self._channels = channels
        self._settings = settings
        # Rows are the channels, followed by their mean if there are several.
        rows = channels if channels == 1 else channels + 1
        self._given_hop = settings.hop_length
        self._begun_hop: NDArray[np.float32] = np.empty((rows, 0), np.float32)
        # the sums and energies of given hops that do not fill a hop yet, shape (2, rows, hops)
        self._begun: NDArray[np.float64] = np.empty((2, rows, 0))
        self._hop_count = 0
        self._sums: list[NDArray[np.float64]] = []
        self._energies: list[NDArray[np.float64]] = []
        self._frames = 0
        self._finite = True
        self._joined: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        self._levels: Levels | None = None
        self._powers_of_mix: NDArray[np.float64] | None = None

    @property
    def settings(self) -> TrimSettings:
        """What counts as silence; `hop_length` and `frame_length` are those of the hops that are kept."""
        return self._settings

    def update(self, block: NDArray[np.float32]) -> None:
        """Take the next `block`, shape (frames, channels)."""
        if block.ndim != 2 or block.shape[1] != self._channels:
            raise ValueError(f"a block must have shape (frames, {self._channels}), not {tuple(block.shape)}")
        self._frames += block.shape[0]
        self._levels = self._powers_of_mix = None
        if not self._finite:
            return
        hop = self._given_hop
        step = max(1, CHUNK_SAMPLES // (hop * self._channels)) * hop
        for start in range(0, block.shape[0], step):
            rows = self._begun_hop_with(block[start : start + step])
            whole = rows.shape[1] // hop * hop
            self._begun_hop = rows[:, whole:].copy()
            if whole:
                self._keep(*hop_sums(rows[:, :whole].reshape(len(rows), -1, hop)))

    def result(self) -> Levels:
        """Return the levels of all blocks taken so far."""
        if self._levels is None:
            self._levels = self._result()
        return self._levels

    def _result(self) -> Levels:
        sums, energies = self._all_hops()
        if not np.isfinite(energies).all():
            return Levels(self._frames, NOTHING, silent=False, mono_channel=None, finite=False)
        if self._frames == 0:
            return Levels(0, NOTHING, silent=True, mono_channel=None, finite=True)
        silent_rows = []
        for row in zip(sums, energies, strict=True):
            powers = self._powers(*row)
            silent_rows.append(self._is_silent(*row, powers))
        silent = all(silent_rows[: self._channels])
        mono_channel = None if silent else self._mono_channel(sums, energies, silent_rows)
        if silent:
            return Levels(self._frames, NOTHING, silent, mono_channel, finite=True)
        used = -1 if mono_channel is None else mono_channel
        if mono_channel is not None:  # else they are those of the last row
            powers = self._powers(sums[used], energies[used])
        span = self._span(powers)
        silence = self._silence(sums[used], energies[used], powers, span)
        offset = self._dc_offset(sums[: self._channels], span)
        return Levels(self._frames, span, silent, mono_channel, True, silence, offset)

    def within(self, span: Span) -> Levels:
        """Return the levels of a span, which is not trimmed; channels are mixed as those of the whole recording.

        Its figures are those of whole hops: the hops at both ends count in full.
        """
        whole = self.result()
        if not whole.finite or whole.silent or not span.frames:
            return replace(whole, span=span)
        sums, energies = self._all_hops()
        row = -1 if whole.mono_channel is None else whole.mono_channel
        # Kept for the next span: a recording of hours has millions of frames, and may have thousands of spans.
        powers = self._powers_of_mix
        if powers is None:
            powers = self._powers_of_mix = self._powers(sums[row], energies[row])
        silent = bool(powers[self._hops(span)].max() <= 10.0 ** (self._settings.floor_db / 10.0))
        silence = self._silence(sums[row], energies[row], powers, span)
        return replace(
            whole,
            span=span,
            silent=silent,
            silence=silence,
            dc_offset=self._dc_offset(sums[: self._channels], span),
        )

    def _begun_hop_with(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the frames of the incomplete hop and of `block`, by row: shape (rows, frames)."""
        left_over = self._begun_hop.shape[1]
        if self._channels == 1 and not left_over:
            return block.T
        rows = np.empty((len(self._begun_hop), left_over + block.shape[0]), np.float32)
        rows[:, :left_over] = self._begun_hop
        rows[: self._channels, left_over:] = block.T
        if self._channels > 1:
            rows[self._channels, left_over:] = to_mono(block, None)
        return rows

    def _keep(self, sums: NDArray[np.float64], energies: NDArray[np.float64]) -> None:
        # Squares of float32 do not overflow float64, so an energy is finite if and only if its samples are.
        self._finite = bool(np.isfinite(energies).all())
        self._joined = None
        times = self._settings.hop_length // self._given_hop
        if times > 1:
            given = np.concatenate([self._begun, np.stack([sums, energies])], axis=2)
            whole = given.shape[2] // times * times
            self._begun = given[:, :, whole:].copy()
            sums, energies = given[:, :, :whole].reshape(2, len(sums), -1, times).sum(axis=3)
        self._sums.append(sums)
        self._energies.append(energies)
        self._hop_count += sums.shape[1]
        can_join = 2 * self._settings.hop_length <= COARSEST_HOP
        if self._hop_count > most_hops(self._channels) and can_join:
            self._join_pairs(times)

    def _join_pairs(self, times: int) -> None:
        """Make one hop of every two. A hop consists of `times` given hops before."""
        is_odd = self._hop_count % 2
        halves: list[NDArray[np.float64]] = []
        for kept in (self._sums, self._energies):
            joined = np.concatenate(kept, axis=1)
            kept[:] = [joined[:, : self._hop_count - is_odd].reshape(len(joined), -1, 2).sum(axis=2)]
            halves.append(joined[:, self._hop_count - is_odd :])
        if is_odd:
            # the last hop begins the next one; its given hops may be any that add up to it
            begun = np.zeros((2, len(halves[0]), times))
            begun[:, :, :1] = halves
            self._begun = np.concatenate([begun, self._begun], axis=2)
        self._hop_count //= 2
        hop, frame = 2 * self._settings.hop_length, self._settings.frame_length
        # an analysis frame has an even number of hops
        self._settings = replace(
            self._settings, hop_length=hop, frame_length=-(-frame // (2 * hop)) * 2 * hop
        )

    def _all_hops(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the sums and energies of all hops, including the incomplete one; each of shape (rows, hops).

        The joined arrays are kept, with a place for the incomplete hop at the end, so that the next call copies
        nothing.
        """
        if self._joined is None:
            # one after the other: each is in memory twice while it is joined
            sums = _with_one_more(self._sums, len(self._begun_hop))
            self._sums = [sums[:, :-1]]
            energies = _with_one_more(self._energies, len(self._begun_hop))
            self._energies = [energies[:, :-1]]
            self._joined = sums, energies
        if not self._begun_hop.shape[1] and not self._begun.shape[2]:
            return self._sums[0], self._energies[0]
        last = hop_sums(self._begun_hop[:, None, :])
        for joined, begun, rest in zip(self._joined, self._begun, last, strict=True):
            joined[:, -1:] = rest + begun.sum(axis=1, keepdims=True)
        return self._joined

    def _is_silent(
        self, sums: NDArray[np.float64], energies: NDArray[np.float64], powers: NDArray[np.float64]
    ) -> bool:
        """Return whether a row never exceeds the floor, about its mean or without its offset.

        `sums` and `energies` are those of its hops, `powers` those of its analysis frames without the offset.
        """
        mean = sums.sum() / self._frames
        about_mean = 2.0 * mean * sums
        np.subtract(energies, about_mean, out=about_mean)
        about_mean += mean * mean * self._samples(len(sums))
        floor = 10.0 ** (self._settings.floor_db / 10.0)
        return bool(self._frame_powers(about_mean).max() <= floor or powers.max() <= floor)

    def _powers(self, sums: NDArray[np.float64], energies: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the powers of a row's analysis frames without its offset; `sums`, `energies`: (hops,)."""
        frame_energies = self._frame_sums(energies)
        if self._settings.version > 1:
            mean, samples = sums.sum() / self._frames, self._frame_sums(self._samples(len(sums)))
            sums = self._frame_sums(sums)
            offsets = frame_offsets(sums, frame_energies, samples, mean, self._settings)
            # The sum over a frame of (y - offset)² is that of y² - 2 offset y + offset².
            samples *= offsets
            sums *= 2.0
            sums -= samples
            sums *= offsets
            frame_energies -= sums
        frame_energies /= self._settings.frame_length
        return np.maximum(frame_energies, MINIMUM_POWER, out=frame_energies)

    def _samples(self, hops: int) -> NDArray[np.float64]:
        """Return the number of samples of each hop: the last one may be incomplete."""
        samples = np.full(hops, self._settings.hop_length, np.float64)
        samples[-1] = self._frames - (hops - 1) * self._settings.hop_length
        return samples

    def _mono_channel(
        self, sums: NDArray[np.float64], energies: NDArray[np.float64], silent_rows: list[bool]
    ) -> int | None:
        if self._channels == 1:
            return None
        totals = energies.sum(axis=1) - sums.sum(axis=1) ** 2 / self._frames
        channels, mean = totals[:-1], totals[-1]
        cancels = silent_rows[-1] or mean <= CANCELLED_ENERGY_RATIO * channels.mean()
        return int(channels.argmax()) if cancels else None

    def _span(self, powers: NDArray[np.float64]) -> Span:
        """Return the bounds that librosa finds for the powers of a row's analysis frames, (hops,)."""
        loud = np.flatnonzero(powers > powers.max() * 10.0 ** (-self._settings.top_db / 10.0))
        hop = self._settings.hop_length
        return Span(int(loud[0]) * hop, min(self._frames, (int(loud[-1]) + 1) * hop))

    def frame_powers(self, span: Span) -> NDArray[np.float64]:
        """Return the powers of the analysis frames in `span` in their loudest channel: float64, (frames,).

        The powers are those by which the `silence` of a recording is counted. All samples must be finite.
        """
        sums, energies = self._all_hops()
        loudest = np.full(self._hops(span).stop - self._hops(span).start, MINIMUM_POWER)
        for row in zip(sums[: self._channels], energies[: self._channels], strict=True):
            np.maximum(loudest, self._lowest(*row, self._powers(*row), span), out=loudest)
        return loudest

    def _silence(
        self,
        sums: NDArray[np.float64],
        energies: NDArray[np.float64],
        without_offset: NDArray[np.float64],
        span: Span,
    ) -> float:
        """Return the share of the analysis frames in `span` that are silent; the arrays of the row, (hops,)."""
        silent = self._silent(sums, energies, without_offset, span)
        return float(np.count_nonzero(silent) / len(silent))

    def silent_frames(self, span: Span) -> NDArray[np.bool_]:
        """Return which analysis frames in `span` are silent, those whose share is `Levels.silence`: (frames,).

        Frame i is centred on the hop i after the one in which the span begins. All samples must be finite.
        """
        whole = self.result()
        sums, energies = self._all_hops()
        row = -1 if whole.mono_channel is None else whole.mono_channel
        return self._silent(sums[row], energies[row], self._powers(sums[row], energies[row]), span)

    def _silent(
        self,
        sums: NDArray[np.float64],
        energies: NDArray[np.float64],
        without_offset: NDArray[np.float64],
        span: Span,
    ) -> NDArray[np.bool_]:
        """Return which analysis frames in `span` are silent; the arrays of the row, (hops,).

        A frame is silent if it is `top_db` below the loudest frame, or below `floor_db`. Each frame counts with
        the lowest of three powers: without the offset, as it is, and after subtracting the mean of the span. So
        a pause that is too short to show its own offset is found, whether it has that of the sound or none.
        """
        lowest = self._lowest(sums, energies, without_offset, span)
        threshold = max(
            lowest.max() * 10.0 ** (-self._settings.top_db / 10.0), 10.0 ** (self._settings.floor_db / 10.0)
        )
        silent: NDArray[np.bool_] = lowest <= threshold
        return silent

    def _lowest(
        self,
        sums: NDArray[np.float64],
        energies: NDArray[np.float64],
        without_offset: NDArray[np.float64],
        span: Span,
    ) -> NDArray[np.float64]:
        """Return the lowest of the three powers of `_silence` for each analysis frame in `span`."""
        inside = self._hops(span)
        mean = sums[inside].sum() / span.frames
        powers = self._frame_powers(energies, inside)
        # E[(y - mean)²] = E[y²] - 2 mean E[y] + mean²
        removed = self._frame_powers(2.0 * mean * sums, inside) - mean * mean
        lowest = np.minimum(without_offset[inside], np.minimum(powers, powers - removed))
        raised: NDArray[np.float64] = np.maximum(lowest, MINIMUM_POWER)
        return raised

    def _dc_offset(self, sums: NDArray[np.float64], span: Span) -> float:
        """Return the largest absolute mean over `span` of any channel; `sums`: (channels, hops)."""
        return float(np.abs(sums[:, self._hops(span)].sum(axis=1)).max() / span.frames)

    def _hops(self, span: Span) -> slice:
        hop = self._settings.hop_length
        return slice(span.start // hop, -(-span.end // hop))

    def _frame_powers(
        self, energies: NDArray[np.float64], inside: slice | None = None
    ) -> NDArray[np.float64]:
        """Return the mean square of each analysis frame, or of those `inside`; (hops,) → (frames // hop + 1,)."""
        return self._frame_sums(energies, inside) / self._settings.frame_length

    def _frame_sums(self, hops: NDArray[np.float64], inside: slice | None = None) -> NDArray[np.float64]:
        """Add the hops of each analysis frame, with zeros beyond both ends; (hops,) → (frames // hop + 1,).

        The hops of a frame are added one by one. Differences of a running sum would lose a quiet end after a loud
        middle to rounding.
        """
        half = self._settings.frame_length // (2 * self._settings.hop_length)
        count = self._frames // self._settings.hop_length + 1
        first, last, _ = (inside or slice(None)).indices(count)
        # The frames from the first one on begin `half` hops before it.
        needed = np.zeros(last - first + 2 * half - 1)
        begin, end = max(0, first - half), min(len(hops), last + half - 1)
        needed[begin - first + half : end - first + half] = hops[begin:end]
        sums = np.zeros(last - first)
        for offset in range(2 * half):
            sums += needed[offset : offset + len(sums)]
        return sums


def _with_one_more(kept: Sequence[NDArray[np.float64]], rows: int) -> NDArray[np.float64]:
    """Join arrays of shape (rows, n) and add a column at the end, whose values are not set."""
    joined = np.empty((rows, sum(each.shape[1] for each in kept) + 1))
    if kept:
        np.concatenate(kept, axis=1, out=joined[:, :-1])
    return joined


def hop_sums(hops: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sums of the samples and of their squares for each hop; (rows, hops, frames) → two of (rows,
    hops).

    They are float64: in float32 a constant near full scale would hide noise at -72 dBFS.
    """
    exact = hops.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return exact @ np.ones(exact.shape[-1]), np.einsum("rhf,rhf->rh", exact, exact)


def to_mono(block: NDArray[np.float32], mono_channel: int | None) -> NDArray[np.float32]:
    """Mix a block down to mono: (frames, channels) → (frames,), float32.

    Returns the channel `mono_channel`, or the mean of all channels if that is None. The mean of equal channels
    equals them exactly. A single channel is returned as a view.
    """
    if mono_channel is not None:
        return block[:, mono_channel]
    if block.shape[1] == 1:
        return block[:, 0]
    total = block[:, 0].astype(np.float64)
    with np.errstate(invalid="ignore"):
        for channel in range(1, block.shape[1]):
            total += block[:, channel]
    total /= block.shape[1]
    return total.astype(np.float32)
