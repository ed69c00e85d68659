"""Catalogs in SQLite: connections, transactions, locks, creation and upgrades of a file.

The driver runs in autocommit mode, and this module begins each transaction explicitly, to read or to write. There
are two reasons. Python's sqlite3 module commits DDL statements, so they could not be rolled back. And a deferred
transaction that starts to write fails immediately if another one writes, while `BEGIN IMMEDIATE` waits.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import NullPool

from thresher.catalog.database import digests, safeguards, schema
from thresher.catalog.database.migrations import known_revisions, migrate, newest_script
from thresher.catalog.database.sql_functions import SQL_FUNCTIONS
from thresher.catalog.files.disk_trouble import NO_SPACE, why_unreadable, why_unwritable
from thresher.catalog.files.partial_files import partial_path, place_new
from thresher.catalog.text.time_limit import is_over
from thresher.errors import CatalogError, UsageError

SQLITE_MAGIC = b"SQLite format 3\x00"
FIXED_WAL_RESET = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
"""The first release of each SQLite branch whose WAL mode can't lose commits (sqlite.org/wal.html#walresetbug)."""


_LOOK_EVERY = 10_000
"""Instructions of SQLite between two looks at the clock, where there is a limit."""


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Return whether a version of SQLite has the fix, so that write-ahead logging is safe."""
    newest, *patched = FIXED_WAL_RESET
    return version >= newest or any(version[:2] == fix[:2] and version >= fix for fix in patched)


def connect(file: Path, busy_timeout: float) -> Engine:
    """Return an engine for `file` whose connections wait `busy_timeout` seconds for a lock."""
    # mode=rw: opening a catalog must never create a file; only `create` does
    engine = create_engine(
        URL.create("sqlite", database=str(file)),
        creator=lambda: sqlite3.connect(
            f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=busy_timeout, check_same_thread=False
        ),
        poolclass=NullPool,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        # all pragmas in one call, because each call costs time in every listing
        connection.executescript(
            f"PRAGMA busy_timeout={int(busy_timeout * 1000)};"
            "PRAGMA foreign_keys=ON; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
        )
        if (over := is_over()) is not None:
            connection.set_progress_handler(over, _LOOK_EVERY)
        for name, function in SQL_FUNCTIONS.items():
            connection.create_function(name, 1, _unless_null(function), deterministic=True)
        connection.create_function("thresher_digest", -1, digests.sql_digest, deterministic=True)
        connection.create_function(
            "thresher_removed_digest", -1, digests.sql_removed_digest, deterministic=True
        )

    @event.listens_for(engine, "before_execute", retval=True)
    def before_execute(
        connection: Connection, statement: Any, many: Any, one: Any, _options: Any
    ) -> tuple[Any, Any, Any]:
        return digests.mark_changed(connection, statement), many, one

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")

    return engine


def _unless_null(function: Callable[[str], str | None]) -> Callable[[str | None], str | None]:
    return lambda text: None if text is None else function(text)


def user_version(connection: Connection) -> int:
    """Return the stamp of a settled catalog, 0 if it is not settled; see `settled`."""
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def set_user_version(connection: Connection, stamp: int) -> None:
    """Store the stamp of a settled catalog in the transaction of `connection`."""
    connection.exec_driver_sql(f"PRAGMA user_version={stamp:d}")


def _file(engine: Engine) -> Path:
    return Path(str(engine.url.database))


def begin_writing(connection: Connection) -> None:
    """Begin the work of a transaction that writes: the catalog does not count as settled any more."""
    if user_version(connection):
        set_user_version(connection, 0)


def end_writing(connection: Connection) -> None:
    """Complete what a transaction wrote, before it commits: the copies of ids, and the digests of rows."""
    safeguards.copy_last_ids(connection)
    digests.seal(connection)


@contextmanager
def in_one_sentence(engine: Engine) -> Iterator[None]:
    """Turn the errors of SQLite that have a known cause into CatalogError or UsageError."""
    file = _file(engine)
    try:
        yield
    except (DatabaseError, sqlite3.DatabaseError) as error:
        raise _translated(error, file) from error
    except UnicodeDecodeError as error:  # a text of the schema or of a row; no file is read in a transaction
        raise damaged_file(file, "a text is not UTF-8") from error


def _translated(error: DatabaseError | sqlite3.DatabaseError, file: Path) -> Exception:
    """Return the CatalogError for a known database error, or the error itself."""
    words = str(error.orig if isinstance(error, DatabaseError) else error)
    if words == "interrupted":
        return UsageError("the query takes too long; search with fewer terms")
    if "locked" in words or "busy" in words:
        holders = lock_holders(file)
        who = f" by {', '.join(holders)}" if holders else " by another program"
        return CatalogError(
            f"{file} is locked{who}; wait until it ends, or stop it, and run the command again"
        )
    if "stack overflow" in words or "too large" in words:
        return UsageError(f"the query is too deeply nested ({words}); use fewer parentheses, songs or terms")
    if "full" in words:
        return _full(file)
    if "I/O error" in words:
        return CatalogError(
            f"the disk of {file} reports an error ({words}); check the disk, then run `thresher verify`"
        )
    if "readonly" in words or "unable to open" in words:
        return _unwritable(file, words)
    if any(sign in words for sign in _DAMAGE):
        return _damaged(file, words, error)
    return error


_DAMAGE = (
    *("malformed", "not a database", "no such table", "no such column", "has no column", "Could not decode"),
    *("unsupported file format", "user-defined function raised", "datatype mismatch", "unknown collation"),
)
"""Words of SQLite about a damaged file: the statements of this program fit to the schema of a catalog."""


def damaged_file(file: Path, words: str) -> CatalogError:
    """Return the error for a file that SQLite says is damaged, in these words."""
    return CatalogError(
        f"{file} is damaged ({words}); `thresher restore FILE` goes back to a backup, and `thresher verify` lists "
        "the damage if the file can be read"
    )


def _full(file: Path) -> CatalogError:
    return CatalogError(f"no space left on the disk of {file}; free some space and run the command again")


def _unwritable(file: Path, words: str) -> CatalogError:
    """Return the error for a catalog that can't be written, maybe because a full disk has no room for a journal."""
    cause = why_unwritable(file)
    if cause is None:
        return CatalogError(
            f"{file} could not be written ({words}); check that its disk has space, and that the file and its "
            "folder are writable, and run the command again"
        )
    if cause.errno in NO_SPACE:
        return _full(file)
    if cause.errno == errno.EIO:
        return CatalogError(
            f"the disk of {file} reports an error ({cause.strerror}); check the disk, then run `thresher verify`"
        )
    advice = (
        "mount the disk for writing"
        if cause.errno == errno.EROFS
        else "make the file and its folder writable for your user"
    )
    return CatalogError(f"{file} can't be written ({cause.strerror}); {advice}, and run the command again")


