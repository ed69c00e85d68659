"""Fit clusters: group similar clips, and keep the number of each group that still exists.

The catalog stores one fit. Songs and queries refer to clusters by number. So a group keeps its number as long
as most of its clips stay together, and the number is never reused for another group.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, insert, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import cluster, cluster_clip, clustering
from thresher.catalog.queries.query import join_terms
from thresher.catalog.queries.text import Terms
from thresher.catalog.recordings.clip_rows import known_clips
from thresher.catalog.scores import features
from thresher.catalog.text.values import LARGEST_INTEGER
from thresher.curation.clips.selection import select_ids
from thresher.curation.workers import cores
from thresher.errors import CatalogError, NotFoundError, UsageError
from thresher.formatting import counted
from thresher.progress import Progress, no_progress
from thresher.signal.metrics.likeness import Likenesses
from thresher.signal.statistics.clustering import SMALLEST, find_clusters, find_medoid


@dataclass(frozen=True)
class ClusterChange:
    """The cluster numbers that a fit `kept`, the `new` ones, and those that are `gone`; each ascending."""

    kept: tuple[int, ...]
    new: tuple[int, ...]
    gone: tuple[int, ...]


def fit_clusters(
    catalog: Catalog, terms: Terms = (), smallest: int | None = None, progress: Progress = no_progress
) -> ClusterChange:
    """Group the clips that match the terms, and replace the stored fit.

    A cluster has at least `smallest` clips (default 4).

    Raises UsageError for a `smallest` below 2, NotFoundError if no clip matches, CatalogError if no clip has a
    descriptor.
    """
    least = SMALLEST if smallest is None else smallest
    if not 2 <= least <= LARGEST_INTEGER:
        raise UsageError(f"--smallest must be from 2 to {LARGEST_INTEGER}, not {least}")
    with catalog.reading() as connection:
        found = select_ids(catalog, connection, terms)
        clip_ids = _described(catalog, connection, found)
        descriptors = list(features.read(connection, clip_ids, "descriptor"))
    found_clusters = find_clusters(
        descriptors, least, threads=cores(), watch=lambda done, total: progress("comparing", done, total)
    )
    labels = found_clusters.labels
    fit = _Fit(
        clip_ids, labels.tolist(), found_clusters.probabilities.tolist(), _medoids(descriptors, labels)
    )
    return catalog.write(lambda connection: _store(connection, fit, join_terms(terms), least))


def _described(catalog: Catalog, connection: Connection, found: Sequence[int]) -> list[int]:
    """Return the clips that have a descriptor; if there are none, raise an error that says why."""
    if not found:
        raise NotFoundError("the query matches no clip to group; `thresher list` shows all clips")
    clip_ids = list(features.checksums(connection, found, "descriptor"))
    if clip_ids:
        return clip_ids
    if "likeness" not in catalog.settings.metrics.use:
        raise CatalogError(
            'clusters need the metric "likeness", which [metrics] use in catalog.toml does not list; '
            "add it there, then run `thresher reanalyse`"
        )
    raise CatalogError(
        f"none of {counted(len(found), 'clip')} has a descriptor to group by; `thresher reanalyse` computes them"
    )


@dataclass(frozen=True)
class _Fit:
    """The clips of a fit, with the label (-1: no cluster) and probability of each, and the medoid of each label.

    `medoids` holds indices into `clip_ids`.
    """

    clip_ids: Sequence[int]
    labels: Sequence[int]
    probabilities: Sequence[float]
    medoids: Sequence[int]


def _medoids(descriptors: Sequence[NDArray[Any]], labels: NDArray[np.int64]) -> list[int]:
    """Return the index of the medoid of each label."""
    found = []
    for label in range(int(labels.max(initial=-1)) + 1):
        members = np.flatnonzero(labels == label)
        packed = Likenesses.pack((descriptors[index] for index in members.tolist()), threads=cores())
        found.append(int(members[find_medoid(packed, threads=cores())[0]]))
    return found


def _store(connection: Connection, fit: _Fit, query: str, smallest: int) -> ClusterChange:
    # Clips may have been forgotten while they were compared.
    present = known_clips(connection, fit.clip_ids)
    old = {row.clip_id: row.number for row in connection.execute(select(cluster_clip))}
    known = list(connection.scalars(select(cluster.c.number).order_by(cluster.c.number)))
    # The id of the stored fit is the highest number ever given, so that no number is reused.
    highest = connection.scalar(select(clustering.c.id)) or 0
    new = dict(zip(fit.clip_ids, fit.labels, strict=True))
    kept = matched(old, new)
    numbers = []
    for label in range(len(fit.medoids)):
        if label not in kept:
            highest += 1
        numbers.append(kept.get(label, highest))
    connection.execute(delete(cluster_clip))
    connection.execute(delete(cluster))
    connection.execute(delete(clustering))
    connection.execute(
        insert(clustering).values(id=highest, fitted_at=time.time(), query=query, smallest=smallest)
    )
    if numbers:
        medoids = [fit.clip_ids[index] for index in fit.medoids]
        connection.execute(
            insert(cluster),
            [
                {"number": number, "medoid_id": medoid if medoid in present else None}
                for number, medoid in zip(numbers, medoids, strict=True)
            ],
        )
    rows = [
        {"clip_id": clip_id, "number": numbers[label] if label >= 0 else None, "probability": probability}
        for clip_id, label, probability in zip(fit.clip_ids, fit.labels, fit.probabilities, strict=True)
        if clip_id in present
    ]
    if rows:
        connection.execute(insert(cluster_clip), rows)
    before = set(known)
    return ClusterChange(
        kept=tuple(sorted(before.intersection(numbers))),
        new=tuple(sorted(set(numbers) - before)),
        gone=tuple(sorted(before.difference(numbers))),
    )


def matched(old: Mapping[int, int | None], new: Mapping[int, int]) -> dict[int, int]:
    """Match the labels of a new fit to the cluster numbers of the old one; return label → number.

    `old` maps each clip to its number or None, `new` to its label or -1. Only clips in both fits count. A label
    and a number can match if they share at least half of the clips of either. Of all such assignments, the one
    that shares the most clips in total is chosen (Hungarian algorithm).
    """
    from scipy.optimize import linear_sum_assignment

    both = [clip_id for clip_id in new if clip_id in old]
    numbers = sorted({number for clip_id in both if (number := old[clip_id]) is not None})
    if not numbers:
        return {}
    row_of = {number: row for row, number in enumerate(numbers)}
    labels = max(new.values(), default=-1) + 1
    # The last row and the last column count clips in no cluster.
    shared = np.zeros((len(numbers) + 1, labels + 1), np.int64)
    for clip_id in both:
        number = old[clip_id]
        shared[-1 if number is None else row_of[number], new[clip_id]] += 1
    larger = np.maximum(shared.sum(axis=1, keepdims=True), shared.sum(axis=0))[:-1, :-1]
    shared = shared[:-1, :-1]
    shared[2 * shared < larger] = 0
    rows, columns = linear_sum_assignment(shared, maximize=True)
    return {
        int(label): numbers[row]
        for row, label in zip(rows.tolist(), columns.tolist(), strict=True)
        if shared[row, label]
    }
