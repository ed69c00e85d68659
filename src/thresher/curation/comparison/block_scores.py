"""Compute the scores of a block of new clips: here on threads, or on the workers of a Dask cluster.

The packed features of the clips that have rows are kept in parts. On a cluster each part is sent once; only the
last one, which grows by every block, is sent again until it is full.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thresher.curation.executors.inputs import InputsLostError
from thresher.curation.workers import WorkerDied, Workers, cores
from thresher.errors import ClusterError
from thresher.signal.metrics.metric import Metric
from thresher.signal.metrics.registry import find_metric

CLUSTER_PAIRS = 2_000_000
"""The fewest open pairs that are worth a cluster: computing them here takes about as long as connecting to it."""

TASK_PAIRS = 1 << 16
"""Pairs in one task of a cluster: a fortieth of a second of work by `aligned`, and 256 kB of scores."""

PART_CLIPS = 16_384
"""The most clips in one packed part. Appending a block copies one part only, not the features of all clips."""

CLUSTER_PART_CLIPS = 2_048
"""The most clips to which the last part on a cluster grows."""

TRIES = 3
"""How often a block is computed if workers that held its inputs end."""

_Task = tuple[str, Any, Any, int, int]
"""The name of a metric, packed rows, packed columns, and the bounds of the columns to compare. Columns of None
stand for the rows among themselves."""


class BlockScorer:
    """The packed features of a metric's live clips, in the order of their rows, as `parts`.

    `pairs` is the number of comparisons that are open: few of them are computed here, whatever the executor of
    `workers`.
    """

    def __init__(self, metric: Metric[Any], parts: Sequence[Any], workers: Workers, pairs: int) -> None:
        self._metric = metric
        self._workers = workers
        self._on_cluster = workers.name.kind == "dask" and pairs >= CLUSTER_PAIRS
        self._most = CLUSTER_PART_CLIPS if self._on_cluster else PART_CLIPS
        self._parts = list(parts)
        self._shared: list[Any] = [None] * len(parts)

    def add(self, new: Any) -> None:
        """Append the packed features of clips that have rows now."""
        if self._parts and self._parts[-1].count + new.count <= self._most:
            self._parts[-1], self._shared[-1] = self._parts[-1].joined(new), None
        else:
            self._parts.append(new)
            self._shared.append(None)

    def scores(self, new: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the scores of m new clips with the live ones, and among themselves.

        They are float32, shapes (m, n) and (m, m), the latter NaN except below the diagonal. Raises ClusterError
        if a cluster can't compute them.
        """
        to_live = np.empty((new.count, sum(part.count for part in self._parts)), np.float32)
        if self._on_cluster:
            return to_live, self._computed_on_cluster(new, to_live)
        first = 0
        for part in self._parts:
            to_live[:, first : first + part.count] = self._metric.scores(new, part, threads=cores())
            first += part.count
        return to_live, self._metric.triangle(new, threads=cores())

    def _computed_on_cluster(self, new: Any, to_live: NDArray[np.float32]) -> NDArray[np.float32]:
        for _ in range(TRIES):
            try:
                return self._try_on_cluster(new, to_live)
            except InputsLostError:
                self._shared = [None] * len(self._parts)
        raise ClusterError(
            f"the workers that compute scores by {self._metric.name} ended {TRIES} times; what is stored stays: "
            "run the same command again to continue"
        )

    def _try_on_cluster(self, new: Any, to_live: NDArray[np.float32]) -> NDArray[np.float32]:
        triangle: NDArray[np.float32] | None = None
        for columns, found in self._workers.map(score_part, self._tasks(new)):
            if found is None or isinstance(found, WorkerDied):
                raise InputsLostError
            if columns is None:
                triangle = found
            else:
                to_live[:, columns] = found
        assert triangle is not None
        return triangle

    def _tasks(self, new: Any) -> Iterator[tuple[slice | None, _Task]]:
        rows = self._workers.share(new)
        yield None, (self._metric.name, rows, None, 0, 0)
        step = max(1, TASK_PAIRS // new.count)
        first = 0
        for index, part in enumerate(self._parts):
            if self._shared[index] is None:
                self._shared[index] = self._workers.share(part)
            for start in range(0, part.count, step):
                stop = min(part.count, start + step)
                columns = slice(first + start, first + stop)
                yield columns, (self._metric.name, rows, self._shared[index], start, stop)
            first += part.count


def score_part(task: _Task) -> NDArray[np.float32]:
    """Compute the scores of a task, on one thread of a worker."""
    name, rows, columns, start, stop = task
    metric = find_metric(name)
    metric.load_kernel()
    if columns is None:
        return metric.triangle(rows)
    return metric.scores(rows, columns.part(start, stop))
