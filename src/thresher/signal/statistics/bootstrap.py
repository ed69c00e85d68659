"""Confidence intervals of differences between two groups of clips, by the bootstrap.

Values are float64, shape (n,), one per clip. An interval contains the true difference in `CONFIDENCE` of all
cases. If it contains 0, the difference may be due to chance. Resampling is seeded: the same values give the
same interval.

Source: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap" (1993).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

CONFIDENCE = 0.95
RESAMPLES = 4_000
SEED = 0

FEWEST = 6
"""With fewer clips on either side there is no interval: few clips say little about their spread, so the
interval would be far too narrow."""

# Resamples of pairs computed at a time: their weights are float64, shape (BLOCK, n).
BLOCK = 500


@dataclass(frozen=True)
class Interval:
    """An interval that includes both `low` and `high`."""

    low: float
    high: float

    @property
    def holds_zero(self) -> bool:
        """Whether the interval contains 0, so that there may be no difference."""
        return self.low <= 0.0 <= self.high


def mean_difference(first: Values, second: Values) -> Interval | None:
    """Return the interval of mean(`second`) - mean(`first`); None if either has fewer than FEWEST values.

    The method is BCa (bias-corrected and accelerated). If all values of one side are equal, BCa is undefined, and
    percentiles are used.
    """
    if min(first.size, second.size) < FEWEST:
        return None
    if np.ptp(first) == 0.0 and np.ptp(second) == 0.0:
        exact = float(second.mean() - first.mean())
        return Interval(exact, exact)
    from scipy.stats import bootstrap

    method = "percentile" if 0.0 in (np.ptp(first), np.ptp(second)) else "BCa"
    found = bootstrap(
        (first, second),
        lambda one, other, axis: other.mean(axis=axis) - one.mean(axis=axis),
        n_resamples=RESAMPLES,
        vectorized=True,
        confidence_level=CONFIDENCE,
        method=method,
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return Interval(float(found.low), float(found.high))


def pair_mean_difference(first: Values, second: Values) -> Interval | None:
    """Return the interval of pair_mean(`second`) - pair_mean(`first`); None if either has fewer than FEWEST
    clips.

    Both are symmetric matrices, shape (n, n), as `pair_mean` takes them. Clips are resampled, not pairs, because
    pairs that share a clip depend on each other. A clip drawn twice does not form a pair with itself. The interval
    is by percentiles.
    """
    if min(len(first), len(second)) < FEWEST:
        return None
    generator = np.random.default_rng(SEED)
    drawn = _pair_means(second, generator) - _pair_means(first, generator)
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.quantile(drawn, [(1.0 - CONFIDENCE) / 2.0, (1.0 + CONFIDENCE) / 2.0])
    return Interval(float(low), float(high))


def pair_mean(scores: Values) -> float | None:
    """Return the mean of a symmetric matrix, shape (n, n), over all pairs of different clips; None without a pair.

    The diagonal has no meaning, and pairs with NaN do not count.
    """
    apart, counts = _apart(scores)
    pairs = counts.sum()
    return float(apart.sum() / pairs) if pairs else None


def _pair_means(scores: Values, generator: np.random.Generator) -> Values:
    """Return the `pair_mean` of RESAMPLES draws of n clips; NaN for a draw of one clip only."""
    count = len(scores)
    apart, counts = _apart(scores)
    # Without a gap, only the pairs of a clip with itself are missing, which needs no product of matrices.
    has_gaps = counts.sum() < count * (count - 1)
    means = []
    for _ in range(0, RESAMPLES, BLOCK):
        weights = generator.multinomial(count, np.full(count, 1.0 / count), size=BLOCK).astype(np.float64)
        pairs = count**2 - (weights**2).sum(axis=1)
        if has_gaps:
            pairs = np.einsum("ri,ri->r", weights @ counts, weights)
        sums = np.einsum("ri,ri->r", weights @ apart, weights)
        means.append(np.divide(sums, pairs, out=np.full(BLOCK, np.nan), where=pairs > 0))
    return np.concatenate(means)


def _apart(scores: Values) -> tuple[Values, Values]:
    """Return the scores with 0 in place of pairs that do not count, and a matrix of 1 for the pairs that count."""
    counts = np.isfinite(scores) & ~np.eye(len(scores), dtype=bool)
    return np.where(counts, scores, 0.0), counts.astype(np.float64)
