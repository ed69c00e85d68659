"""How tests read the figures of checkpoints."""

from __future__ import annotations

from thresher.catalog.catalog import Catalog
from thresher.curation.checkpoints.summary import CheckpointRow, checkpoints
from thresher.curation.ingest.options import IngestOptions

SERIAL = IngestOptions(executor="serial")


def row_of(catalog: Catalog, run: str | None, epoch: int | None) -> CheckpointRow:
    """The figures of the checkpoint of a run and an epoch."""
    (row,) = [row for row in checkpoints(catalog) if (row.run, row.epoch) == (run, epoch)]
    return row
