"""Totals of the whole catalog.

Minutes are minutes of audio.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, distinct, func, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.catalog_backups import BackupState, backup_state
from thresher.catalog.database import database
from thresher.catalog.database.schema import (
    STATUSES,
    USABLE_STATUSES,
    batch,
    checkpoint,
    clip,
    location,
    recording,
    song,
)
from thresher.catalog.outdated import outdated_statuses
from thresher.catalog.recordings.clip_source import IS_SHOWN, STATUS
from thresher.catalog.recordings.measures import is_unmeasured
from thresher.catalog.settings.sections import trim_key
from thresher.curation.checkpoints.minutes import CLIPS, IS_GENERATED, KEPT, RECORDED, Beyond, beyond_clips
from thresher.curation.checkpoints.summary import generated_files


@dataclass(frozen=True)
class MetricRow:
    """The state of scoring by one metric: clips with a live score row, and clips that still need one."""

    name: str
    version: int
    live: int
    open: int


@dataclass(frozen=True)
class Stats:
    """Totals of the catalog.

    `clips` counts the shown clips: `wholes`, `parts` of the `split` recordings, and `marks`. Their ratings and
    rejections are counted, too. `minutes_generated` is the length of all generated recordings, `minutes_kept` that
    of what usable clips hold of them. `unread` counts files that are present but could not be read.
    `trimmed_otherwise` counts clips that were trimmed with other settings than today's; `thresher reanalyse` trims
    those whose files are present.
    `outdated` counts recordings by a status that an earlier version found and that `thresher reanalyse` may change.
    `unmeasured` counts usable clips without measures of this version; the next scoring measures them, if the
    settings ask for measures. `backups` are those in the backup folder.
    """

    recordings: Mapping[str, int]
    references: int
    clips: int
    wholes: int
    parts: int
    marks: int
    split: int
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
    outdated: Mapping[str, int]
    unmeasured: int
    database_bytes: int
    backups: BackupState


def stats(catalog: Catalog) -> Stats:
    """Count the contents of the catalog."""
    backups = backup_state(catalog)
    with catalog.reading() as connection:
        count = _counter(connection)
        statuses = connection.execute(select(recording.c.status, func.count()).group_by(recording.c.status))
        by_status = {row.status: row[1] for row in statuses}
        kinds = connection.execute(
            select(clip.c.kind, func.count()).select_from(CLIPS).where(IS_SHOWN).group_by(clip.c.kind)
        )
        by_kind = {row.kind: row[1] for row in kinds}
        rated = (
            select(clip.c.rating, func.count())
            .select_from(CLIPS)
            .where(clip.c.rating.is_not(None), IS_SHOWN)
            .group_by(clip.c.rating)
        )
        ratings = {row.rating: row[1] for row in connection.execute(rated.order_by(clip.c.rating))}
        generated = connection.scalar(select(func.sum(RECORDED)).where(IS_GENERATED))
        kept = connection.scalar(select(func.sum(KEPT)).select_from(CLIPS).where(IS_GENERATED))
        with_marks = sum(each.seconds for each in _beyond_of_generated(connection))
        files = generated_files()
        runs, written = connection.execute(
            select(func.count(distinct(checkpoint.c.run)), func.count(distinct(checkpoint.c.id))).select_from(
                files.join(checkpoint, checkpoint.c.id == files.c.checkpoint_id)
            )
        ).one()
        is_present = location.c.missing_since.is_(None)
        other_trim = (clip.c.trim != trim_key(catalog.settings.trim), clip.c.kind != "marked", IS_SHOWN)
        return Stats(
            recordings={status: by_status[status] for status in STATUSES if status in by_status},
            references=count(recording, ~IS_GENERATED),
            clips=sum(by_kind.values()),
            wholes=by_kind.get("whole", 0),
            parts=by_kind.get("part", 0),
            marks=by_kind.get("marked", 0),
            split=count(recording, recording.c.split.is_not(None)),
            present=count(location, is_present),
            missing=count(location, ~is_present),
            unread=count(location, is_present, location.c.recording_id.is_(None)),
            minutes_generated=float(generated or 0) / 60,
            minutes_kept=(float(kept or 0) + with_marks) / 60,
            batches=count(batch),
            runs=runs,
            checkpoints=written,
            ratings=ratings,
            rated=sum(ratings.values()),
            rejected=count(CLIPS, clip.c.rejected, IS_SHOWN),
            songs=count(song, ~song.c.deleted),
            metrics=_metrics(connection, catalog.settings.metrics.use),
            trimmed_otherwise=count(CLIPS, *other_trim),
            outdated=outdated_statuses(connection),
            unmeasured=_unmeasured(connection) if catalog.settings.ingest.measure else 0,
            database_bytes=_database_bytes(connection),
            backups=backups,
        )


def _beyond_of_generated(connection: Connection) -> list[Beyond]:
    """Return what marks add to the kept seconds of each generated recording."""
    beyond = beyond_clips(connection)
    references = select(recording.c.id).where(~IS_GENERATED)
    return [beyond[each] for each in beyond.keys() - set(connection.scalars(references))] if beyond else []


def _counter(connection: Connection) -> Any:
    def count(table: Any, *conditions: ColumnElement[Any]) -> int:
        return int(connection.scalar(select(func.count()).select_from(table).where(*conditions)) or 0)

    return count


def _metrics(connection: Connection, in_use: Sequence[str]) -> tuple[MetricRow, ...]:
    from thresher.catalog.scores import scores
    from thresher.signal.metrics.registry import find_metric

    rows = []
    for name in in_use:
        metric = find_metric(name)
        metric_id = scores.metric_id(connection, name, metric.version)
        found = scores.survey(connection, metric_id, metric.keeps)
        rows.append(MetricRow(name, metric.version, found.matrix.state.live, len(found.unscored_ids)))
    return tuple(rows)


def _unmeasured(connection: Connection) -> int:
    statement = (
        select(func.count())
        .select_from(CLIPS)
        .where(STATUS.in_(USABLE_STATUSES), IS_SHOWN, clip.c.end_frame > clip.c.start_frame, is_unmeasured())
    )
    return int(connection.scalar(statement) or 0)


def _database_bytes(connection: Connection) -> int:
    return database.size(connection)
