"""Scoring: compare each clip that has no live row with all that have one, and with the others that have none.

A batch of m clips on n live ones costs m·n + m(m − 1)/2 pairs. Blocks are computed outside any transaction and
appended in one each; where another scorer was faster, the block is dropped and the matrix read again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thresher.catalog import features as compared
from thresher.catalog import nearest, scores
from thresher.catalog.catalog import Catalog
from thresher.curation.workers import Progress, cores, no_progress
from thresher.signal.metrics.metric import Metric
from thresher.signal.metrics.registry import find_metric

BLOCK_VALUES = 4_000_000
"""Scores in one block at most (16 MB), so that memory does not grow with the catalog."""

BLOCK_ROWS = 512

PART_CLIPS = 16_384
"""Live clips compared at a time; what is kept of more is never copied into one piece."""


@dataclass(frozen=True)
class ScoreReport:
    """What scoring did: `clips` new rows at the cost of `pairs` comparisons; `live` rows stand now."""

    metric: str
    clips: int
    pairs: int
    live: int
    compacted: bool
    seconds: float


def score(catalog: Catalog, metric: str | None = None, progress: Progress = no_progress) -> ScoreReport:
    """Bring the matrix of a metric (default: the configured one) up to date."""
    begun = time.monotonic()
    chosen = find_metric(metric or catalog.settings.metrics.default)
    clips = pairs = 0
    compacted = False
    fresh: _Fresh | None = None
    while True:
        if fresh is None:
            fresh = _Fresh(catalog, chosen)
        if fresh.is_unsound:
            compacted |= _mend(catalog, chosen)
            fresh = None
            continue
        if not fresh.open_ids:
            return ScoreReport(
                chosen.name, clips, pairs, fresh.matrix.state.live, compacted, time.monotonic() - begun
            )
        progress(f"scoring {chosen.name}", clips, clips + len(fresh.open_ids))
        appended = fresh.append_block()
        pairs += fresh.pairs
        if appended:
            clips += appended
        else:
            fresh = None


def score_all(catalog: Catalog, progress: Progress = no_progress) -> tuple[ScoreReport, ...]:
    """Bring the matrices of all metrics in use up to date, in the order of the settings."""
    return tuple(score(catalog, name, progress) for name in catalog.settings.metrics.use)


def open_work(catalog: Catalog, metric: str | None = None) -> ScoreReport:
    """What `score` would do now, in clips and pairs; nothing is computed."""
    begun = time.monotonic()
    chosen = find_metric(metric or catalog.settings.metrics.default)
    with catalog.reading() as connection:
        metric_id = scores.metric_id(connection, chosen.name, chosen.version)
        found = scores.survey(connection, metric_id, chosen.keeps)
    clips, live, state = len(found.open_ids), found.matrix.clip_ids.size, found.matrix.state
    pairs = clips * live + clips * (clips - 1) // 2
    return ScoreReport(
        chosen.name,
        clips,
        pairs,
        live + clips,
        _has_room(replace(state, live=live)),
        time.monotonic() - begun,
    )


def _mend(catalog: Catalog, metric: Metric[Any]) -> bool:
    """Retire rows that should not be, and compact where more than half are retired; whether it did."""
    with catalog.writing() as connection:
        metric_id = scores.register_metric(connection, metric.name, metric.version)
        leaving = scores.survey(connection, metric_id, metric.keeps).disqualified
        scores.retire(connection, leaving, only=metric_id)
        if not _has_room(scores.read_state(connection, metric_id)):
            return False
        scores.compact(connection, metric_id)
        return True


def _has_room(state: scores.MatrixState) -> bool:
    """Whether more than half of the rows are retired."""
    return 2 * state.live < state.rows


class _Fresh:
    """A matrix as it was read, with what is kept of its live clips and what is nearest to each, extended block by
    block."""

    def __init__(self, catalog: Catalog, metric: Metric[Any]) -> None:
        self._catalog = catalog
        self._metric = metric
        self.pairs = 0
        with catalog.reading() as connection:
            metric_id = scores.metric_id(connection, metric.name, metric.version)
            if scores.has_open(connection, metric_id, metric.keeps):
                found, self._live = scores.survey_kept(connection, metric_id, metric.keeps, self._packed)
            else:
                found, self._live = scores.survey(connection, metric_id, metric.keeps), []
            self.matrix, self.open_ids = found.matrix, found.open_ids
            self.is_unsound = bool(not metric_id or found.disqualified) or _has_room(self.matrix.state)
            self._nearest = nearest.read(connection, metric_id, self.matrix.clip_ids)

    def _packed(self, kept: Iterator[NDArray[Any]]) -> list[Any]:
        parts = []
        while some := list(islice(kept, PART_CLIPS)):
            parts.append(self._metric.pack(some, threads=cores()))
        return parts

    def append_block(self) -> int:
        """Score the next open clips and append their rows; how many, or 0 where the catalog has moved on.

        `pairs` counts what was computed for it, kept or not.
        """
        room = BLOCK_VALUES // max(1, self.matrix.state.rows)
        ids = self.open_ids[: max(1, min(BLOCK_ROWS, room))]
        self.pairs = 0
        with self._catalog.reading() as connection:
            clips = compared.checksums(connection, ids, self._metric.keeps)
            if len(clips) < len(ids):  # forgotten since, or a reference now
                return 0
            new = self._metric.pack(compared.read(connection, ids, self._metric.keeps))
        to_live = np.empty((len(ids), self.matrix.clip_ids.size), np.float32)
        first = 0
        for part in self._live:
            to_live[:, first : first + part.count] = self._metric.scores(new, part, threads=cores())
            first += part.count
        triangle = self._metric.triangle(new, threads=cores())
        self.pairs = to_live.size + len(ids) * (len(ids) - 1) // 2
        with self._catalog.writing() as connection:
            best = scores.append(
                connection, self.matrix, self._nearest, clips, to_live, triangle, self._metric.keeps
            )
        if best is None:
            return 0
        self._nearest = best
        self.matrix = self.matrix.extended(ids)
        if self._live and self._live[-1].count + new.count <= PART_CLIPS:
            self._live[-1] = self._live[-1].joined(new)
        else:
            self._live.append(new)
        self.open_ids = self.open_ids[len(ids) :]
        return len(ids)
