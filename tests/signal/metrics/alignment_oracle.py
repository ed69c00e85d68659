"""What `aligned` is by definition, computed with numbers of Python, and fingerprints to compare."""

from __future__ import annotations

import numpy as np

from thresher.signal.metrics.aligned import (
    Alignment,
)
from thresher.signal.metrics.metric import Scores, Words


def oracle(first: Words, second: Words) -> Alignment:
    """All offsets, one after the other, in order of preference; the first of the best scores."""
    a, b = first.tolist(), second.tolist()
    shorter = min(len(a), len(b))
    least = max(-(-shorter // 3), min(12, shorter))
    found = Alignment(-1.0, 0, 0)
    for offset in sorted(range(-len(b), len(a) + 1), key=lambda offset: (abs(offset), offset)):
        # Word t of the second lies on word t + offset of the first.
        x, y = (a[offset:], b) if offset >= 0 else (a, b[-offset:])
        overlap = min(len(x), len(y))
        if overlap < least:
            continue
        equal = sum(32 - (v ^ w).bit_count() for v, w in zip(x, y, strict=False))
        score = float(np.float32(equal / (32 * overlap)))
        if score > found.score:
            found = Alignment(score, offset, overlap)
    return found


def oracle_scores(rows: list[Words], columns: list[Words]) -> Scores:
    scores = [[oracle(row, column).score for column in columns] for row in rows]
    return np.array(scores, np.float32).reshape(len(rows), len(columns))


def fingerprints_of(lengths: list[int], seed: int) -> list[Words]:
    """Random words; every third clip is a noisy, shifted piece of the one before; every seventh is constant."""
    generator = np.random.default_rng(seed)
    clips: list[Words] = []
    for index, length in enumerate(lengths):
        words = generator.integers(0, 2**32, length, dtype=np.uint32)
        if index % 3 == 2:
            piece = clips[-1][generator.integers(0, clips[-1].size) :][:length]
            start = int(generator.integers(0, length - piece.size + 1))
            words[start : start + piece.size] = piece ^ np.uint32(generator.choice([0, 0x01010101]))
        if index % 7 == 6:
            words[:] = 627964279
        clips.append(words)
    return clips
