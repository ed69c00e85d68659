"""Fitting clusters: group clips by how they sound, and keep each group's number where it is still the same one.

One fit is kept. Songs and queries name clusters by number, so a number stays with a group as long as most of its
clips stay together, and none is ever given to another group.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, insert, select

from thresher.catalog import features as compared
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import chunks
from thresher.catalog.query import join_terms
from thresher.catalog.schema import clip, cluster, cluster_clip, clustering
from thresher.catalog.values import LARGEST_INTEGER
from thresher.curation.clips.selection import Terms, select_ids
from thresher.curation.workers import Progress, cores, no_progress
from thresher.errors import CatalogError, NotFoundError, UsageError
from thresher.formatting import counted
from thresher.signal.metrics.likeness import Likenesses
from thresher.signal.statistics.clustering import SMALLEST, find_clusters, mean_likeness


@dataclass(frozen=True)
class ClusterChange:
    """What a fit made of the numbers of the one before: those it `kept`, `new` ones, and those that are `gone`."""

    kept: tuple[int, ...]
    new: tuple[int, ...]
    gone: tuple[int, ...]


def fit_clusters(
    catalog: Catalog, terms: Terms = (), smallest: int | None = None, progress: Progress = no_progress
) -> ClusterChange:
    """Group the clips that the terms find, `smallest` (None: 4) or more to a cluster, in place of any earlier fit.

    Raises UsageError for a `smallest` under 2, NotFoundError where the terms find nothing, CatalogError where
    no clip has a descriptor.
    """
    least = SMALLEST if smallest is None else smallest
    if not 2 <= least <= LARGEST_INTEGER:
        raise UsageError(f"a cluster of {counted(least, 'clip')} is none; give --smallest 2 or more")
    with catalog.reading() as connection:
        found = select_ids(catalog, connection, terms)
        clip_ids = described(catalog, connection, found)
        descriptors = list(compared.read(connection, clip_ids, "descriptor"))
    made = find_clusters(
        descriptors, least, threads=cores(), watch=lambda done, total: progress("comparing", done, total)
    )
    fit = _Fit(
        clip_ids, made.labels.tolist(), made.probabilities.tolist(), _medoids(descriptors, made.labels)
    )
    with catalog.writing() as connection:
        return _store(connection, fit, join_terms(terms), least)


def described(catalog: Catalog, connection: Connection, found: Sequence[int]) -> list[int]:
    """Those of the clips found that have a descriptor; raises where that is none, saying why."""
    if not found:
        raise NotFoundError("the query finds no clip to group; `thresher list` shows what there is")
    clip_ids = list(compared.checksums(connection, found, "descriptor"))
    if clip_ids:
        return clip_ids
    if "likeness" not in catalog.settings.metrics.use:
        raise CatalogError(
            'clusters are made of what "likeness" compares, which [metrics] use in catalog.toml leaves out; '
            "add it there, then `thresher reanalyse`"
        )
    raise CatalogError(
        f"none of {counted(len(found), 'clip')} has a descriptor to group by; `thresher reanalyse` makes them"
    )


@dataclass(frozen=True)
class _Fit:
    """Clips, their labels (-1: none) and probabilities in the same order, and the medoid's clip of each label."""

    clip_ids: Sequence[int]
    labels: Sequence[int]
    probabilities: Sequence[float]
    medoid_places: Sequence[int]


def _medoids(descriptors: Sequence[NDArray[Any]], labels: NDArray[np.int64]) -> list[int]:
    """The place of each label's medoid: the member that is most like the others in the mean."""
    places = []
    for label in range(int(labels.max(initial=-1)) + 1):
        members = np.flatnonzero(labels == label)
        kept = Likenesses.pack((descriptors[place] for place in members.tolist()), threads=cores())
        places.append(int(members[mean_likeness(kept, threads=cores()).argmax()]))
    return places


def _store(connection: Connection, fit: _Fit, query: str, smallest: int) -> ClusterChange:
    # clips may have been forgotten while they were compared
    present = {
        clip_id
        for chunk in chunks(fit.clip_ids)
        for clip_id in connection.scalars(select(clip.c.id).where(clip.c.id.in_(chunk)))
    }
    old = {row.clip_id: row.number for row in connection.execute(select(cluster_clip))}
    known = list(connection.scalars(select(cluster.c.number).order_by(cluster.c.number)))
    # The id of a fit is the highest number given until then, and that of the only one is never lost.
    highest = connection.scalar(select(clustering.c.id)) or 0
    new = dict(zip(fit.clip_ids, fit.labels, strict=True))
    kept = matched(old, new)
    numbers = []
    for label in range(len(fit.medoid_places)):
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
        medoids = [fit.clip_ids[place] for place in fit.medoid_places]
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
    """Which labels of a new fit are which numbers of the old one: label → number.

    `old` has the number of each clip or None, `new` its label or -1. Of the clips in both fits, at least half of
    the one group and half of the other have to be shared; among such pairs those are chosen that share most clips
    in all.
    """
    from scipy.optimize import linear_sum_assignment

    both = [clip_id for clip_id in new if clip_id in old]
    numbers = sorted({number for clip_id in both if (number := old[clip_id]) is not None})
    if not numbers:
        return {}
    place = {number: row for row, number in enumerate(numbers)}
    labels = max(new.values(), default=-1) + 1
    # one row and one column more for clips in no cluster
    shared = np.zeros((len(numbers) + 1, labels + 1), np.int64)
    for clip_id in both:
        number = old[clip_id]
        shared[-1 if number is None else place[number], new[clip_id]] += 1
    larger = np.maximum(shared.sum(axis=1, keepdims=True), shared.sum(axis=0))[:-1, :-1]
    shared = shared[:-1, :-1]
    shared[2 * shared < larger] = 0
    rows, columns = linear_sum_assignment(shared, maximize=True)
    return {
        int(label): numbers[row]
        for row, label in zip(rows.tolist(), columns.tolist(), strict=True)
        if shared[row, label]
    }
