"""The report of scoring by one metric."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ScoreReport:
    """What scoring did, or would do.

    `clips` rows were added at the cost of `pairs` comparisons; the matrix now has `live` rows. `compacted`:
    retired rows were dropped.
    """

    metric: str
    clips: int
    pairs: int
    live: int
    compacted: bool
    seconds: float
