"""Dither: noise that prevents the distortion of quiet sounds by rounding to 16 bits.

Blocks are float32, shape (frames, channels), full scale ±1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SEED = 0x7472657368


class Dither:
    """Triangular noise of at most ±1 step of 16 bits. A frame of a given number has the same noise in every song.

    The dither makes the mean and the variance of the rounding error independent of the signal: S. Lipshitz, R.
    Wannamaker and J. Vanderkooy, "Quantization and Dither: A Theoretical Survey", JAES 40 (1992).
    """

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._noise = np.random.Generator(np.random.Philox(SEED))

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Add noise to the next block."""
        # both numbers of a frame are drawn before those of the next frame, so that blocks can end anywhere
        drawn = self._noise.random((len(block), 2, self._channels))
        noise = (drawn[:, 0] - drawn[:, 1]) / 32768
        return np.asarray(block + noise, np.float32)
