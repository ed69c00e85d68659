"""Compare scanned files with the database before SQLAlchemy is loaded, which takes half the time of a short ingest.

The catalog is not open yet, so this module reads the database directly. What it can't tell is left to `ingest`: a
database that it can't read, or that is on a server, has new files, and is not settled.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from thresher.catalog.database import settled
from thresher.catalog.files import paths
from thresher.catalog.files.folder_changes import FolderChanges, unstable_folders
from thresher.catalog.files.stamps import Look, is_unchanged
from thresher.catalog.settings.sections import Settings, trim_keys
from thresher.curation.comparison.score_report import ScoreReport
from thresher.curation.ingest.report import IngestReport
from thresher.curation.ingest.scan import FoundFile, Scan

_LOCATIONS = """
SELECT location.root, location.path, clip.trim, location.size, location.mtime_ns, location.ctime_ns, location.inode,
    location.looked_at
FROM location LEFT JOIN clip ON clip.recording_id = location.recording_id AND clip.kind = 'whole'
WHERE location.missing_since IS NULL
"""

_FOLDERS = "SELECT root, path, ctime_changes, inode_changes FROM ingested_folder"

_LIVE = """
SELECT count(*) FROM score_row WHERE NOT score_row.retired
AND metric_id = (SELECT id FROM metric WHERE name = ? ORDER BY version DESC LIMIT 1)
"""


@dataclass(frozen=True)
class FirstLook:
    """What can be said before the catalog is open.

    `has_new`: files are new or have changed. `unseen` are those of them of which no known file has the size and the
    time of change: they are not just moved. `report` is that of the ingest if it has nothing to do, else None.
    """

    has_new: bool
    report: IngestReport | None
    unseen: tuple[FoundFile, ...] = ()


def first_look(catalog_file: Path, settings: Settings, scan: Scan) -> FirstLook:
    """Compare a scan with the catalog of `catalog_file`. No file is opened but the database."""
    begun = time.monotonic()
    if not settings.catalog.database.startswith("sqlite:"):
        return FirstLook(has_new=True, report=None)
    database = catalog_file.parent / settings.catalog.database.removeprefix("sqlite:///")
    uri = f"{database.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=0)) as connection:
            connection.execute("BEGIN")
            known = {
                paths.Place(root, path): (trim, _look(*seen))
                for root, path, trim, *seen in connection.execute(_LOCATIONS)
            }
            changes = {
                paths.Place(root, path): FolderChanges(*each)
                for root, path, *each in connection.execute(_FOLDERS)
            }
            is_settled = connection.execute("PRAGMA user_version").fetchone()[0] == settled.stamp(
                catalog_file
            )
            scores = tuple(_scores(connection, name) for name in settings.metrics.use)
    except sqlite3.Error:
        return FirstLook(has_new=True, report=None)
    trims = trim_keys(settings.trim)
    roots = paths.Roots.of(catalog_file.parent, settings.roots)
    found = {roots.stored(each.path).place: each for each in scan.files}
    unstable = unstable_folders(changes, roots)

    def is_known(place: paths.Place, file: FoundFile) -> bool:
        trim, look = known.get(place, (None, None))
        return look is not None and trim in trims and is_unchanged(look, file.stamp, unstable.of(file.path))

    new = [each for place, each in found.items() if not is_known(place, each)]
    known_stamps = {(look.size, look.mtime_ns) for _, look in known.values()}
    unseen = tuple(each for each in new if each.stamp[:2] not in known_stamps)
    folders = tuple(os.path.join(folder, b"") for folder in scan.folders)
    is_gone = any(
        (path := roots.absolute(*place)) is not None and path.startswith(folders)
        for place in known.keys() - found.keys()
    )
    if new or is_gone or scan.problems or scan.vanished or not is_settled:
        return FirstLook(bool(new), None, unseen)
    return FirstLook(False, IngestReport.of_unchanged(scan, scores, time.monotonic() - begun))


def _look(size: int, mtime_ns: str, ctime_ns: str | None, inode: str | None, looked_at: float | None) -> Look:
    """Return the look in the columns of a location; a NULL proves nothing."""
    if ctime_ns is None or inode is None:
        return Look(size, int(mtime_ns), None, None, None)
    return Look(size, int(mtime_ns), int(ctime_ns), int(inode), looked_at)


def _scores(connection: sqlite3.Connection, metric: str) -> ScoreReport:
    """Return the report of scoring by a metric when all clips are scored."""
    live = connection.execute(_LIVE, [metric]).fetchone()[0]
    return ScoreReport(metric, 0, 0, live, False, 0.0)
