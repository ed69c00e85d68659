"""What is newest in a catalog, by which a program notices that the catalog has changed."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import (
    batch,
    clip,
    clustering,
    decision,
    listening,
    listening_clip,
    metric,
    score_row,
)


@dataclass(frozen=True)
class Latest:
    """The highest ids of decisions, batches, clips and listening queues; 0 if there is none.

    `skipped` counts the clips of the newest queue that are left out, `scored` the score rows of all metrics.
    `clustered_at` is when clusters were computed, in seconds since 1970 (UTC).
    """

    decision: int = 0
    batch: int = 0
    clip: int = 0
    listening: int = 0
    skipped: int = 0
    scored: int = 0
    clustered_at: float = 0.0


def latest(catalog: Catalog) -> Latest:
    """Return what is newest, from a few look-ups in indexes.

    Raises UpgradedError if another version of thresher has upgraded the catalog since it was opened.
    """
    newest = [
        select(func.coalesce(func.max(table.c.id), 0)).scalar_subquery()
        for table in (decision, batch, clip, listening)
    ]
    skipped = select(func.count()).where(
        listening_clip.c.listening_id == select(func.max(listening.c.id)).scalar_subquery(),
        listening_clip.c.is_done,
    )
    rows = select(func.max(score_row.c.position) + 1).where(score_row.c.metric_id == metric.c.id)
    scored = select(func.coalesce(func.sum(rows.correlate(metric).scalar_subquery()), 0)).select_from(metric)
    clustered_at = select(func.coalesce(func.max(clustering.c.fitted_at), 0.0))
    with catalog.reading() as connection:
        catalog.check_revision(connection)
        row = connection.execute(
            select(
                *newest,
                skipped.scalar_subquery(),
                scored.scalar_subquery(),
                clustered_at.scalar_subquery(),
            )
        ).one()
    return Latest(*row[:5], int(row[5]), row[6])
