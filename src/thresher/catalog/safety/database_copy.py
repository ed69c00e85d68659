"""Copy a database while it is in use, check the copy, and say in one sentence why a copy could not be made.

A copy is made by SQLite's backup API: it shows the database at one moment, and programs that write wait until it is
made. Sizes are in bytes; progress is reported in megabytes.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from thresher.catalog.database.database import Target
from thresher.catalog.database.sqlite_database import SQLITE_MAGIC, lock_holders
from thresher.errors import CatalogError
from thresher.formatting import counted
from thresher.progress import Progress, no_progress

DAMAGED = "damaged"
"""Stands for the revision of a damaged database that was copied as it is."""

_NOISE = "*** in database main *** "
_STEP_PAGES = 2048
_PATIENCE = 60.0
"""Seconds to wait for a database that is locked between two steps."""


@dataclass(frozen=True)
class CheckedCopy:
    """What a check of a database file found: its revision, and the number of rows in each table."""

    revision: str
    rows: Mapping[str, int]


def check_copy(file: Path) -> CheckedCopy:
    """Read a database file completely and check it. Raises CatalogError if it is damaged or not a catalog."""
    if not looks_whole(file):
        raise CatalogError(f"{file} is damaged or not a backup: it is not a whole SQLite database")
    try:
        with closing(_opened(file, "ro")) as opened:
            return _checked(opened, file)
    except sqlite3.Error as error:
        raise CatalogError(f"{file} is damaged ({error})") from error


def looks_whole(file: Path) -> bool:
    """Return whether a file has the header of a SQLite database, and the size that the header states."""
    try:
        with file.open("rb") as opened:
            header = opened.read(100)
            size = os.fstat(opened.fileno()).st_size
    except OSError:
        return False
    if len(header) < 100 or not header.startswith(SQLITE_MAGIC):
        return False
    page = int.from_bytes(header[16:18], "big")
    page = 65536 if page == 1 else page
    if header[24:28] != header[92:96]:  # an old SQLite wrote the file last, which did not note the size
        return True
    return page * int.from_bytes(header[28:32], "big") == size


def _checked(opened: sqlite3.Connection, file: Path) -> CheckedCopy:
    verdict = opened.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if verdict != "ok":
        raise CatalogError(f"{file} is damaged ({' '.join(verdict.split()).removeprefix(_NOISE)})")
    if broken := len(opened.execute("PRAGMA foreign_key_check").fetchall()):
        raise CatalogError(f"{file} is damaged ({counted(broken, 'reference')} to missing rows)")
    try:
        revision = opened.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        revision = None
    if revision is None:
        raise CatalogError(f"{file} is a SQLite database but not a catalog")
    return CheckedCopy(str(revision[0]), _count_rows(opened))


def _count_rows(opened: sqlite3.Connection) -> dict[str, int]:
    names = opened.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    return {name: _row_count(opened, name) for (name,) in names}


def _row_count(opened: sqlite3.Connection, table: str) -> int:
    quoted = table.replace('"', '""')
    return int(opened.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()[0])


def copy_database(source: Path, target: Path, busy_timeout: float, progress: Progress = no_progress) -> None:
    """Copy a database into the existing file `target`, whose content is replaced. Raises sqlite3.Error."""
    with closing(_opened(source, "ro", busy_timeout)) as opened:
        opened.execute("BEGIN")
        _transfer(opened, target, progress)


def checked_copy(
    database: Path, busy_timeout: float, partial: Path, progress: Progress, *, may_be_damaged: bool
) -> CheckedCopy:
    """Write a checked copy of the database to `partial`, and sync it to the disk."""
    partial.open("xb").close()  # the system names the reason if it can't be written, SQLite would not
    with closing(_opened(database, "ro", busy_timeout)) as source:
        source.execute("BEGIN")  # holds what is copied as it is; with a rollback journal, writers wait
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        last_change = changed_at(database)
        rows = None
        with suppress(sqlite3.DatabaseError):  # of a damaged database; what it is is said below
            rows = _count_rows(source)
        _transfer(source, partial, progress)
        source.execute("ROLLBACK")
        found = _compared(source, database, partial, rows, may_be_damaged=may_be_damaged)
    with partial.open("rb") as written:
        os.fsync(written.fileno())
    if last_change is not None:
        os.utime(partial, ns=(time.time_ns(), last_change))
    return found


def transfer(source: sqlite3.Connection, target: sqlite3.Connection, progress: Progress, stage: str) -> None:
    """Replace the content of an open database by that of another, in one transaction. Raises sqlite3.Error."""
    page = source.execute("PRAGMA page_size").fetchone()[0]
    deadline = time.monotonic() + _PATIENCE

    def tell(status: int, remaining: int, total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > deadline:
            locked = sqlite3.OperationalError("database is locked")
            locked.sqlite_errorcode = sqlite3.SQLITE_BUSY  # the module would try again for ever
            raise locked
        progress(stage, (total - remaining) * page // 1_000_000, total * page // 1_000_000)

    source.backup(target, pages=_STEP_PAGES, progress=tell)


def _transfer(source: sqlite3.Connection, target: Path, progress: Progress) -> None:
    with closing(_opened(target, "rw")) as copy:
        # nobody reads the copy before it is complete: it needs no journal, and is synced once, at the end
        copy.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;")
        transfer(source, copy, progress, "copying")
        copy.execute("PRAGMA journal_mode=DELETE").fetchone()  # one file, whatever mode the source has


def _opened(file: Path, mode: str, busy_timeout: float = 0.0) -> sqlite3.Connection:
    opened = sqlite3.connect(f"{file.absolute().as_uri()}?mode={mode}", uri=True, timeout=busy_timeout)
    opened.isolation_level = None
    return opened


def _compared(
    source: sqlite3.Connection,
    database: Path,
    partial: Path,
    rows: Mapping[str, int] | None,
    *,
    may_be_damaged: bool,
) -> CheckedCopy:
    """Check a copy, and compare it with its source. Raises CatalogError, which says which of them is damaged."""
    try:
        with closing(_opened(partial, "ro")) as copy:
            found = _checked(copy, database)
        if found.rows == rows:
            return found
    except (CatalogError, sqlite3.DatabaseError):
        pass
    fault = _fault(source, database)
    if fault is None:
        raise OSError(errno.EIO, "the copy does not hold what was written to it", str(partial))
    if not may_be_damaged:
        raise CatalogError(fault)
    return CheckedCopy(DAMAGED, {})


def _fault(opened: sqlite3.Connection, file: Path) -> str | None:
    """Return what is wrong with a database, None if nothing is."""
    try:
        _checked(opened, file)
    except CatalogError as error:
        return str(error)
    except sqlite3.DatabaseError as error:
        return f"{file} is damaged ({error})"
    return None


def changed_at(database: Path) -> int | None:
    """Return the time of the last change of a database in ns; None if a part of it is still in the log."""
    log = database.with_name(f"{database.name}-wal")
    with suppress(FileNotFoundError):
        if log.stat().st_size:
            return None
    return database.stat().st_mtime_ns


@contextmanager
def reporting(database: Target, target: Path, undone: str) -> Iterator[None]:
    """Turn the errors of a copy into one sentence that names the cause, and what was not done without a backup.

    `undone` says the latter, for a backup in a folder; it is empty if `target` is a file of the user's choice.
    """
    end = f"; {undone}" if undone else ""
    try:
        yield
    except sqlite3.Error as error:
        raise CatalogError(f"{_sentence(error, database, target)}{end}") from error
    except OSError as error:
        if undone and not target.is_dir():
            raise CatalogError(
                f"the backup folder {target} does not exist; mount its disk or create it, or change [backup] "
                f"folder in catalog.toml{end}"
            ) from error
        advice = "; change that, or [backup] folder in catalog.toml" if undone else "; choose another place"
        raise CatalogError(f"no backup can be written to {target}: {error.strerror}{advice}{end}") from error
    except CatalogError as error:
        advice = "; run `thresher verify` to see the damage" if isinstance(database, Path) else ""
        raise CatalogError(f"no backup was made: {error}{advice}{end}") from error


def _sentence(error: sqlite3.Error, database: Target, target: Path) -> str:
    code = error_code(error)
    if code == sqlite3.SQLITE_FULL:
        return f"no space left on the disk for a backup in {target}; free some space, or choose another disk"
    if code == sqlite3.SQLITE_IOERR and "READ" not in getattr(error, "sqlite_errorname", ""):
        return f"the disk reports an error while a backup is written to {target} ({error}); check the disk"
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and isinstance(database, Path):
        holders = ", ".join(lock_holders(database)) or "another program"
        return f"{database} is locked by {holders}; wait until it ends, and run the command again"
    return f"no backup was made: {database} can't be read ({error}); `thresher verify` shows damage"


def error_code(error: BaseException | None) -> int:
    """Return the code of an error of SQLite without its details, such as `sqlite3.SQLITE_FULL`; 0 for others."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
