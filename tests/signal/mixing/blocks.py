"""Noise, and signals in blocks, as a song is mixed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def noise(frames: int, channels: int, seed: int = 0) -> NDArray[np.float32]:
    """Noise of a seed up to full scale, shape (frames, channels)."""
    return np.random.default_rng(seed).uniform(-1, 1, (frames, channels)).astype(np.float32)


def divided(block: NDArray[np.float32], sizes: list[int]) -> list[NDArray[np.float32]]:
    """Cut a signal into blocks of these sizes, which repeat."""
    pieces: list[NDArray[np.float32]] = []
    start = 0
    while start < len(block):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(block[start : start + size])
        start += size
    return pieces
