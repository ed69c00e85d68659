"""How the clips of checkpoints are kin: whether a network says the same again and again, and whether it is news.

All from stored scores: nothing is compared here. Likeness and its complement, the distance, are in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from thresher.catalog import scores
from thresher.catalog.catalog import Catalog
from thresher.curation.comparison.duplicates import copies_among
from thresher.curation.workers import Progress, no_progress
from thresher.signal.metrics.registry import find_metric

KIN_METRIC, COPY_METRIC = "likeness", "aligned"


@dataclass(frozen=True)
class Written:
    """The clips of one checkpoint: `place` is its rank in the order of training, which is by run first.

    `batches` holds the ingest that brought each clip. `run` is None for files that name no checkpoint at all.
    """

    run: str | None
    place: int
    clip_ids: tuple[int, ...]
    batches: tuple[int, ...]


@dataclass(frozen=True)
class Kinship:
    """Of one checkpoint: `collapse`, the mean likeness of its clips among themselves; `copies`, the share of them
    that are the same sound as another of them; `novelty`, the mean distance of its clips from the nearest earlier
    one. Each is None where there is nothing to compare."""

    collapse: float | None
    copies: float | None
    novelty: float | None


def kinship(
    catalog: Catalog, connection: Connection, written: Sequence[Written], progress: Progress = no_progress
) -> list[Kinship]:
    """The kinship of each checkpoint; what is not scored yet does not count."""
    kin, same = (_metric_id(connection, name) for name in (KIN_METRIC, COPY_METRIC))
    nearest = nearest_earlier(connection, kin, written)
    found = []
    for number, each in enumerate(written):
        progress("comparing checkpoints", number, len(written))
        known = [nearest[number, clip_id] for clip_id in each.clip_ids if (number, clip_id) in nearest]
        copies = None
        if same and len(each.clip_ids) > 1:
            copies = len(copies_among(connection, each.clip_ids, catalog.settings.dupes)) / len(each.clip_ids)
        found.append(
            Kinship(
                scores.mean_among(connection, kin, each.clip_ids),
                copies,
                1.0 - float(np.mean(known)) if known else None,
            )
        )
    return found


def _metric_id(connection: Connection, name: str) -> int:
    metric = find_metric(name)
    return scores.metric_id(connection, metric.name, metric.version)


def nearest_earlier(
    connection: Connection, metric_id: int, written: Sequence[Written]
) -> Mapping[tuple[int, int], float]:
    """By checkpoint (its place in `written`) and clip, the score of the earlier clip that is most like it.

    Earlier is what the same run wrote at earlier checkpoints, and what other runs wrote that an earlier ingest
    brought. A clip that an earlier checkpoint wrote as well, byte for byte, has 1. Those with nothing earlier are
    left out.
    """
    runs = {run: number for number, run in enumerate(dict.fromkeys(each.run for each in written))}
    firsts: dict[int, int] = {}  # of each clip the first checkpoint that wrote it
    batch_of: dict[int, int] = {}
    found: dict[tuple[int, int], float] = {}
    for number in sorted(range(len(written)), key=lambda number: (written[number].place, number)):
        for clip_id, batch in zip(written[number].clip_ids, written[number].batches, strict=True):
            if clip_id not in firsts:
                firsts[clip_id], batch_of[clip_id] = number, batch
            elif written[firsts[clip_id]].run == written[number].run:
                found[number, clip_id] = 1.0
    matrix = scores.read_matrix(connection, metric_id)
    ids = matrix.clip_ids.tolist()
    number_of = np.array([firsts.get(clip_id, -1) for clip_id in ids], np.int64)
    run_of = np.array([runs[each.run] for each in written] + [-1], np.int64)[number_of]
    place_of = np.array([each.place for each in written] + [-1], np.int64)[number_of]
    came = np.array([batch_of.get(clip_id, -1) for clip_id in ids], np.int64)
    best = np.full(len(ids), -np.inf, np.float32)
    for row, likeness in enumerate(scores.live_rows(connection, matrix)):
        if number_of[row] < 0 or not row:
            continue
        of_run = run_of[:row] == run_of[row]
        age = np.where(of_run, place_of[:row] - place_of[row], came[:row] - came[row])
        age[number_of[:row] < 0] = 0
        best[row] = max(best[row], _highest(likeness, age < 0))
        later = age > 0
        np.maximum(best[:row], likeness, out=best[:row], where=later)
    for row in np.flatnonzero((number_of >= 0) & (best > -np.inf)).tolist():
        found[int(number_of[row]), ids[row]] = float(best[row])
    return found


def _highest(values: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    return float(values.max(where=where, initial=-np.inf))
