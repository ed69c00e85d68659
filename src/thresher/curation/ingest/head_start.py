"""Start the server of worker processes early: it loads its modules while the command still loads SQLAlchemy.

The catalog is not open yet, so this module reads the database file directly to find out whether there is work. A
wrong guess costs only time: `ingest` classifies the files again, and starts the workers if none run yet.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from thresher.catalog import paths
from thresher.catalog.config import Settings
from thresher.curation.analysis.preload import WORKER_MODULES
from thresher.curation.ingest.scan import FoundFile
from thresher.curation.workers import parse_executor, start_server


def give_head_start(root: Path, settings: Settings, executor: str, files: Sequence[FoundFile]) -> None:
    """Start the server of worker processes if a file is new to the catalog in the folder `root`, or has changed."""
    if parse_executor(executor)[0] != "processes":
        return
    with suppress(sqlite3.Error):
        known = _known(root / settings.catalog.database.removeprefix("sqlite:///"))
        if any(
            (paths.to_stored(each.path, root).path, each.size, each.mtime_ns) not in known for each in files
        ):
            start_server(WORKER_MODULES)


def _known(database: Path) -> set[tuple[bytes, int, int]]:
    """Return the path, size and time of change of each file that the catalog has read."""
    statement = (
        "SELECT path, size, mtime_ns FROM location WHERE missing_since IS NULL AND recording_id IS NOT NULL"
    )
    uri = f"{database.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=0)) as connection:
        return set(connection.execute(statement))
