"""Copy a catalog on a server to a file of SQLite, which is how it is backed up, and a file to a server.

A copy shows the catalog at one moment, and programs that write go on. It is an ordinary catalog: SQLite checks it,
and it can be opened, restored to the server, or restored to a file. So no programs of the server are needed, and
no version of them has to fit.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Connection

from thresher.catalog.database import database, postgres_database
from thresher.catalog.database.schema import claim
from thresher.catalog.safety.database_copy import CheckedCopy, check_copy
from thresher.catalog.safety.row_copy import copied_tables, copy_rows, first_difference
from thresher.errors import CatalogError
from thresher.progress import Progress

T = TypeVar("T")


def copy_to_file(url: URL, busy_timeout: float, file: Path, progress: Progress) -> CheckedCopy:
    """Copy a catalog on a server to a new file, compare every row, and sync the file to the disk."""
    server = database.connect(url, busy_timeout)
    database.create(file, busy_timeout)
    engine = database.connect(file, busy_timeout)
    try:
        with database.reading(server) as source:
            with database.writing(engine) as copy:
                copy_rows(source, copy, progress)
                database.raise_last_ids(copy, database.last_ids(source))
            with database.reading(engine) as copy:
                _check(first_difference(source, copy, progress), str(file))
    finally:
        engine.dispose()
        server.dispose()
    with closing(sqlite3.connect(file)) as opened:
        opened.execute("PRAGMA journal_mode=DELETE").fetchone()  # one file
    with file.open("rb") as written:
        os.fsync(written.fileno())
    return check_copy(file)


def replace_on_server(
    url: URL, busy_timeout: float, file: Path, keep: Callable[[], T], progress: Progress
) -> T:
    """Replace all rows of a catalog on a server by those of a file, in one transaction, and compare them.

    Raises CatalogError if other programs have the catalog open: they know clips by ids that may change. Until the
    end, no program can open it. `keep` is called before the first row is replaced, to back up what is replaced;
    return what it returns. The role needs the privilege TRUNCATE; else ReadOnlyCatalogError is raised.
    """
    server = database.connect(url, busy_timeout)
    engine = database.connect(file, busy_timeout)
    try:
        with database.writing(server, alone=True) as live, database.reading(engine) as copy:
            _check_alone(live, url)
            live.exec_driver_sql("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")  # which opening reads
            _check_alone(live, url)  # one may have opened it before the lock
            kept = keep()
            # not DELETE, which would look for each row of the journal through the whole journal
            live.exec_driver_sql(f"TRUNCATE {', '.join(each.name for each in (claim, *copied_tables()))}")
            copy_rows(copy, live, progress)
            database.raise_last_ids(live, database.last_ids(copy))
            _check(first_difference(copy, live, progress), database.shown(url))
        return kept
    finally:
        engine.dispose()
        server.dispose()


def _check(different: str | None, target: str) -> None:
    if different is not None:
        raise CatalogError(
            f"what was written to {target} differs from its source at {different}; check both disks, and run the "
            "command again"
        )


def _check_alone(live: Connection, url: URL) -> None:
    others = [each for each in postgres_database.connected_programs(live) if each.version is not None]
    if others:
        who = ", ".join(sorted({each.name for each in others}))
        raise CatalogError(
            f"{database.shown(url)} is open in other programs ({who}); end them (a server or a watch ends with "
            "Ctrl-C), and run the command again"
        )
