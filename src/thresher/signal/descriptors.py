"""What is measured of a signal besides its fingerprint: integrated loudness after ITU-R BS.1770-4.

Blocks are float32, shape (frames, channels), full scale ±1.0, of any length; loudness is in LUFS.

The recording passes the K weighting (a high shelf, then a high pass), and its power is averaged over
400 ms, every 100 ms; the quiet ones of these averages are left out by two gates. Only one number is kept
for each 100 ms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

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

# Under this sample rate a step has too few frames to speak of loudness.
MINIMUM_RATE = 100

# The impulse response of the weighting is over after this many seconds: its slowest pole, at 38 Hz and
# critically damped, has fallen by 200 dB. Convolved through the FFT it needs no library that takes a second
# to import, as scipy.signal does, and it costs about what the recursion does.
RESPONSE_SECONDS = 0.1

# A transform is so many times as long as the response, so that most of what it yields is output.
TRANSFORM_RESPONSES = 8

# Samples weighted at a time: several transforms in one call, in memory that stays in the caches. They are in
# single precision, which is worth a millionth of a LU.
CHUNK_SAMPLES = 1 << 16

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
class KResponse:
    """The K weighting at one sample rate, ready for convolution through the FFT.

    `taps` is the length of its impulse response in frames, `size` that of a transform; `spectrum` is
    complex64, shape (size / 2 + 1,).
    """

    taps: int
    size: int
    spectrum: NDArray[np.complex64]


@cache
def k_response(sr: int) -> KResponse:
    """The impulse response of `k_weighting(sr)`, cut where it is over."""
    taps = max(64, math.ceil(RESPONSE_SECONDS * sr))
    size = 1 << math.ceil(math.log2(TRANSFORM_RESPONSES * taps))
    z = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    response = np.ones(size // 2 + 1, dtype=np.complex128)
    for b0, b1, b2, a0, a1, a2 in k_weighting(sr):
        response *= (b0 + b1 * z + b2 * z * z) / (a0 + a1 * z + a2 * z * z)
    # in time, what lies beyond `taps` is the rounding of the transform
    impulse = np.fft.irfft(response, size)[:taps]
    return KResponse(taps, size, np.fft.rfft(impulse, size).astype(np.complex64))


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
        self._response = k_response(sr) if len(k_weighting(sr)) else None
        # What the response still owes to the frames behind those that were taken.
        self._tail = np.zeros((channels, self._response.taps - 1 if self._response else 0), np.float32)
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
            self._add(self._weighted(block[start : start + step]))

    def integrated(self) -> float | None:
        """The loudness so far in LUFS; None where it is undefined.

        That is under 0.4 s, where every block lies under the absolute gate, and where a sample is NaN or
        infinite. An incomplete block at the end does not count.
        """
        complete = step_at(self._frames, self._sr)
        steps = np.array(self._energies[:complete])
        if steps.size < STEPS_IN_A_BLOCK or not np.isfinite(steps).all():
            return None
        blocks = np.convolve(steps, np.ones(STEPS_IN_A_BLOCK), mode="valid")
        powers = blocks * STEPS_IN_A_SECOND / (STEPS_IN_A_BLOCK * self._sr)
        powers = powers[powers > 10.0 ** ((ABSOLUTE_GATE - LOUDNESS_OFFSET) / 10.0)]
        if not powers.size:
            return None
        powers = powers[powers > powers.mean() * 10.0 ** (RELATIVE_GATE / 10.0)]
        return LOUDNESS_OFFSET + 10.0 * math.log10(powers.mean())

    def _weighted(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """The K-weighted `block`; (frames, channels) → (channels, frames)."""
        rows: NDArray[np.float32] = np.ascontiguousarray(block.T)
        if self._response is None or not rows.size:
            return rows
        channels, frames = rows.shape
        taps = self._response.taps
        # a short block needs a short transform, of which the response's spectrum holds every n-th value
        size = min(self._response.size, 1 << math.ceil(math.log2(frames + taps)))
        spectrum = self._response.spectrum[:: self._response.size // size]
        length = size - taps + 1
        count = -(-frames // length)
        padded = np.zeros((channels, count * length), np.float32)
        padded[:, :frames] = rows
        with np.errstate(invalid="ignore"):  # infinity becomes NaN, and no loudness
            pieces: NDArray[Any] = np.fft.irfft(
                np.fft.rfft(padded.reshape(channels, count, length), size) * spectrum, size
            )
        # what each piece owes to the next is added there; the last one's is kept for the next block
        pieces[:, 0, : taps - 1] += self._tail
        pieces[:, 1:, : taps - 1] += pieces[:, :-1, length:]
        rest = frames - (count - 1) * length
        self._tail = pieces[:, -1, rest : rest + taps - 1].copy()
        weighted: NDArray[np.float32] = pieces[:, :, :length].reshape(channels, count * length)[:, :frames]
        return weighted

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
