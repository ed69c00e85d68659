"""What there is, in sums: the whole catalog, its batches.

Minutes are minutes of audio; instants are seconds since 1970 (UTC).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, distinct, func, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.measures import is_unmeasured
from thresher.catalog.schema import (
    STATUSES,
    USABLE_STATUSES,
    batch,
    checkpoint,
    clip,
    location,
    recording,
    song,
)
from thresher.curation.checkpoints.summary import CLIPS, IS_GENERATED, KEPT, RECORDED, generated_files


@dataclass(frozen=True)
class MetricRow:
    """How far scoring under a metric has come: clips with a live score row, and clips that wait for one."""

    name: str
    version: int
    live: int
    open: int


@dataclass(frozen=True)
class Stats:
    """The catalog in numbers.

    `minutes_generated` is what networks wrote, by recording, `minutes_kept` what is left of it after trimming
    in those that are usable. `unread` are files there that could not even be read; `trimmed_otherwise` are
    clips whose span came from other settings than today's, which `thresher reanalyse` brings up to date;
    `unmeasured` are usable clips of which no measures of this version are known, which the next scoring makes
    where the settings want them.
    """

    recordings: Mapping[str, int]
    references: int
    clips: int
    present: int
    missing: int
    unread: int
    minutes_generated: float
    minutes_kept: float
    batches: int
    runs: int
    checkpoints: int
    ratings: Mapping[int, int]
    rated: int
    rejected: int
    songs: int
    metrics: tuple[MetricRow, ...]
    trimmed_otherwise: int
    unmeasured: int
    database_bytes: int


@dataclass(frozen=True)
class BatchRow:
    """One ingest: when, from where, what it found; `finished_at` is None where it was interrupted."""

    id: int
    started_at: float
    finished_at: float | None
    paths: tuple[str, ...]
    options: Mapping[str, Any]
    files: int
    unchanged: int
    added: int
    copies: int
    moved: int
    missing: int
    reanalysed: int
    failed: int


def stats(catalog: Catalog) -> Stats:
    """The catalog in numbers."""
    from thresher.catalog.recordings import trim_key  # loads every pattern for file names

    with catalog.reading() as connection:
        count = _counter(connection)
        statuses = connection.execute(select(recording.c.status, func.count()).group_by(recording.c.status))
        by_status = {row.status: row[1] for row in statuses}
        rated = select(clip.c.rating, func.count()).where(clip.c.rating.is_not(None)).group_by(clip.c.rating)
        ratings = {row.rating: row[1] for row in connection.execute(rated.order_by(clip.c.rating))}
        generated = connection.scalar(select(func.sum(RECORDED)).where(IS_GENERATED))
        kept = connection.scalar(select(func.sum(KEPT)).select_from(CLIPS).where(IS_GENERATED))
        files = generated_files()
        runs, written = connection.execute(
            select(func.count(distinct(checkpoint.c.run)), func.count(distinct(checkpoint.c.id))).select_from(
                files.join(checkpoint, checkpoint.c.id == files.c.checkpoint_id)
            )
        ).one()
        is_present = location.c.missing_since.is_(None)
        other_trim = (clip.c.trim != trim_key(catalog.settings.trim), clip.c.kind != "marked")
        return Stats(
            recordings={status: by_status[status] for status in STATUSES if status in by_status},
            references=count(recording, ~IS_GENERATED),
            clips=count(clip),
            present=count(location, is_present),
            missing=count(location, ~is_present),
            unread=count(location, is_present, location.c.recording_id.is_(None)),
            minutes_generated=float(generated or 0) / 60,
            minutes_kept=float(kept or 0) / 60,
            batches=count(batch),
            runs=runs,
            checkpoints=written,
            ratings=ratings,
            rated=sum(ratings.values()),
            rejected=count(clip, clip.c.rejected),
            songs=count(song, ~song.c.deleted),
            metrics=_metrics(connection, catalog.settings.metrics.use),
            trimmed_otherwise=count(clip, *other_trim),
            unmeasured=_unmeasured(connection) if catalog.settings.ingest.measure else 0,
            database_bytes=_database_bytes(connection),
        )


def batches(catalog: Catalog) -> list[BatchRow]:
    """Every ingest, the first one first."""
    with catalog.reading() as connection:
        found = connection.execute(select(batch).order_by(batch.c.id)).mappings().all()
    return [
        BatchRow(**{**row, "paths": tuple(json.loads(row["paths"])), "options": json.loads(row["options"])})
        for row in found
    ]


def _counter(connection: Connection) -> Any:
    def count(table: Any, *conditions: ColumnElement[Any]) -> int:
        return int(connection.scalar(select(func.count()).select_from(table).where(*conditions)) or 0)

    return count


def _metrics(connection: Connection, in_use: Sequence[str]) -> tuple[MetricRow, ...]:
    from thresher.catalog import scores
    from thresher.signal.metrics.registry import find_metric

    rows = []
    for name in in_use:
        metric = find_metric(name)
        metric_id = scores.metric_id(connection, name, metric.version)
        found = scores.survey(connection, metric_id, metric.keeps)
        rows.append(MetricRow(name, metric.version, found.matrix.state.live, len(found.open_ids)))
    return tuple(rows)


def _unmeasured(connection: Connection) -> int:
    statement = (
        select(func.count())
        .select_from(CLIPS)
        .where(recording.c.status.in_(USABLE_STATUSES), is_unmeasured())
    )
    return int(connection.scalar(statement) or 0)


def _database_bytes(connection: Connection) -> int:
    return os.path.getsize(str(connection.engine.url.database))
