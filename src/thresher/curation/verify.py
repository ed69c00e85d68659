"""Verify a catalog: the database's own checks, and the checksums that it can't see.

What is damaged can be made again: a fingerprint from its file, a score row from the fingerprints.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from sqlalchemy import Connection, select

from thresher.catalog import scores
from thresher.catalog.catalog import Catalog
from thresher.catalog.schema import clip, metric, score_row
from thresher.curation.execution import Progress, no_progress
from thresher.curation.reanalyse import ReanalysisReport, reanalyse_clips


@dataclass(frozen=True)
class VerifyReport:
    """What is wrong: the database's words, clips with a damaged fingerprint, damaged score rows by metric.

    `incomplete` names metrics whose rows don't prove their matrix complete. `repair` is what was done about it.
    """

    database: tuple[str, ...]
    fingerprints: tuple[int, ...]
    score_rows: dict[str, tuple[int, ...]]
    incomplete: tuple[str, ...]
    repair: ReanalysisReport | None

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.database or self.fingerprints or any(self.score_rows.values()) or self.incomplete)


def verify(catalog: Catalog, *, repair: bool = False, progress: Progress = no_progress) -> VerifyReport:
    """Check everything that is stored; with `repair`, make again what is damaged."""
    with catalog.reading() as connection:
        words = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
        broken = list(connection.exec_driver_sql("PRAGMA foreign_key_check"))
        database = [word for word in words if word != "ok"]
        if broken:
            database.append(f"{len(broken)} references lead nowhere")
        fingerprints = _damaged_fingerprints(connection)
        rows = {
            name: _damaged_rows(connection, metric_id)
            for metric_id, name in connection.execute(select(metric.c.id, metric.c.name))
        }
        incomplete = [
            name
            for metric_id, name in connection.execute(select(metric.c.id, metric.c.name))
            if not rows[name] and not scores.coverage(connection, metric_id).complete
        ]
    done = None
    if repair and (fingerprints or any(rows.values())):
        done = _repair(catalog, fingerprints, rows, progress)
    return VerifyReport(
        tuple(database),
        tuple(fingerprints),
        {name: tuple(damaged) for name, damaged in rows.items()},
        tuple(incomplete),
        done,
    )


def _damaged_fingerprints(connection: Connection) -> list[int]:
    statement = select(clip.c.id, clip.c.fingerprint, clip.c.fingerprint_crc32).where(
        clip.c.fingerprint.is_not(None)
    )
    return [row.id for row in connection.execute(statement) if zlib.crc32(row.fingerprint) != row[2]]


def _damaged_rows(connection: Connection, metric_id: int) -> list[int]:
    statement = select(score_row.c.position, score_row.c.scores, score_row.c.crc32).where(
        score_row.c.metric_id == metric_id
    )
    return [
        row.position
        for row in connection.execute(statement.execution_options(yield_per=64))
        if zlib.crc32(row.scores) != row.crc32 or len(row.scores) != 4 * row.position
    ]


def _repair(
    catalog: Catalog, fingerprints: list[int], rows: dict[str, list[int]], progress: Progress
) -> ReanalysisReport:
    """Retire what is damaged, then analyse and score anew; a retired row is never read again."""
    with catalog.writing() as connection:
        for name, damaged in rows.items():
            for metric_id in connection.scalars(select(metric.c.id).where(metric.c.name == name)).all():
                scores.retire_damaged(connection, metric_id, damaged)
    return reanalyse_clips(catalog, fingerprints, progress=progress)