def _damaged(file: Path, words: str, error: DatabaseError | sqlite3.DatabaseError) -> CatalogError:
    """Return the error for a damaged catalog, or for a disk that can't be read: SQLite reports both as damage."""
    raw: Any = error.orig if isinstance(error, DatabaseError) else error
    cause = why_unreadable(file)
    if cause is not None or getattr(raw, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR:
        why = (cause.strerror if cause is not None else None) or "read error"
        return CatalogError(
            f"the disk of {file} reports an error ({why}); check the disk, then run `thresher verify`"
        )
    return damaged_file(file, words)


def lock_holders(file: Path) -> list[str]:
    """Return the programs that lock `file`, as "name (process 123)"; empty if the system does not report them."""
    holders = []
    with suppress(OSError, ValueError, IndexError):
        # in write-ahead mode the locks are on the index file, which has the suffix -shm
        files = [each for each in (file, file.with_name(f"{file.name}-shm")) if each.exists()]
        inodes = {str(each.stat().st_ino) for each in files}
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()
            if "->" in fields:  # this process waits for a lock
                continue
            process, file_id = fields[4], fields[5]
            if file_id.rsplit(":", 1)[-1] in inodes and int(process) not in (os.getpid(), -1):
                name = Path(f"/proc/{process}/comm").read_text().strip()
                holders.append(f"{name} (process {process})")
    return sorted(set(holders))


def check_file(file: Path) -> None:
    """Check that a file is a SQLite database before it is opened for writing. Raises CatalogError."""
    try:
        with file.open("rb") as stream:
            head = stream.read(len(SQLITE_MAGIC))
    except FileNotFoundError:
        raise CatalogError(
            f"{file} does not exist; `thresher restore FILE` brings it back from a backup, `thresher init` creates "
            "a new catalog"
        ) from None
    except OSError as error:
        raise CatalogError(f"{file} can't be read: {error.strerror}") from error
    if head != SQLITE_MAGIC:
        what = "is empty" if not head else "is not a SQLite database"
        raise CatalogError(
            f"{file} {what}; it was not changed: `thresher restore FILE` goes back to a backup, or move it away "
            "and run `thresher init`"
        )


def create(file: Path, busy_timeout: float) -> None:
    """Create a catalog database at `file`, which must not exist. It appears there complete or not at all."""
    file.with_name(f"{file.name}.part").unlink(missing_ok=True)  # an earlier version used this name
    with partial_path(file, None) as partial:
        partial.touch()
        engine = connect(partial, busy_timeout)
        try:
            _create_newest(engine)
            _settle_journal(engine)
        finally:
            engine.dispose()
            for suffix in ("-journal", "-wal", "-shm"):  # only a failure leaves them
                partial.with_name(partial.name + suffix).unlink(missing_ok=True)
        try:
            place_new(partial, file)
        except FileExistsError as error:
            raise CatalogError(f"{file} exists already; it was not changed") from error


def _create_newest(engine: Engine) -> None:
    """Create the newest schema in an empty database, in one transaction, as all revisions would."""
    with in_one_sentence(engine), engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        raw.executescript(f"BEGIN IMMEDIATE;\n{newest_script()}COMMIT;")


def is_untouched(file: Path) -> bool:
    """Return whether a file is the database of a catalog to which nothing was ever added. Raises CatalogError."""
    check_file(file)
    engine = connect(file, 1.0)
    try:
        with in_one_sentence(engine), engine.begin() as connection:
            if stored_revision(connection) is None:
                return False
            tables = ("batch", "recording", "song", "decision")
            return not any(
                connection.exec_driver_sql(f"SELECT count(*) FROM {each}").scalar_one() for each in tables
            )
    finally:
        engine.dispose()


def open_current(
    file: Path, busy_timeout: float, back_up: Callable[[], Path], former_metric: str | None = "prefix"
) -> tuple[Engine, Path | None]:
    """Open an existing catalog, and upgrade it if it is older than this program.

    `back_up` is called before an upgrade, and returns the backup that it made. `former_metric` is the metric that
    `score:` meant in queries before revision 0008, None if it means the same now. Return the engine, and the backup
    if the catalog was upgraded. Raises CatalogError.
    """
    check_file(file)
    engine = connect(file, busy_timeout)
    with in_one_sentence(engine), engine.begin() as connection:
        revision = stored_revision(connection)
    if revision is None:
        raise CatalogError(f"{file} is a SQLite database but not a catalog; it was not changed")
    copy = None
    if revision != schema.HEAD:
        if revision not in known_revisions():
            check_revision_table(engine)
            raise CatalogError(
                f"{file} was written by a newer thresher (revision {revision}; this one knows {schema.HEAD}); "
                "it was not changed: run `pip install --upgrade thresher`"
            )
        copy = back_up()
        run_migrations(engine, former_metric=former_metric)
    _settle_journal(engine)
    return engine, copy


def _settle_journal(engine: Engine) -> None:
    """Turn write-ahead logging on if it is safe, and off if it is not.

    The mode is stored in the file, so callers first make sure that the file is a catalog of this program.
    """
    is_safe = wal_is_safe(sqlite3.sqlite_version_info)
    wanted = "wal" if is_safe else "delete"
    with in_one_sentence(engine), engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        if raw.execute("PRAGMA journal_mode").fetchone()[0] == wanted:
            return
        # a file that is read-only or in use keeps its rollback journal, which is as safe as the log
        with suppress(sqlite3.OperationalError) if is_safe else nullcontext():
            raw.execute(f"PRAGMA journal_mode={wanted}")


def stored_revision(connection: Connection) -> str | None:
    """Return the revision of a database, or None if it is not a catalog."""
    try:
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
    except OperationalError as error:
        if "no such table" in str(error.orig):
            return None
        raise
    return None if found is None else str(found)


def size(connection: Connection) -> int:
    """Return the bytes of the file of a database."""
    return os.path.getsize(_file(connection.engine))


def last_ids(connection: Connection) -> dict[str, int]:
    """Return the highest id that each table ever gave to a row; a table without one is left out."""
    return safeguards.last_ids(connection)


def raise_last_ids(connection: Connection, given: Mapping[str, int]) -> None:
    """Set the highest ids of tables to those `given`, where they are higher."""
    safeguards.raise_last_ids(connection, given)


def check_revision_table(engine: Engine) -> None:
    """Raise CatalogError if the table of the revision is damaged, so that what it says is not one of thresher."""
    with in_one_sentence(engine), engine.begin() as connection:
        verdict = connection.exec_driver_sql("PRAGMA integrity_check(alembic_version)").scalar()
    if verdict != "ok":
        raise damaged_file(_file(engine), str(verdict))


def run_migrations(
    engine: Engine,
    folder: Path | None = None,
    revision: str = "head",
    *,
    former_metric: str | None = "prefix",
) -> None:
    """Migrate the database to `revision`, in one transaction.

    Ids are never given twice: the counters of rebuilt tables are restored, because SQLite would restart them after
    the highest id that is left.

    Foreign keys are off while tables are rebuilt; otherwise, rebuilding a parent table with ON DELETE CASCADE would
    empty its children. SQLite allows the switch only before BEGIN. The keys are checked before COMMIT.
    """
    with in_one_sentence(engine), engine.connect() as raw:
        raw.connection.dbapi_connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[union-attr]  # it is open
        connection = raw.execution_options(writes=True)
        with connection.begin():
            last_ids = _last_ids(connection)
            damaged = [row for each in digests.PROTECTED for row in digests.damaged_rows(connection, each)]
            migrate(connection, folder, revision, former_metric=former_metric)
            _restore_last_ids(connection, last_ids)
            _protect(connection, damaged)
            broken: list[Any] = list(connection.exec_driver_sql("PRAGMA foreign_key_check"))
            if broken:
                raise CatalogError(f"the upgrade would break {len(broken)} references; nothing was changed")
        raw.connection.dbapi_connection.execute("PRAGMA foreign_keys=ON")  # type: ignore[union-attr]  # it is open


def _protect(connection: Connection, damaged: Sequence[digests.DamagedRow]) -> None:
    """Compute all digests and checksums after an upgrade; rows that were damaged before stay damaged."""
    if digests.known_columns(connection, schema.safeguard.name):
        safeguards.copy_all(connection)
        digests.compute_all(connection, damaged)
        digests.seal(connection)


def _last_ids(connection: Connection) -> dict[str, int]:
    """Return the highest id that each table ever gave to a row."""
    if "sqlite_sequence" not in _table_names(connection):
        return {}
    return {row.name: row.seq for row in connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence")}


def _restore_last_ids(connection: Connection, last_ids: Mapping[str, int]) -> None:
    """Set the id counters of all tables to at least these values."""
    now = _last_ids(connection)
    for name in last_ids.keys() & _table_names(connection):
        last_id = max(last_ids[name], now.get(name, 0))
        connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
        connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, last_id))


def _table_names(connection: Connection) -> set[str]:
    rows = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {str(row.name) for row in rows}
