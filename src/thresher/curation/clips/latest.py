"""The newest decision, batch and clip of a catalog, by which a program notices that the catalog has changed."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import batch, clip, decision


@dataclass(frozen=True)
class Latest:
    """The highest ids of decisions, batches and clips; 0 if there is none."""

    decision: int = 0
    batch: int = 0
    clip: int = 0


def latest(catalog: Catalog) -> Latest:
    """Return the highest ids, from indexes only.

    Raises UpgradedError if another version of thresher has upgraded the catalog since it was opened.
    """
    columns = [select(func.coalesce(func.max(table.c.id), 0)) for table in (decision, batch, clip)]
    with catalog.reading() as connection:
        catalog.check_revision(connection)
        row = connection.execute(select(*(column.scalar_subquery() for column in columns))).one()
    return Latest(*row)
