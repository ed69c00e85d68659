"""How sure a difference is: intervals by resampling, for the few clips of a checkpoint.

Values are float64, shape (n,), one a clip; an interval holds the true difference in `CONFIDENCE` of all cases, and
says nothing of a difference where it holds 0. Resampling is seeded: the same values give the same interval.
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
"""Of fewer clips on either side there is no interval: it would be far too narrow, for little is known of how they
spread."""

# Resamples of pairs at a time: their weights, float64, shape (so many, n), stay small.
BLOCK = 500


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`, both included."""

    low: float
    high: float

    @property
    def holds_zero(self) -> bool:
        """Whether there may be no difference at all."""
        return self.low <= 0.0 <= self.high


def mean_difference(first: Values, second: Values) -> Interval | None:
    """Interval of the mean of `second` less that of `first`; None where either has fewer than FEWEST values.

    Bias-corrected and accelerated (BCa); by percentiles where all values of a side are the same and BCa is
    undefined.
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
    """As `mean_difference`, of the mean over all pairs of different clips; each is a symmetric matrix (n, n).

    Clips are drawn, not pairs, for pairs that share a clip depend on each other; a clip drawn twice is no pair. By
    percentiles.
    """
    if min(len(first), len(second)) < FEWEST:
        return None
    generator = np.random.default_rng(SEED)
    drawn = _pair_means(second, generator) - _pair_means(first, generator)
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.quantile(drawn, [(1.0 - CONFIDENCE) / 2.0, (1.0 + CONFIDENCE) / 2.0])
    return Interval(float(low), float(high))


def pair_mean(scores: Values) -> float | None:
    """The mean over all pairs of different clips of a symmetric matrix, shape (n, n); None where there is none."""
    count = len(scores)
    if count < 2:
        return None
    return float((scores.sum() - np.trace(scores)) / (count * (count - 1)))


def _pair_means(scores: Values, generator: np.random.Generator) -> Values:
    """`pair_mean` of RESAMPLES draws of as many clips; NaN where one clip was drawn alone."""
    count = len(scores)
    apart = scores * (1.0 - np.eye(count))
    means = []
    for _ in range(0, RESAMPLES, BLOCK):
        weights = generator.multinomial(count, np.full(count, 1.0 / count), size=BLOCK).astype(np.float64)
        pairs = count**2 - (weights**2).sum(axis=1)
        sums = np.einsum("ri,ri->r", weights @ apart, weights)
        means.append(np.divide(sums, pairs, out=np.full(BLOCK, np.nan), where=pairs > 0))
    return np.concatenate(means)
