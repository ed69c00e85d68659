"""Score new clips: extend a metric's matrix by the clips that have no live row.

Each new clip is compared with every clip that has a live row and with the other new ones. Scoring m new clips
against n live ones costs m·n + m(m - 1)/2 comparisons. A block of rows is claimed in one short transaction,
computed outside of any, and stored in another one. Scorers that run at once claim different blocks, and compare
their clips with those that the others have claimed before, so that no pair is compared twice (see
`catalog/scores/claims.py`). If clips of the block have changed meanwhile, or rows before it, the block is dropped
and the matrix is read again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from threading import Event, Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from thresher.catalog.catalog import Catalog
from thresher.catalog.catalog_backups import backup_before
from thresher.catalog.scores import claims, features, nearest, scores
from thresher.catalog.scores.claims import Claim
from thresher.curation.comparison import block_scores
from thresher.curation.comparison.block_scores import BlockScorer
from thresher.curation.comparison.score_report import ScoreReport
from thresher.curation.workers import Workers, cores
from thresher.errors import CatalogError
from thresher.progress import Progress, no_progress
from thresher.signal.metrics.metric import Metric
from thresher.signal.metrics.registry import find_metric

BLOCK_VALUES = 4_000_000
"""The most scores in one block (16 MB), so that memory does not grow with the catalog."""

BLOCK_ROWS = 512

WAIT = 0.2
"""Seconds until a scorer that waits for others looks again."""

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
    with _workers(catalog, executor) as workers:
        return _score(catalog, chosen, workers, progress)


def _workers(catalog: Catalog, executor: str | None) -> Workers:
    return Workers(executor or catalog.settings.ingest.executor)


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
        if not snapshot.unscored_ids and not snapshot.is_claimed:
            return ScoreReport(
                chosen.name, clips, pairs, snapshot.matrix.state.live, compacted, time.monotonic() - begun
            )
        progress(f"scoring {chosen.name}", clips, clips + len(snapshot.unscored_ids))
        appended = snapshot.append_block()
        pairs += snapshot.pairs
        if appended:
            clips += appended
            continue
        while snapshot.waits():
            progress(f"waiting for other programs that score {chosen.name}", clips, clips)
            time.sleep(WAIT)
            before = None
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
    metrics = [find_metric(name) for name in catalog.settings.metrics.use]
    with _workers(catalog, executor) as workers:
        return tuple(_score(catalog, each, workers, progress) for each in metrics)


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
        return metric_id, _needs_compaction(connection, metric_id)

    def compact(connection: Connection) -> bool:
        if not _needs_compaction(connection, metric_id):  # another scoring has compacted it
            return False
        scores.compact(connection, metric_id)
        return True

    metric_id, needs_compaction = catalog.write(retire)
    if not needs_compaction:
        return False
    backup_before(catalog, f"the scores by {metric.name} were not compacted")
    return catalog.write(compact)


def _needs_compaction(connection: Connection, metric_id: int) -> bool:
    """Return whether more than half of the rows are retired, and no scorer has claimed rows."""
    return _is_sparse(scores.read_state(connection, metric_id)) and not claims.read(connection, metric_id)


def _is_sparse(state: scores.MatrixState) -> bool:
    """Return whether more than half of the rows are retired."""
    return 2 * state.live < state.stored


class _Snapshot:
    """A metric's matrix as it was read, with the packed features and nearest clips of its live clips.

    `append_block` extends both the catalog and the snapshot. `needs_cleaning`: the metric is not registered, some
    rows belong to clips that should not be scored, or more than half of the rows are retired and none is claimed.
    `is_claimed`: scorers are at work, or were interrupted.
    """

    def __init__(self, catalog: Catalog, metric: Metric[Any], workers: Workers) -> None:
        self._catalog = catalog
        self._metric = metric
        self._workers = workers
        self._holder = claims.new_holder()
        self._nothing_open = False  # as the last try to claim clips found
        self.pairs = 0
        with catalog.reading() as connection:
            metric_id = scores.metric_id(connection, metric.name, metric.version)
            if scores.has_unscored(connection, metric_id, metric.keeps):
                found, live = scores.survey_kept(connection, metric_id, metric.keeps, self._packed)
            else:
                found, live = scores.survey(connection, metric_id, metric.keeps), []
            self.matrix, self.unscored_ids = found.matrix, found.unscored_ids
            self.is_claimed = bool(claims.read(connection, metric_id))
            is_sparse = _is_sparse(self.matrix.state) and not self.is_claimed
            self.needs_cleaning = not metric_id or bool(found.disqualified) or is_sparse
            self._nearest = nearest.read(connection, metric_id, self.matrix.clip_ids)
            known = np.count_nonzero(self._nearest.others != nearest.NO_ID)
            if not self.needs_cleaning and nearest.count(connection, metric_id) != known:
                raise _no_progress_made(metric.name)  # the matrix lacks clips that it was searched for
        pairs = pair_count(len(self.unscored_ids), self.matrix.clip_ids.size)
        self._scorer = BlockScorer(metric, live, workers, pairs)
        self._positions, self._ids = self.matrix.positions, self.matrix.clip_ids
        self._of_claims: dict[int, int] = {}
        # the state up to which the packed features are those of all rows, and up to which this scorer was alone
        self._learned: scores.MatrixState | None = self.matrix.state
        self._alone: scores.MatrixState | None = self.matrix.state

    @property
    def work(self) -> tuple[scores.MatrixState, int, bool]:
        """What is to be done: it changes with every step, by whichever program."""
        return self.matrix.state, len(self.unscored_ids), self.needs_cleaning

    def waits(self) -> bool:
        """Return whether all that was left to do is claimed by other scorers, which still run."""
        if not self._nothing_open:
            return False
        with self._catalog.reading() as connection:
            return claims.waits_for(connection, self.matrix.metric_id, time.time())

    def append_block(self) -> int:
        """Claim, score and store the rows of the next open clips; return how many rows were stored.

        It is 0 if the catalog has changed, or if other scorers have claimed all that is open. `pairs` is then the
        number of comparisons computed by this call, stored or not.
        """
        self.pairs = 0
        held = self._claim()
        if held is None:
            return 0
        try:
            with _renewed(self._catalog, held):
                stored = self._score(held)
        except BaseException:
            with suppress(CatalogError):
                self._give_up(held)
            raise
        if not stored:
            self._give_up(held)
        return stored

    def _claim(self) -> Claim | None:
        """Claim the next open clips; None if there are none, or if one of them is not to be scored any more."""
        of_metric = self.matrix.metric_id
        room = max(1, min(BLOCK_ROWS, BLOCK_VALUES // max(1, self.matrix.state.rows)))

        def claim(connection: Connection) -> tuple[Claim | None, list[int], bool]:
            now, left = time.time(), self.unscored_ids
            lost = claims.take_over(connection, of_metric, self._holder, now)
            if lost is not None:
                return lost, [clip_id for clip_id in left if clip_id not in lost.clips], False
            claimed = {clip_id for each in claims.read(connection, of_metric) for clip_id in each.clips}
            is_alone = scores.read_state(connection, of_metric) == self._alone
            ids: list[int] = []
            while left and not ids:
                ids, left = [clip_id for clip_id in left[:room] if clip_id not in claimed], left[room:]
                if not is_alone:  # other scorers may have stored rows of some
                    ids = scores.without_row(connection, of_metric, ids)
            clips = features.checksums(connection, ids, self._metric.keeps)
            if not clips or len(clips) < len(ids):  # one of them was forgotten or became a reference
                return None, left, not ids
            return claims.add(connection, of_metric, clips, self._holder, now), left, False

        held, self.unscored_ids, self._nothing_open = self._catalog.write(claim)
        return held

    def _give_up(self, held: Claim) -> None:
        self._catalog.write(partial(claims.give_up, of_metric=self.matrix.metric_id, held=held))

    def _score(self, held: Claim) -> int:
        compared = self._compare(held)
        if compared is None:
            return 0
        found, new = compared
        self.pairs = found.pairs
        stored = self._catalog.write(
            lambda connection: scores.store(
                connection, held, self.matrix, self._nearest, found, self._metric.keeps
            )
        )
        if stored is None:
            return 0
        is_alone = stored.is_alone and self._alone == self.matrix.state
        self.matrix, self._nearest = stored.matrix, stored.nearest
        self._alone = stored.matrix.state if is_alone else None
        self._learned = None
        if found.positions is self._positions and found.clip_ids:
            self._learned = stored.matrix.state if stored.is_alone else None
            is_compared = np.isin(list(held.clips), found.clip_ids)
            self._add(new, np.arange(held.first, held.end)[is_compared], found.clip_ids)
        return len(held.clips)

    def _compare(self, held: Claim) -> tuple[scores.Compared, Any] | None:
        """Compare the clips of a claim with those before it; also return their packed features.

        None if rows were retired since the snapshot was read.
        """
        with self._catalog.reading() as connection:
            before = self._before(connection, held)
            if before is None:
                return None
            scorer, positions = before
            own = dict(features.read_unchanged(connection, held.clips, self._metric.keeps))
        if not own:
            nothing = np.empty((0, positions.size), np.float32)
            return scores.Compared((), positions, nothing, nothing[:, :0]), None
        new = self._metric.pack(own.values())
        to_others, triangle = scorer.scores(new)
        return scores.Compared(tuple(own), positions, to_others, triangle), new

    def _before(self, connection: Connection, held: Claim) -> tuple[BlockScorer, NDArray[np.int64]] | None:
        """Return the packed clips before a claim, and their positions; None if one of them has left."""
        state, of_metric = scores.read_state(connection, self.matrix.metric_id), self.matrix.metric_id
        others = [each for each in claims.read(connection, of_metric) if each.first < held.first]
        is_behind = self._positions.max(initial=-1) < held.first
        if state == self._learned and not others and is_behind:
            return self._scorer, self._positions
        live = scores.read_matrix(connection, of_metric)
        clips = dict(zip(live.positions.tolist(), live.clip_ids.tolist(), strict=True))
        for each in others:
            now = features.checksums(connection, each.clips, self._metric.keeps)
            numbered = enumerate(each.clips.items(), start=each.first)
            clips.update((at, clip_id) for at, (clip_id, crc32) in numbered if now.get(clip_id) == crc32)
        before = np.array(sorted(at for at in clips if at < held.first), np.int64)
        if state.rows > held.first:  # a claim that another scorer lost: rows after it exist
            scorer = BlockScorer(self._metric, [], self._workers, 0)
            ids = [clips[at] for at in before.tolist()]
            for part in self._packed(features.read(connection, ids, self._metric.keeps)):
                scorer.add(part)
            return scorer, before
        if [clips.get(at) for at in self._positions.tolist()] != self._ids.tolist():
            return None
        now = features.checksums(connection, self._of_claims, self._metric.keeps)
        if now != self._of_claims:  # claimed again, after a change
            return None
        new = before[np.isin(before, self._positions, invert=True)]
        ids = [clips[at] for at in new.tolist()]
        self._of_claims |= features.checksums(connection, ids, self._metric.keeps)
        for part in self._packed(features.read(connection, ids, self._metric.keeps)):
            self._add(part, new[: part.count], ids[: part.count])
            new, ids = new[part.count :], ids[part.count :]
        self._learned = state
        return self._scorer, self._positions

    def _add(self, packed: Any, positions: NDArray[np.int64], clip_ids: Sequence[int]) -> None:
        self._scorer.add(packed)
        self._positions = np.concatenate([self._positions, positions])
        self._ids = np.concatenate([self._ids, np.array(clip_ids, np.int64)])

    def _packed(self, found: Iterator[NDArray[Any]]) -> list[Any]:
        parts = []
        while some := list(islice(found, block_scores.PART_CLIPS)):
            parts.append(self._metric.pack(some, threads=cores()))
        return parts


@contextmanager
def _renewed(catalog: Catalog, held: Claim) -> Iterator[None]:
    """A block in which a claim is renewed in time, by a thread."""
    is_done = Event()

    def renew() -> None:
        while not is_done.wait(claims.LEASE / 3):
            # Without a renewal another scorer may take the claim over, which costs time only. An error that lasts
            # is raised where the rows are stored.
            with suppress(Exception):
                catalog.write(lambda connection: claims.renew(connection, held, time.time()))

    thread = Thread(target=renew, name="renewal of a claim", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_done.set()
        thread.join()
