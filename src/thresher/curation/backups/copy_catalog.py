"""Copy a catalog to another database: from a file of SQLite to a PostgreSQL server, and back.

All rows are copied in one transaction, as they were at one moment, and compared one by one afterwards. A copy that
was interrupted leaves an empty catalog, which the same command fills. The audio files stay where they are.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database import database, digests, safeguards, sqlite_database
from thresher.catalog.database.database import Target
from thresher.catalog.database.schema import location
from thresher.catalog.safety.row_copy import copy_rows, first_difference, row_counts
from thresher.catalog.settings.config import settings_of_database
from thresher.errors import CatalogError, UsageError
from thresher.formatting import counted
from thresher.progress import Progress, no_progress


@dataclass(frozen=True)
class CatalogCopy:
    """The address of a copy as it was given, and the number of rows in each of its tables.

    `without_root` counts the files that other machines can't find in a copy on a server: they are below no root.
    """

    address: str
    rows: Mapping[str, int]
    without_root: int
    seconds: float


def copy_catalog(catalog: Catalog, address: str, progress: Progress = no_progress) -> CatalogCopy:
    """Copy a catalog to the database at `address`: an empty database, or a file that does not exist.

    Raises ConfigError for what is not an address, UsageError if it is that of the catalog itself or of another
    catalog, and CatalogError if the catalog is damaged or the database can't be written.
    """
    begun = time.monotonic()
    settings_of_database(address, "copy-catalog,")
    target = database.target_of(address, catalog.root)
    if target == database.target_of(catalog.settings.catalog.database, catalog.root):
        raise UsageError(f"{database.shown(target)} is the database of this catalog; give another one")
    busy_timeout = catalog.settings.catalog.busy_timeout
    with catalog.reading() as source:
        _check_sound(source)
        without_root = 0 if isinstance(target, Path) else _count_without_root(source)
        _create(target, busy_timeout)
        engine = database.connect(target, busy_timeout)
        try:
            with database.writing(engine, alone=True) as copy:
                _check_empty(copy, target)
                rows = copy_rows(source, copy, progress)
                database.raise_last_ids(copy, database.last_ids(source))
            with database.reading(engine) as copy:
                different = first_difference(source, copy, progress)
        finally:
            engine.dispose()
    if different is not None:
        raise CatalogError(
            f"the copy in {database.shown(target)} differs from the catalog at {different}; do not use it: "
            "remove it, check both disks, and run the command again"
        )
    return CatalogCopy(address, rows, without_root, time.monotonic() - begun)


def _check_sound(source: Connection) -> None:
    """Raise CatalogError if values of the catalog are damaged: a copy would make them look right."""
    damaged = [row for each in digests.PROTECTED for row in digests.damaged_rows(source, each)]
    if damaged or safeguards.is_repairing(source):
        what = counted(len(damaged), "damaged row") if damaged else "a repair that was interrupted"
        raise CatalogError(
            f"the catalog has {what}; run `thresher verify --repair`, which repairs what can be computed again, "
            "then copy it"
        )


def _count_without_root(source: Connection) -> int:
    known = location.c.missing_since.is_(None) & (location.c.root == "")
    return int(source.scalar(select(func.count()).select_from(location).where(known)) or 0)


def _create(target: Target, busy_timeout: float) -> None:
    """Create an empty catalog, if there is none yet. Raises UsageError if a file with another content is there."""
    if isinstance(target, Path) and target.exists():
        if not sqlite_database.is_untouched(target):
            raise UsageError(f"{target} exists already; it was not changed: give another file")
        return
    database.create(target, busy_timeout)


def _check_empty(copy: Connection, target: Target) -> None:
    filled = [name for name, count in row_counts(copy).items() if count]
    if filled:
        raise UsageError(
            f"{database.shown(target)} holds a catalog already ({counted(len(filled), 'table')} with rows); it was "
            "not changed: give an empty database"
        )
