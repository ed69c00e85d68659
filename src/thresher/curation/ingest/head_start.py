"""Start worker processes early: they analyse new files while the command loads SQLAlchemy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from thresher.curation.analysis.worker import analyse_file
from thresher.curation.workers import Workers

if TYPE_CHECKING:
    from thresher.catalog.settings.sections import Settings
    from thresher.curation.ingest.scan import FoundFile

MOST_FILES = 64
"""Files that are analysed before the catalog is open. Some may turn out to be known under another name."""

MOST_BYTES = 16 << 20
"""Largest file that is analysed before the catalog is open: larger ones may be songs that the catalog rendered."""


def give_head_start(
    workers: Workers, settings: Settings, files: Sequence[FoundFile], *, split: bool | None = None
) -> None:
    """Begin to analyse files that seem to be new, if `workers` are processes; `split` is that of the options."""
    if workers.name.kind != "processes":
        return
    workers.get_ready()
    from thresher.curation.analysis.task import (  # loads numpy, while the server loads its modules
        split_of_new,
        task_for,
    )

    small = [found for found in files if found.stamp.size <= MOST_BYTES][:MOST_FILES]
    parts = split_of_new(settings, wanted=split)
    tasks = [
        task_for(found.path, found.stamp.size, found.stamp.mtime_ns, settings, split=parts) for found in small
    ]
    workers.begin(analyse_file, tasks)
