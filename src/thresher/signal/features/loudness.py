"""Integrated loudness (ITU-R BS.1770-4, LUFS) and loudness range (EBU Tech 3342, LU) of a recording.

Blocks are float32, shape (frames, channels), full scale ±1.0, of any length.

The K weighting (a high shelf, then a high pass) is applied to the recording, and its power is averaged over 400
ms every 100 ms. Two gates leave out the quiet averages. Only one number is kept for each 100 ms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

# A block does not count if it is below the absolute gate (LUFS) or below the relative one: this much (LU) under the
# mean of the blocks that pass the absolute gate.
ABSOLUTE_GATE = -70.0
RELATIVE_GATE = -10.0

# BS.1770-4, equation 2: with this offset a full-scale sine of 997 Hz in one front channel has -3.01 LUFS.
LOUDNESS_OFFSET = -0.691

# A gating block is four steps of a tenth of a second.
STEPS_IN_A_SECOND = 10
STEPS_IN_A_BLOCK = 4

# EBU Tech 3342: the loudness range is the difference between two percentiles of the short-term loudness (windows of
# 3 s). Windows below this gate (LU, relative to their mean) do not count.
STEPS_IN_A_WINDOW = 30
RANGE_GATE = -20.0
RANGE_PERCENTILES = (10.0, 95.0)

# Below this sample rate (Hz) a step has too few frames to measure loudness.
MINIMUM_RATE = 100

# The weighting filter runs in blocks of BLOCK_FRAMES frames, and a tile of TILE_BLOCKS blocks is one matrix
# product. Such a product fits into the first-level cache and is too small for BLAS to start threads, which
# would compete with the other workers for the cores.
BLOCK_FRAMES = 64
TILE_BLOCKS = 64
TILE_FRAMES = BLOCK_FRAMES * TILE_BLOCKS

# The influence of an older filter state on a later one is neglected once it has decayed below this.
NEGLIGIBLE = 1e-9

# Samples weighted at a time, in whole tiles, so that memory does not grow with the length of the blocks.
CHUNK_SAMPLES = 16 * TILE_FRAMES

# Channel weights for five and six channels, which are taken as surround layouts in the order of WAV files: left,
# right, centre, (low frequency effects, which BS.1770 leaves out,) left and right surround.
SURROUND_WEIGHTS = {5: (1.0, 1.0, 1.0, 1.41, 1.41), 6: (1.0, 1.0, 1.0, 0.0, 1.41, 1.41)}


@dataclass(frozen=True)
class Stage:
    """A second-order analogue filter: `high` s² + `band` s / `q` + `low` over s² + s / `q` + 1.

    s is normalised to `frequency`, which is in Hz.
    """

    frequency: float
    q: float
    high: float
    band: float
    low: float

    def section(self, sr: int) -> NDArray[np.float64]:
        """Return its bilinear transform, exact at 0 Hz and at `frequency`, as scipy's (b0, b1, b2, 1, a1, a2)."""
        k = math.tan(math.pi * self.frequency / sr)
        numerator = (
            self.high + self.band * k / self.q + self.low * k * k,
            2.0 * (self.low * k * k - self.high),
            self.high - self.band * k / self.q + self.low * k * k,
        )
        denominator = (1.0 + k / self.q + k * k, 2.0 * (k * k - 1.0), 1.0 - k / self.q + k * k)
        return np.array(numerator + denominator) / denominator[0]


# The analogue prototypes of the coefficients that BS.1770-4 prints for 48 kHz: B. De Man, "Evaluation of
# Implementations of the EBU R128 Loudness Measurement", AES 145 (2018). The printed high pass has the numerator
# 1, -2, 1, so its pass band is 0.04 dB above unity. That gain is part of the prototype here, because the standard
# asks for the response of 48 kHz at every rate. (The numerator 1, -2, 1 would add 0.09 dB at 16 kHz.)
HIGH_SHELF = Stage(1681.974450955533, 0.7071752369554196, 1.584864701130855, 1.258720930232562, 1.0)
HIGH_PASS = Stage(38.13547087602444, 0.5003270373238773, 1.0049948987146884, 0.0, 0.0)


def k_weighting(sr: int) -> NDArray[np.float64]:
    """Return the K weighting at `sr` Hz as second-order sections, shape (0 … 2, 6).

    At 48 kHz these are the coefficients of BS.1770-4, tables 1 and 2. A stage whose frequency is half the
    sample rate or more is left out, because its bilinear transform tends to a gain of 1 there. The shelf is
    left out at sample rates of 3,363 Hz and below, where it would add 2 dB at most (0.7 dB below 1 kHz).
    """
    stages = [stage.section(sr) for stage in (HIGH_SHELF, HIGH_PASS) if 2.0 * stage.frequency < sr]
    return np.array(stages).reshape(-1, 6)


