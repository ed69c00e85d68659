"""How loud a signal is: integrated loudness after ITU-R BS.1770-4, loudness range after EBU Tech 3342.

Blocks are float32, shape (frames, channels), full scale ±1.0, of any length; loudness is in LUFS.

The recording passes the K weighting (a high shelf, then a high pass), and its power is averaged over
400 ms, every 100 ms; the quiet ones of these averages are left out by two gates. Only one number is kept
for each 100 ms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

# Under the first gate (LUFS), or this much (LU) under the mean of what passed it, a block does not count.
ABSOLUTE_GATE = -70.0
RELATIVE_GATE = -10.0

# BS.1770-4, equation 2: what makes a full-scale sine of 997 Hz in one front channel -3.01 LUFS.
LOUDNESS_OFFSET = -0.691

# A gating block is four steps of a tenth of a second.
STEPS_IN_A_SECOND = 10
STEPS_IN_A_BLOCK = 4

# EBU Tech 3342: loudness range is that of short-term loudness (3 s), whose windows count from this much (LU) under
# their mean on, between these percentiles.
STEPS_IN_A_WINDOW = 30
RANGE_GATE = -20.0
RANGE_PERCENTILES = (10.0, 95.0)

# Under this sample rate a step has too few frames to speak of loudness.
MINIMUM_RATE = 100

# The recursion of the weighting goes block by block of so many frames, and a tile of so many blocks is one
# product of matrices: all in the innermost cache, and too small for BLAS to start threads, which would only
# fight with the other workers for their cores.
BLOCK_FRAMES = 64
TILE_BLOCKS = 64
TILE_FRAMES = BLOCK_FRAMES * TILE_BLOCKS

# What a state still holds of an older one is left out where it has fallen below this.
NEGLIGIBLE = 1e-9

# Samples weighted at a time, in whole tiles, so that memory does not grow with the blocks.
CHUNK_SAMPLES = 16 * TILE_FRAMES

# Weights of the channels by their number, where these are a surround layout in the order of WAV files:
# left, right, centre, (low frequency effects, which BS.1770 leaves out,) left and right surround.
SURROUND_WEIGHTS = {5: (1.0, 1.0, 1.0, 1.41, 1.41), 6: (1.0, 1.0, 1.0, 0.0, 1.41, 1.41)}


@dataclass(frozen=True)
class Stage:
    """A second-order analogue filter: `high` s² + `band` s / `q` + `low` over s² + s / `q` + 1.

    s is in units of `frequency`, in Hz.
    """

    frequency: float
    q: float
    high: float
    band: float
    low: float

    def section(self, sr: int) -> NDArray[np.float64]:
        """Its bilinear transform, exact at 0 Hz and at `frequency`: scipy's (b0, b1, b2, 1, a1, a2)."""
        k = math.tan(math.pi * self.frequency / sr)
        numerator = (
            self.high + self.band * k / self.q + self.low * k * k,
            2.0 * (self.low * k * k - self.high),
            self.high - self.band * k / self.q + self.low * k * k,
        )
        denominator = (1.0 + k / self.q + k * k, 2.0 * (k * k - 1.0), 1.0 - k / self.q + k * k)
        return np.array(numerator + denominator) / denominator[0]


# The prototypes behind the coefficients that BS.1770-4 prints for 48 kHz: B. De Man, "Evaluation of
# Implementations of the EBU R128 Loudness Measurement", AES 145 (2018). The printed high pass has the
# numerator 1, -2, 1, so its pass band lies 0.04 dB above unity; that gain is part of the prototype here,
# because the standard wants the response of 48 kHz at every rate (repeating 1, -2, 1 adds 0.09 dB at 16 kHz).
HIGH_SHELF = Stage(1681.974450955533, 0.7071752369554196, 1.584864701130855, 1.258720930232562, 1.0)
HIGH_PASS = Stage(38.13547087602444, 0.5003270373238773, 1.0049948987146884, 0.0, 0.0)


def k_weighting(sr: int) -> NDArray[np.float64]:
    """The K weighting at `sr` Hz as second-order sections, shape (0 … 2, 6).

    At 48 kHz these are the coefficients of BS.1770-4, tables 1 and 2. A stage whose frequency lies at or
    above half the sample rate is left out: that is what its bilinear transform tends to there. For the
    shelf this happens at 3,363 Hz and below, where it would add 2 dB at most (0.7 dB under 1 kHz).
    """
    stages = [stage.section(sr) for stage in (HIGH_SHELF, HIGH_PASS) if 2.0 * stage.frequency < sr]
    return np.array(stages).reshape(-1, 6)


