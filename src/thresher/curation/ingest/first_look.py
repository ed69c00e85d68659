"""Compare scanned files with the database before SQLAlchemy is loaded, which takes half the time of a short ingest.

The catalog is not open yet, so this module reads the database directly. What it can't tell is left to `ingest`: a
database that it can't read has new files, and is not settled.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from thresher.catalog import paths, settled
from thresher.catalog.config import Settings, trim_keys
from thresher.curation.comparison.score_report import ScoreReport
from thresher.curation.ingest.report import IngestReport
from thresher.curation.ingest.scan import FoundFile, Scan

_LOCATIONS = """
SELECT location.path, location.size, location.mtime_ns, clip.trim
FROM location LEFT JOIN clip ON clip.recording_id = location.recording_id AND clip.kind = 'whole'
WHERE location.missing_since IS NULL
"""

_LIVE = """
SELECT count(*) FROM score_row WHERE NOT score_row.retired
AND metric_id = (SELECT id FROM metric WHERE name = ? ORDER BY version DESC LIMIT 1)
"""


@dataclass(frozen=True)
class FirstLook:
    """Whether files are new or have changed; and the report of the ingest, if it has nothing to do, else None."""

    has_new: bool
    report: IngestReport | None


def first_look(catalog_file: Path, settings: Settings, scan: Scan) -> FirstLook:
    """Compare a scan with the catalog of `catalog_file`. No file is opened but the database."""
    begun = time.monotonic()
    database = catalog_file.parent / settings.catalog.database.removeprefix("sqlite:///")
    uri = f"{database.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=0)) as connection:
            connection.execute("BEGIN")
            known = {row[0]: row[1:] for row in connection.execute(_LOCATIONS)}
            is_settled = connection.execute("PRAGMA user_version").fetchone()[0] == settled.stamp(
                catalog_file
            )
            scores = tuple(_scores(connection, name) for name in settings.metrics.use)
    except sqlite3.Error:
        return FirstLook(has_new=True, report=None)
    trims = trim_keys(settings.trim)
    found = {paths.to_stored(each.path, catalog_file.parent).path: each for each in scan.files}
    has_new = any(not _is_known(known.get(path), each, trims) for path, each in found.items())
    folders = tuple(os.path.join(folder, b"") for folder in scan.folders)
    is_gone = any(
        paths.from_stored(path, catalog_file.parent).startswith(folders)
        for path in known.keys() - found.keys()
    )
    if has_new or is_gone or scan.problems or not is_settled:
        return FirstLook(has_new, None)
    return FirstLook(has_new, IngestReport.of_unchanged(scan, scores, time.monotonic() - begun))


def _is_known(row: tuple[int, int, str] | None, found: FoundFile, trims: Collection[str]) -> bool:
    """Return whether a row of size, time of change and trim settings describes the file that was found."""
    return row is not None and row[:2] == (found.size, found.mtime_ns) and row[2] in trims


def _scores(connection: sqlite3.Connection, metric: str) -> ScoreReport:
    """Return the report of scoring by a metric when all clips are scored."""
    live = connection.execute(_LIVE, [metric]).fetchone()[0]
    return ScoreReport(metric, 0, 0, live, False, 0.0)
