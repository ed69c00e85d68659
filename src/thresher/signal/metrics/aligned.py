"""The metric `aligned`: the share of equal bits of two fingerprints at their best offset.

It finds copies of a sound, also cropped or shifted ones. Offsets are in words (0.1238 s each). An offset is
positive if the second clip begins after the first: word t of the second clip is compared with word t + offset
of the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from thresher.signal.features.fingerprint import FIRST_WORD_SECONDS, WORD_SECONDS
from thresher.signal.metrics.blocks import Threshold, compiled_scores, find_kernel, worth_compiling
from thresher.signal.metrics.correlation import LEAST_SHARE, LEAST_WORDS, correlated_scores
from thresher.signal.metrics.metric import WORD_BITS, Fingerprints, Metric, Scores, Words

# Work is an upper bound of the words compared: the product of both lengths for each pair. These thresholds are the
# words that the correlation compares in the time it takes a new process to compile the kernel, or to load it from
# the cache, and to run it.
ALIGNED_WORK = Threshold(cold=48 << 30, cached=10 << 30)


@dataclass(frozen=True)
class Alignment:
    """The best alignment of two fingerprints: `score` in [0, 1], `offset` and `overlap` in words."""

    score: float
    offset: int
    overlap: int

    @property
    def offset_seconds(self) -> float:
        """The time in the first clip at which the second one begins."""
        return self.offset * WORD_SECONDS

    @property
    def overlap_seconds(self) -> float:
        """The length of the sound that both clips share. A word covers more sound than it advances."""
        return FIRST_WORD_SECONDS + (self.overlap - 1) * WORD_SECONDS


def least_overlap(one: int, other: int) -> int:
    """Return the least overlap, in words, at which clips of these lengths are compared.

    It is a third of the shorter clip, rounded up, but at least LEAST_WORDS or the whole shorter clip.
    """
    shorter = min(one, other)
    return max(-(-shorter // LEAST_SHARE), min(LEAST_WORDS, shorter))


def align(first: Words, second: Words) -> Alignment:
    """Return the best alignment of two fingerprints, each uint32, shape (words,), at least one word long.

    Among equal scores (in float32) the smallest |offset| wins, then the negative one. So exchanging the clips
    only changes the sign of the offset, except that if +d and -d tie, both orders return -d.
    """
    offsets, overlaps, scores = _all_offsets(first, second)
    tied = np.flatnonzero(scores == scores.max())
    best = tied[np.argmin(np.abs(offsets[tied]))]  # offsets ascend, so argmin prefers the negative one
    return Alignment(float(scores[best]), int(offsets[best]), int(overlaps[best]))


def standing_out(first: Words, second: Words) -> float:
    """Return how far the best score exceeds the median over all offsets, relative to a perfect score; in [0, 1].

    This is (best - median) / (1 - median). It is 0 if no offset is better than another, and small for two
    unrelated noises, whose words are similar at every offset. It is 1 if the best score is perfect, also for
    identical constants, which match at every offset.
    """
    _, _, scores = _all_offsets(first, second)
    typical = float(np.median(scores))
    return 1.0 if typical == 1.0 else (float(scores.max()) - typical) / (1.0 - typical)


def _all_offsets(first: Words, second: Words) -> tuple[NDArray[np.int64], NDArray[np.int64], Scores]:
    """Return all offsets with enough overlap, ascending, the overlap at each, and the score at each (float32)."""
    least = least_overlap(first.size, second.size)
    offsets = np.arange(least - second.size, first.size - least + 1)
    starts, stops = np.maximum(0, -offsets), np.minimum(second.size, first.size - offsets)
    bits = WORD_BITS * (stops - starts)
    equal = bits - _different_bits(first, second, starts, stops)
    return offsets, stops - starts, (equal / bits).astype(np.float32)


def _different_bits(
    first: Words, second: Words, starts: NDArray[np.int64], stops: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return popcount(first ^ second) at each offset, over the words `starts` to `stops` of the second."""
    # The first is padded with zeros and compared with the second in every window. Over the padding, this counts
    # the second's own bits, which are then subtracted.
    before = int(starts[0])
    padded = np.zeros(starts.size + second.size - 1, np.uint32)
    padded[before : before + first.size] = first[: padded.size - before]
    differences = np.bitwise_count(sliding_window_view(padded, second.size) ^ second)
    own = np.concatenate([[0], np.cumsum(np.bitwise_count(second), dtype=np.int64)])
    alone = own[-1] - (own[stops] - own[starts])
    counts: NDArray[np.int64] = differences.sum(axis=1, dtype=np.uint32) - alone
    return counts


def aligned_scores(rows: Fingerprints, columns: Fingerprints, *, threads: int = 1) -> Scores:
    """Return the best score over all offsets of each pair: float32, shape (rows.count, columns.count).
    Symmetric."""
    work = rows.words.size * columns.words.size
    if worth_compiling("aligned_block", work, ALIGNED_WORK):
        longest = int(max(rows.lengths.max(initial=0), columns.lengths.max(initial=0)))
        return compiled_scores("aligned_block", rows, columns, longest=longest, work=work, threads=threads)
    return correlated_scores(rows, columns, threads=threads)


def aligned_triangle(fingerprints: Fingerprints) -> Scores:
    """Return `aligned_scores` of few clips among themselves: float32, shape (n, n), NaN except below the
    diagonal."""
    # Computing the few pairs above the diagonal costs less than leaving them out.
    below = np.tri(fingerprints.count, k=-1, dtype=bool)
    return np.where(below, aligned_scores(fingerprints, fingerprints), np.float32(np.nan))


ALIGNED: Metric[Fingerprints] = Metric(
    "aligned",
    1,
    "fingerprint",
    Fingerprints,
    aligned_scores,
    aligned_triangle,
    partial(find_kernel, "aligned_block"),
)
