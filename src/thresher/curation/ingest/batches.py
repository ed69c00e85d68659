"""List the batches: one for each ingest that changed something.

Times are seconds since 1970 (UTC).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import batch


@dataclass(frozen=True)
class BatchRow:
    """One ingest: times, paths, options and counts of files; `finished_at` is None if it was interrupted.

    `parts` is the number of clips that new recordings were split into.
    """

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
    rehashed: int
    retagged: int
    overwritten: int
    parts: int


def batches(catalog: Catalog) -> list[BatchRow]:
    """List all batches, the first one first."""
    with catalog.reading() as connection:
        columns = [batch.c[each.name] for each in fields(BatchRow)]
        found = connection.execute(select(*columns).order_by(batch.c.id)).mappings().all()
    return [
        BatchRow(**{**row, "paths": tuple(json.loads(row["paths"])), "options": json.loads(row["options"])})
        for row in found
    ]
