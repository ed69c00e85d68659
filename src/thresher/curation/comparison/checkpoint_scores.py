"""Similarity within a checkpoint (collapse) and distance from earlier ones (novelty).

Everything is read from stored score rows; this module compares no audio. Likeness and distance (1 - likeness)
are in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from thresher.catalog.catalog import Catalog
from thresher.catalog.scores import score_reads, scores
from thresher.curation.comparison.duplicates import copies_among, read_close_clips
from thresher.progress import Progress, no_progress
from thresher.signal.metrics.registry import find_metric

SIMILARITY_METRIC, COPY_METRIC = "likeness", "aligned"


@dataclass(frozen=True)
class CheckpointClips:
    """The clips that one checkpoint wrote.

    `run` is None for files that name no checkpoint. `rank` is the checkpoint's position in training order, which
    sorts by run first. `batches` holds, for each of `clip_ids`, the ingest that added it.
    """

    run: str | None
    rank: int
    clip_ids: tuple[int, ...]
    batches: tuple[int, ...]


@dataclass(frozen=True)
class CheckpointScores:
    """How the clips of one checkpoint compare with each other and with earlier clips.

    `collapse` is the mean likeness of all pairs of its clips. `copies` is the share of its clips that are a
    copy of another of its clips. `novelty` is the mean distance of its clips from the nearest earlier clip. A
    figure is None if there is nothing to compare.
    """

    collapse: float | None
    copies: float | None
    novelty: float | None


def checkpoint_scores(
    catalog: Catalog, checkpoints: Sequence[CheckpointClips], progress: Progress = no_progress
) -> list[CheckpointScores]:
    """Return the scores of each checkpoint, in the order given. Clips without a score row do not count.

    Each checkpoint is read in a transaction of its own, and its sounds are compared after that.
    """
    settings = catalog.settings.dupes
    with catalog.reading() as connection:
        by_likeness, by_copies = (_metric_id(connection, name) for name in (SIMILARITY_METRIC, COPY_METRIC))
        nearest = nearest_earlier(connection, by_likeness, checkpoints)
    found = []
    for number, each in enumerate(checkpoints):
        progress("comparing checkpoints", number, len(checkpoints))
        known = [nearest[number, clip_id] for clip_id in each.clip_ids if (number, clip_id) in nearest]
        has_copies = by_copies and len(each.clip_ids) > 1
        with catalog.reading() as connection:
            collapse = score_reads.mean_among(connection, by_likeness, each.clip_ids)
            close = read_close_clips(connection, each.clip_ids, settings) if has_copies else None
        found.append(
            CheckpointScores(
                collapse=collapse,
                copies=None if close is None else len(copies_among(close, settings)) / len(each.clip_ids),
                novelty=1.0 - float(np.mean(known)) if known else None,
            )
        )
    return found


def _metric_id(connection: Connection, name: str) -> int:
    metric = find_metric(name)
    return scores.metric_id(connection, metric.name, metric.version)


def nearest_earlier(
    connection: Connection, metric_id: int, checkpoints: Sequence[CheckpointClips]
) -> Mapping[tuple[int, int], float]:
    """Return the score of each clip with the most similar earlier clip.

    Keys are (index in `checkpoints`, clip id). Earlier clips are those that the same run wrote at earlier
    checkpoints, and those of other runs that an earlier ingest added. The score is 1 for a clip that an earlier
    checkpoint of its run also wrote, byte for byte. Clips without any earlier clip have no key.
    """
    runs = {run: number for number, run in enumerate(dict.fromkeys(each.run for each in checkpoints))}
    first_checkpoint: dict[int, int] = {}
    batch_of: dict[int, int] = {}
    found: dict[tuple[int, int], float] = {}
    for number in sorted(range(len(checkpoints)), key=lambda number: (checkpoints[number].rank, number)):
        for clip_id, batch in zip(checkpoints[number].clip_ids, checkpoints[number].batches, strict=True):
            if clip_id not in first_checkpoint:
                first_checkpoint[clip_id], batch_of[clip_id] = number, batch
            elif checkpoints[first_checkpoint[clip_id]].run == checkpoints[number].run:
                found[number, clip_id] = 1.0
    matrix = scores.read_matrix(connection, metric_id)
    ids = matrix.clip_ids.tolist()
    number_of = np.array([first_checkpoint.get(clip_id, -1) for clip_id in ids], np.int64)
    # The last element stands for clips of no checkpoint: -1 indexes it.
    run_of = np.array([runs[each.run] for each in checkpoints] + [-1], np.int64)[number_of]
    rank_of = np.array([each.rank for each in checkpoints] + [-1], np.int64)[number_of]
    batches = np.array([batch_of.get(clip_id, -1) for clip_id in ids], np.int64)
    best = np.full(len(ids), -np.inf, np.float32)
    for row, likeness in enumerate(score_reads.live_rows(connection, matrix)):
        if number_of[row] < 0 or not row:
            continue
        same_run = run_of[:row] == run_of[row]
        # Negative: the other clip is earlier than that of this row. Positive: it is later.
        age = np.where(same_run, rank_of[:row] - rank_of[row], batches[:row] - batches[row])
        age[number_of[:row] < 0] = 0
        best[row] = max(best[row], _highest(likeness, age < 0))
        np.maximum(best[:row], likeness, out=best[:row], where=age > 0)
    for row in np.flatnonzero((number_of >= 0) & (best > -np.inf)).tolist():
        found[int(number_of[row]), ids[row]] = float(best[row])
    return found


def _highest(values: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    return float(values.max(where=where, initial=-np.inf))