@dataclass(frozen=True, eq=False)
class BlockFilter:
    """A recursive filter that takes BLOCK_FRAMES frames in one step, as products with four matrices.

    With u the frames of a block as a row and s its state before it, shape (order,), the block's output is
    u `direct` + s `free`, and the state behind it s `powers[0]` + u `driven`; `powers[k]` takes a state
    over 2^k blocks and ends where hardly anything is left of it. `direct` and `driven` are float32, shapes
    (BLOCK_FRAMES, BLOCK_FRAMES) and (BLOCK_FRAMES, order), `free` float32, (order, BLOCK_FRAMES). `advance`
    is float64, shape (BLOCK_FRAMES + 1, order, order): `advance[n]` takes a state over n frames.

    Formulas: W. Sung and S. Mitra, "Efficient Multi-Processor Implementation of Recursive Digital Filters",
    ICASSP 1986; the states of all blocks are found in log2(blocks) steps, as Hillis and Steele's prefix sums.
    """

    direct: NDArray[np.float32]
    free: NDArray[np.float32]
    driven: NDArray[np.float32]
    powers: tuple[NDArray[np.float64], ...]
    advance: NDArray[np.float64]

    @property
    def order(self) -> int:
        """How many numbers a state holds."""
        return len(self.free)

    def __call__(
        self, rows: NDArray[np.float32], state: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Filter `rows`, shape (channels, frames), from `state`, shape (channels, order): output and new state."""
        channels, frames = rows.shape
        tiles = -(-frames // TILE_FRAMES)
        padded = np.zeros((channels, tiles * TILE_FRAMES), np.float32)
        padded[:, :frames] = rows
        tiled = padded.reshape(channels, tiles, TILE_BLOCKS, BLOCK_FRAMES)
        driven = (tiled @ self.driven).reshape(channels, tiles * TILE_BLOCKS, self.order)
        # in double precision: the slow poles lie so near the unit circle that errors would add up
        states = np.empty(driven.shape)
        states[:, 0] = state
        states[:, 1:] = driven[:, :-1]
        for step, power in enumerate(self.powers):
            states[:, 1 << step :] += states[:, : -(1 << step)] @ power
        output: NDArray[np.float32] = tiled @ self.direct
        output += states.astype(np.float32).reshape(*tiled.shape[:3], self.order) @ self.free
        block, rest = divmod(frames, BLOCK_FRAMES)
        behind = states[:, block] if rest else states[:, block - 1]
        last = rest or BLOCK_FRAMES
        fed = padded[:, frames - last : frames] @ self.driven[BLOCK_FRAMES - last :]
        return output.reshape(channels, -1)[:, :frames], behind @ self.advance[last] + fed


@cache
def k_filter(sr: int) -> BlockFilter:
    """`k_weighting(sr)` by blocks."""
    transition, entry, out, through = _state_space(k_weighting(sr))
    advance = [np.eye(len(transition))]
    for _ in range(BLOCK_FRAMES):
        advance.append(transition @ advance[-1])
    impulse = [through, *((out @ power @ entry).item() for power in advance[: BLOCK_FRAMES - 1])]
    lags = np.arange(BLOCK_FRAMES) - np.arange(BLOCK_FRAMES)[:, np.newaxis]
    direct = np.where(lags >= 0, np.array(impulse)[lags], 0.0)
    free = np.vstack([out @ power for power in advance[:BLOCK_FRAMES]])
    driven = np.hstack([power @ entry for power in advance[BLOCK_FRAMES - 1 :: -1]])
    powers, power = [], advance[BLOCK_FRAMES]
    while np.abs(power).max(initial=0.0) > NEGLIGIBLE:
        powers.append(power.T)
        power = power @ power
    return BlockFilter(
        direct=np.ascontiguousarray(direct, np.float32),
        free=np.ascontiguousarray(free.T, np.float32),
        driven=np.ascontiguousarray(driven.T, np.float32),
        powers=tuple(powers),
        advance=np.array([power.T for power in advance]),
    )


def _state_space(
    sections: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
    """Second-order sections in series as A, B, C, D: s' = A s + B u and y = C s + D u."""
    transition, entry, out, through = np.zeros((0, 0)), np.zeros((0, 1)), np.zeros((1, 0)), 1.0
    for b0, b1, b2, _, a1, a2 in sections:
        own_entry = np.array([[b1 - a1 * b0], [b2 - a2 * b0]])
        own = np.array([[-a1, 1.0], [-a2, 0.0]])
        transition = np.block([[transition, np.zeros((len(transition), 2))], [own_entry @ out, own]])
        entry = np.vstack([entry, own_entry * through])
        out = np.hstack([b0 * out, [[1.0, 0.0]]])
        through *= b0
    return transition, entry, out, through


class LoudnessMeter:
    """Integrated loudness of a recording that arrives in blocks; `integrated` may be asked at any time.

    All channels weigh 1, but those of the surround layouts of five channels (L R C Ls Rs) and six
    (L R C LFE Ls Rs).
    """

    def __init__(self, sr: int, channels: int) -> None:
        if sr < 1:
            raise ValueError(f"the sample rate must be at least 1 Hz, not {sr!r}")
        if channels < 1:
            raise ValueError(f"a recording has at least one channel, not {channels!r}")
        self._sr = sr
        self._weights = np.array(SURROUND_WEIGHTS.get(channels, (1.0,) * channels))
        self._filter = k_filter(sr)
        self._state = np.zeros((channels, self._filter.order))
        self._frames = 0
        # Energy of each step over all channels, weighted; the last one may be incomplete.
        self._energies: list[float] = []

    def update(self, block: NDArray[np.float32]) -> None:
        """Take the next `block`, shape (frames, channels)."""
        channels = len(self._weights)
        if block.ndim != 2 or block.shape[1] != channels:
            raise ValueError(f"a block must have shape (frames, {channels}), not {tuple(block.shape)}")
        if self._sr < MINIMUM_RATE:
            return
        step = max(1, CHUNK_SAMPLES // channels)
        for start in range(0, block.shape[0], step):
            with np.errstate(invalid="ignore"):  # infinity becomes NaN, and no loudness
                weighted, self._state = self._filter(block[start : start + step].T, self._state)
            self._add(weighted)

    def integrated(self) -> float | None:
        """The loudness so far in LUFS; None where it is undefined.

        That is under 0.4 s, where every block lies under the absolute gate, and where a sample is NaN or
        infinite. An incomplete block at the end does not count.
        """
        powers = self._gated_powers(STEPS_IN_A_BLOCK, RELATIVE_GATE)
        return LOUDNESS_OFFSET + 10.0 * math.log10(powers.mean()) if powers.size else None

    def range(self) -> float | None:
        """The loudness range so far in LU, 0 and more; None where it is undefined.

        That is where `integrated` is, and where fewer than two windows of 3 s, one every 100 ms, pass both gates.
        EBU Tech 3342 (2016).
        """
        powers = self._gated_powers(STEPS_IN_A_WINDOW, RANGE_GATE)
        if powers.size < 2:
            return None
        low, high = np.percentile(powers, RANGE_PERCENTILES)
        return 10.0 * math.log10(high / low)

    def _gated_powers(self, steps_in_a_block: int, relative_gate: float) -> NDArray[np.float64]:
        """Mean powers of blocks of so many steps, one every step, that pass both gates; empty where undefined."""
        complete = step_at(self._frames, self._sr)
        steps = np.array(self._energies[:complete])
        if steps.size < steps_in_a_block or not np.isfinite(steps).all():
            return np.empty(0)
        blocks = np.convolve(steps, np.ones(steps_in_a_block), mode="valid")
        powers: NDArray[np.float64] = blocks * STEPS_IN_A_SECOND / (steps_in_a_block * self._sr)
        powers = powers[powers > 10.0 ** ((ABSOLUTE_GATE - LOUDNESS_OFFSET) / 10.0)]
        if powers.size:
            powers = powers[powers > powers.mean() * 10.0 ** (relative_gate / 10.0)]
        return powers

    def _add(self, rows: NDArray[np.float32]) -> None:
        """Add the energy of K-weighted `rows`, shape (channels, frames), to the steps they lie in."""
        frames = rows.shape[1]
        first, last = step_at(self._frames, self._sr), step_at(self._frames + frames - 1, self._sr)
        # Steps start at whole frames; the first one may have started in an earlier block.
        starts = np.arange(first, last + 1) * self._sr // STEPS_IN_A_SECOND - self._frames
        with np.errstate(invalid="ignore"):
            sums = np.add.reduceat(rows * rows, np.maximum(starts, 0), axis=1, dtype=np.float64)
            energies: list[float] = (self._weights @ sums).tolist()
        if first < len(self._energies):
            self._energies[first] += energies.pop(0)
        self._energies += energies
        self._frames += frames


def step_at(frame: int, sr: int) -> int:
    """Which step of a tenth of a second `frame` lies in; step n starts at frame ⌊n · `sr` / 10⌋."""
    return (STEPS_IN_A_SECOND * (frame + 1) - 1) // sr


def integrated_loudness(y: NDArray[np.float32], sr: int) -> float | None:
    """Integrated loudness of `y` in LUFS, None where it is undefined (see `LoudnessMeter.integrated`).

    `y` is float32, shape (frames,) or (frames, channels); `sr` is in Hz.
    """
    block = y[:, None] if y.ndim == 1 else y
    meter = LoudnessMeter(sr, block.shape[1])
    meter.update(block)
    return meter.integrated()