@dataclass(frozen=True, eq=False)
class BlockFilter:
    """A recursive filter that processes BLOCK_FRAMES frames in one step, by products with four matrices.

    Let u be the frames of a block as a row, and s the state before it, shape (order,). The output of the block
    is u `direct` + s `free`. The state after it is s `powers[0]` + u `driven`. `powers[k]` advances a state by
    2^k blocks; the sequence ends where the result is negligible. `direct` is float32, shape (BLOCK_FRAMES,
    BLOCK_FRAMES); `driven` is float32, shape (BLOCK_FRAMES, order); `free` is float32, shape (order,
    BLOCK_FRAMES). `advance` is float64, shape (BLOCK_FRAMES + 1, order, order); `advance[n]` advances a state
    by n frames.

    Formulas: W. Sung and S. Mitra, "Efficient Multi-Processor Implementation of Recursive Digital Filters",
    ICASSP 1986. The states of all blocks are computed in log2(blocks) steps, like the prefix sums of W. Hillis
    and G. Steele, "Data parallel algorithms", CACM 29 (1986).
    """

    direct: NDArray[np.float32]
    free: NDArray[np.float32]
    driven: NDArray[np.float32]
    powers: tuple[NDArray[np.float64], ...]
    advance: NDArray[np.float64]

    @property
    def order(self) -> int:
        """The number of values in a state."""
        return len(self.free)

    def __call__(
        self, rows: NDArray[np.float32], state: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Filter `rows`, shape (channels, frames), from `state`, shape (channels, order); return output and new
        state."""
        channels, frames = rows.shape
        tiles = -(-frames // TILE_FRAMES)
        padded = np.zeros((channels, tiles * TILE_FRAMES), np.float32)
        padded[:, :frames] = rows
        tiled = padded.reshape(channels, tiles, TILE_BLOCKS, BLOCK_FRAMES)
        driven = (tiled @ self.driven).reshape(channels, tiles * TILE_BLOCKS, self.order)
        # States are float64: the slow poles are so near the unit circle that rounding errors would add up.
        states = np.empty(driven.shape)
        states[:, 0] = state
        states[:, 1:] = driven[:, :-1]
        for step, power in enumerate(self.powers):
            states[:, 1 << step :] += states[:, : -(1 << step)] @ power
        output: NDArray[np.float32] = tiled @ self.direct
        output += states.astype(np.float32).reshape(*tiled.shape[:3], self.order) @ self.free
        block, rest = divmod(frames, BLOCK_FRAMES)
        before_last = states[:, block] if rest else states[:, block - 1]
        last = rest or BLOCK_FRAMES
        driven_last = padded[:, frames - last : frames] @ self.driven[BLOCK_FRAMES - last :]
        return output.reshape(channels, -1)[:, :frames], before_last @ self.advance[last] + driven_last


@cache
def k_filter(sr: int) -> BlockFilter:
    """Return the K weighting at `sr` Hz as a block filter."""
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
    """Return second-order sections in series as the state space A, B, C, D: s' = A s + B u and y = C s + D u."""
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
    """Measure the loudness of a recording that arrives in blocks; results can be read at any time.

    All channels have the weight 1, except in recordings of five (L R C Ls Rs) or six channels (L R C LFE Ls
    Rs), which get the weights of BS.1770-4. Raises ValueError for a sample rate or a number of channels below
    1.
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
        # The weighted energy of each step, summed over channels. The last step may be incomplete.
        self._energies: list[float] = []

    def update(self, block: NDArray[np.float32]) -> None:
        """Take the next `block`, shape (frames, channels)."""
        channels = len(self._weights)
        if block.ndim != 2 or block.shape[1] != channels:
            raise ValueError(f"a block must have shape (frames, {channels}), not {tuple(block.shape)}")
        if self._sr < MINIMUM_RATE:
            return
        step = max(TILE_FRAMES, CHUNK_SAMPLES // channels)  # less than a tile takes as long as a tile
        for start in range(0, block.shape[0], step):
            with np.errstate(invalid="ignore"):  # infinity becomes NaN, and no loudness
                weighted, self._state = self._filter(block[start : start + step].T, self._state)
            self._add(weighted)

    def integrated(self) -> float | None:
        """Return the integrated loudness so far in LUFS; None if it is undefined.

        It is undefined if the recording is shorter than 0.4 s, if all blocks are below the absolute gate, or if a
        sample is NaN or infinite. An incomplete block at the end does not count.
        """
        powers = self._gated_powers(STEPS_IN_A_BLOCK, RELATIVE_GATE)
        return LOUDNESS_OFFSET + 10.0 * math.log10(powers.mean()) if powers.size else None

    def range(self) -> float | None:
        """Return the loudness range so far in LU, 0 or more, after EBU Tech 3342 (2016); None if it is undefined.

        It is undefined where `integrated` is, and if fewer than two windows of 3 s (one every 100 ms) pass both
        gates.
        """
        powers = self._gated_powers(STEPS_IN_A_WINDOW, RANGE_GATE)
        if powers.size < 2:
            return None
        low, high = np.percentile(powers, RANGE_PERCENTILES)
        return 10.0 * math.log10(high / low)

    def _gated_powers(self, steps_in_a_block: int, relative_gate: float) -> NDArray[np.float64]:
        """Return the mean powers of the blocks that pass both gates; empty if undefined.

        There is one block of `steps_in_a_block` steps at each step. `relative_gate` is in LU.
        """
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
        """Add the energy of K-weighted `rows`, shape (channels, frames), to the steps that contain them."""
        frames = rows.shape[1]
        first, last = step_at(self._frames, self._sr), step_at(self._frames + frames - 1, self._sr)
        # Steps start at whole frames. The first one may have started in an earlier block.
        starts = np.arange(first, last + 1) * self._sr // STEPS_IN_A_SECOND - self._frames
        with np.errstate(invalid="ignore"):
            sums = np.add.reduceat(rows * rows, np.maximum(starts, 0), axis=1, dtype=np.float64)
            energies: list[float] = (self._weights @ sums).tolist()
        if first < len(self._energies):
            self._energies[first] += energies.pop(0)
        self._energies += energies
        self._frames += frames


def step_at(frame: int, sr: int) -> int:
    """Return the step of a tenth of a second that contains `frame`; step n starts at frame ⌊n · `sr` / 10⌋."""
    return (STEPS_IN_A_SECOND * (frame + 1) - 1) // sr
