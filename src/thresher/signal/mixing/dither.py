"""Dither: the noise that keeps rounding to 16 bits from distorting what is quiet.

Blocks are float32, shape (frames, channels), full scale ±1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SEED = 0x7472657368


class Dither:
    """Noise of triangular distribution, ±1 step of 16 bits at most, that is the same for the same frame of every
    song.

    With it the mean and the variance of the rounding error do not depend on the signal: S. Lipshitz, R.
    Wannamaker and J. Vanderkooy, "Quantization and Dither: A Theoretical Survey", JAES 40 (1992).
    """

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._noise = np.random.Generator(np.random.Philox(SEED))

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """The next block with its share of the noise."""
        # both numbers of a frame are drawn before those of the next, so that blocks may end anywhere
        drawn = self._noise.random((len(block), 2, self._channels))
        noise = (drawn[:, 0] - drawn[:, 1]) / 32768
        return np.asarray(block + noise, np.float32)
