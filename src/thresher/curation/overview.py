"""What there is, in sums: the whole catalog, its checkpoints, its batches.

Counts per checkpoint go over locations, missing ones included: a network that wrote the same silent file five
times wrote five files. Minutes are minutes of audio; instants are seconds since 1970 (UTC).
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Float, Subquery, case, distinct, func, literal, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.fields import SECONDS
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
    clips whose span came from other settings than today's, which `thresher reanalyse` brings up to date.
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
    database_bytes: int


@dataclass(frozen=True)
class CheckpointRow:
    """What one checkpoint wrote; all three names None for files that say nothing.

    `files` are the locations, `recordings` the distinct contents among them; minutes and `statuses` (shares
    that sum to 1) go over files. `ratings`, their mean, and `rejected` go over distinct clips.
    """

    run: str | None
    epoch: int | None
    step: int | None
    files: int
    recordings: int
    missing: int
    minutes_generated: float
    minutes_kept: float
    statuses: Mapping[str, float]
    ratings: int
    mean_rating: float | None
    rejected: int


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


_RECORDED = recording.c.frames / func.nullif(recording.c.sample_rate, 0, type_=Float())
_GENERATED = recording.c.role == "generated"
# marked spans lie over the others
_KEPT = case(
    (recording.c.status.in_(USABLE_STATUSES) & (clip.c.kind != "marked"), SECONDS),
    else_=0.0,
)
_CLIPS = clip.join(recording, recording.c.id == clip.c.recording_id)


def stats(catalog: Catalog) -> Stats:
    """The catalog in numbers."""
    from thresher.catalog.recordings import trim_key  # loads every pattern for file names

    with catalog.reading() as connection:
        count = _counter(connection)
        statuses = connection.execute(select(recording.c.status, func.count()).group_by(recording.c.status))
        by_status = {row.status: row[1] for row in statuses}
        rated = select(clip.c.rating, func.count()).where(clip.c.rating.is_not(None)).group_by(clip.c.rating)
        ratings = {row.rating: row[1] for row in connection.execute(rated.order_by(clip.c.rating))}
        generated = connection.scalar(select(func.sum(_RECORDED)).where(_GENERATED))
        kept = connection.scalar(select(func.sum(_KEPT)).select_from(_CLIPS).where(_GENERATED))
        files = _files()
        runs, written = connection.execute(
            select(func.count(distinct(checkpoint.c.run)), func.count(distinct(checkpoint.c.id))).select_from(
                files.join(checkpoint, checkpoint.c.id == files.c.checkpoint_id)
            )
        ).one()
        is_present = location.c.missing_since.is_(None)
        other_trim = (clip.c.trim != trim_key(catalog.settings.trim), clip.c.kind != "marked")
        return Stats(
            recordings={status: by_status[status] for status in STATUSES if status in by_status},
            references=count(recording, ~_GENERATED),
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
            database_bytes=_database_bytes(connection),
        )


def checkpoints(catalog: Catalog) -> list[CheckpointRow]:
    """What each checkpoint wrote, by run, epoch and step; files of no checkpoint come last.

    A file counts under the checkpoint that its own location names, except where that of its recording was
    corrected. Reference audio is left out: no checkpoint wrote it.
    """
    files = _files()
    kept = (
        select(clip.c.recording_id, func.sum(_KEPT).label("seconds"))
        .select_from(_CLIPS)
        .group_by(clip.c.recording_id)
        .subquery()
    )
    with catalog.reading() as connection:
        names = {row.id: row for row in connection.execute(select(checkpoint))}
        sums = connection.execute(
            select(
                files.c.checkpoint_id,
                files.c.status,
                func.count().label("files"),
                func.count(distinct(files.c.recording_id)).label("recordings"),
                func.count(files.c.missing_since).label("missing"),
                func.coalesce(func.sum(files.c.seconds), 0.0).label("generated"),
                func.coalesce(func.sum(kept.c.seconds), 0.0).label("kept"),
            )
            .select_from(files.outerjoin(kept, kept.c.recording_id == files.c.recording_id))
            .group_by(files.c.checkpoint_id, files.c.status)
        ).all()
        pairs = select(files.c.checkpoint_id, files.c.recording_id).distinct().subquery()
        judged = connection.execute(
            select(
                pairs.c.checkpoint_id,
                func.count(clip.c.rating).label("ratings"),
                func.avg(clip.c.rating).label("mean"),
                func.sum(case((clip.c.rejected, 1), else_=0)).label("rejected"),
            )
            .select_from(pairs.join(clip, clip.c.recording_id == pairs.c.recording_id))
            .group_by(pairs.c.checkpoint_id)
        ).all()
    by_checkpoint: defaultdict[int | None, list[Any]] = defaultdict(list)
    for row in sums:
        by_checkpoint[row.checkpoint_id].append(row)
    judgements = {row.checkpoint_id: row for row in judged}
    rows = [
        _checkpoint_row(names.get(found), by_status, judgements.get(found))
        for found, by_status in by_checkpoint.items()
    ]
    return sorted(rows, key=_checkpoint_order)


def _files() -> Subquery:
    """Every generated file, missing ones included, with the checkpoint that wrote it."""
    wrote = case((recording.c.checkpoint_pinned, recording.c.checkpoint_id), else_=location.c.checkpoint_id)
    return (
        select(
            location.c.recording_id,
            location.c.missing_since,
            wrote.label("checkpoint_id"),
            # a file that could not even be read has no recording
            func.coalesce(recording.c.status, literal("unreadable")).label("status"),
            _RECORDED.label("seconds"),
        )
        .select_from(location.outerjoin(recording, recording.c.id == location.c.recording_id))
        .where(func.coalesce(recording.c.role, literal("generated")) == "generated")
        .subquery()
    )


def batches(catalog: Catalog) -> list[BatchRow]:
    """Every ingest, the first one first."""
    with catalog.reading() as connection:
        found = connection.execute(select(batch).order_by(batch.c.id)).mappings().all()
    return [
        BatchRow(**{**row, "paths": tuple(json.loads(row["paths"])), "options": json.loads(row["options"])})
        for row in found
    ]


def _checkpoint_row(names: Any, by_status: list[Any], judged: Any) -> CheckpointRow:
    files = sum(row.files for row in by_status)
    shares = Counter({row.status: row.files for row in by_status})
    return CheckpointRow(
        run=names.run if names else None,
        epoch=names.epoch if names else None,
        step=names.step if names else None,
        files=files,
        recordings=sum(row.recordings for row in by_status),
        missing=sum(row.missing for row in by_status),
        minutes_generated=sum(row.generated for row in by_status) / 60,
        minutes_kept=sum(row.kept for row in by_status) / 60,
        statuses={status: shares[status] / files for status in STATUSES if status in shares},
        ratings=judged.ratings if judged else 0,
        mean_rating=judged.mean if judged else None,
        rejected=judged.rejected if judged else 0,
    )


def _checkpoint_order(row: CheckpointRow) -> tuple[Any, ...]:
    """By run, epoch, step; what is not named comes after what is, and no name at all last."""
    return (
        row.run is None and row.epoch is None and row.step is None,
        row.run is None,
        row.run or "",
        row.epoch is None,
        row.epoch or 0,
        row.step is None,
        row.step or 0,
    )


def _counter(connection: Connection) -> Any:
    def count(table: Any, *conditions: ColumnElement[Any]) -> int:
        return int(connection.scalar(select(func.count()).select_from(table).where(*conditions)) or 0)

    return count


def _metrics(connection: Connection, in_use: Sequence[str]) -> tuple[MetricRow, ...]:
    from thresher.catalog import scores
    from thresher.signal import similarity

    rows = []
    for name in in_use:
        metric = similarity.METRICS[name]
        metric_id = scores.metric_id(connection, name, metric.version)
        found = scores.survey(connection, metric_id, metric.keeps)
        rows.append(MetricRow(name, metric.version, found.matrix.state.live, len(found.open_ids)))
    return tuple(rows)


def _database_bytes(connection: Connection) -> int:
    return os.path.getsize(str(connection.engine.url.database))
