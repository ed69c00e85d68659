"""Score new clips: extend a metric's matrix by the clips that have no live row.

Each new clip is compared with every clip that has a live row and with the other new ones. Scoring m new clips
against n live ones costs m·n + m(m - 1)/2 comparisons. Blocks of rows are computed outside any transaction,
then each is appended in one transaction. If the matrix has changed meanwhile, the block is dropped and the
matrix is read again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from thresher.catalog import features, nearest, scores
from thresher.catalog.catalog import Catalog
from thresher.catalog.catalog_backups import backup_before
from thresher.curation.comparison import block_scores
from thresher.curation.comparison.block_scores import BlockScorer
from thresher.curation.comparison.score_report import ScoreReport
from thresher.curation.workers import Progress, Workers, cores, no_progress
from thresher.errors import CatalogError
from thresher.signal.metrics.metric import Metric
from thresher.signal.metrics.registry import find_metric

BLOCK_VALUES = 4_000_000
"""The most scores in one block (16 MB), so that memory does not grow with the catalog."""

BLOCK_ROWS = 512

TRIES = 3
"""How often the same work is tried. Features that change meanwhile need a second try."""


def score(
    catalog: Catalog,
    metric: str | None = None,
    progress: Progress = no_progress,
    *,
    executor: str | None = None,
) -> ScoreReport:
    """Score the clips that have no live row in the matrix of a metric (default: the configured one).

    If `executor` (default: the configured one) is Dask, its cluster computes the scores; else the threads of this
    process do. Raises UsageError for an unknown metric, CatalogError if a stored feature is damaged, ClusterError
    if the cluster does not work.
    """
    chosen = find_metric(metric or catalog.settings.metrics.default_metric)
    with Workers(executor or catalog.settings.ingest.executor) as workers:
        return _score(catalog, chosen, workers, progress)


def _score(catalog: Catalog, chosen: Metric[Any], workers: Workers, progress: Progress) -> ScoreReport:
    begun = time.monotonic()
    clips = pairs = 0
    compacted = False
    snapshot: _Snapshot | None = None
    before, tries = None, 0
    while True:
        if snapshot is None:
            snapshot = _Snapshot(catalog, chosen, workers)
            tries = tries + 1 if snapshot.work == before else 1
            before = snapshot.work
            if tries > TRIES:
                raise _no_progress_made(chosen.name)
        if snapshot.needs_cleaning:
            compacted |= _clean(catalog, chosen)
            snapshot = None
            continue
        if not snapshot.unscored_ids:
            return ScoreReport(
                chosen.name, clips, pairs, snapshot.matrix.state.live, compacted, time.monotonic() - begun
            )
        progress(f"scoring {chosen.name}", clips, clips + len(snapshot.unscored_ids))
        appended = snapshot.append_block()
        pairs += snapshot.pairs
        if appended:
            clips += appended
        else:
            snapshot = None


def _no_progress_made(name: str) -> CatalogError:
    """The error for a matrix that does not change although rows are added to it or retired."""
    return CatalogError(
        f"scores by {name} can't be stored, because the catalog does not find their rows: an index may be "
        "damaged; run `thresher verify`, then `thresher verify --repair`"
    )


def score_all(
    catalog: Catalog, progress: Progress = no_progress, *, executor: str | None = None
) -> tuple[ScoreReport, ...]:
    """Score the open clips by each metric in `[metrics] use`, in that order."""
    return tuple(score(catalog, name, progress, executor=executor) for name in catalog.settings.metrics.use)


def open_work(catalog: Catalog, metric: str | None = None) -> ScoreReport:
    """Return what `score` would do now, without computing a score."""
    begun = time.monotonic()
    chosen = find_metric(metric or catalog.settings.metrics.default_metric)
    with catalog.reading() as connection:
        metric_id = scores.metric_id(connection, chosen.name, chosen.version)
        found = scores.survey(connection, metric_id, chosen.keeps)
    clips, live, state = len(found.unscored_ids), found.matrix.clip_ids.size, found.matrix.state
    return ScoreReport(
        chosen.name,
        clips,
        pair_count(clips, live),
        live + clips,
        _is_sparse(replace(state, live=live)),
        time.monotonic() - begun,
    )


def pair_count(new: int, live: int) -> int:
    """Return how many comparisons score `new` clips against `live` ones and among themselves."""
    return new * live + new * (new - 1) // 2


def _clean(catalog: Catalog, metric: Metric[Any]) -> bool:
    """Retire the rows of clips that should not be scored, then compact if needed; return whether it compacted."""

    def retire(connection: Connection) -> tuple[int, bool]:
        metric_id = scores.register_metric(connection, metric.name, metric.version)
        leaving = scores.survey(connection, metric_id, metric.keeps).disqualified
        scores.retire(connection, leaving, only=metric_id)
        return metric_id, _is_sparse(scores.read_state(connection, metric_id))

    def compact(connection: Connection) -> bool:
        if not _is_sparse(scores.read_state(connection, metric_id)):  # another scoring has compacted it
            return False
        scores.compact(connection, metric_id)
        return True

    metric_id, is_sparse = catalog.write(retire)
    if not is_sparse:
        return False
    backup_before(catalog, f"the scores by {metric.name} were not compacted")
    return catalog.write(compact)


def _is_sparse(state: scores.MatrixState) -> bool:
    """Return whether more than half of the rows are retired."""
    return 2 * state.live < state.rows


class _Snapshot:
    """A metric's matrix as it was read, with the packed features and nearest clips of its live clips.

    `append_block` extends both the catalog and the snapshot. `needs_cleaning`: the metric is not registered, some
    rows belong to clips that should not be scored, or more than half of the rows are retired.
    """

    def __init__(self, catalog: Catalog, metric: Metric[Any], workers: Workers) -> None:
        self._catalog = catalog
        self._metric = metric
        self.pairs = 0
        with catalog.reading() as connection:
            metric_id = scores.metric_id(connection, metric.name, metric.version)
            if scores.has_unscored(connection, metric_id, metric.keeps):
                found, live = scores.survey_kept(connection, metric_id, metric.keeps, self._packed)
            else:
                found, live = scores.survey(connection, metric_id, metric.keeps), []
            self.matrix, self.unscored_ids = found.matrix, found.unscored_ids
            self.needs_cleaning = bool(not metric_id or found.disqualified) or _is_sparse(self.matrix.state)
            self._nearest = nearest.read(connection, metric_id, self.matrix.clip_ids)
            known = np.count_nonzero(self._nearest.others != nearest.NO_ID)
            if not self.needs_cleaning and nearest.count(connection, metric_id) != known:
                raise _no_progress_made(metric.name)  # the matrix lacks clips that it was searched for
        pairs = pair_count(len(self.unscored_ids), self.matrix.clip_ids.size)
        self._scorer = BlockScorer(metric, live, workers, pairs)

    @property
    def work(self) -> tuple[scores.MatrixState, int, bool]:
        """What is to be done: it changes with every step, by whichever program."""
        return self.matrix.state, len(self.unscored_ids), self.needs_cleaning

    def _packed(self, found: Iterator[NDArray[Any]]) -> list[Any]:
        parts = []
        while some := list(islice(found, block_scores.PART_CLIPS)):
            parts.append(self._metric.pack(some, threads=cores()))
        return parts

    def append_block(self) -> int:
        """Score the next open clips and append their rows; return how many, or 0 if the catalog has changed.

        `pairs` is then the number of comparisons computed by this call, appended or not.
        """
        room = BLOCK_VALUES // max(1, self.matrix.state.rows)
        ids = self.unscored_ids[: max(1, min(BLOCK_ROWS, room))]
        self.pairs = 0
        with self._catalog.reading() as connection:
            clips = features.checksums(connection, ids, self._metric.keeps)
            if len(clips) < len(ids):  # a clip was forgotten or became a reference
                return 0
            new = self._metric.pack(features.read(connection, ids, self._metric.keeps))
        to_live, triangle = self._scorer.scores(new)
        self.pairs = pair_count(len(ids), self.matrix.clip_ids.size)
        best = self._catalog.write(
            lambda connection: scores.append(
                connection, self.matrix, self._nearest, clips, to_live, triangle, self._metric.keeps
            )
        )
        if best is None:
            return 0
        self._nearest = best
        self.matrix = self.matrix.extended(ids)
        self._scorer.add(new)
        self.unscored_ids = self.unscored_ids[len(ids) :]
        return len(ids)
