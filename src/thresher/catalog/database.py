"""The engine under a catalog: pragmas, transactions, creation, upgrade.

The program begins its own transactions. Python's sqlite3 would commit DDL behind a rollback, and a deferred
transaction that starts to write fails at once where `BEGIN IMMEDIATE` waits its turn; so the driver runs in
autocommit mode and every block begins by name, to read or to write.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, Select, Table, create_engine, event, insert, make_url
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import NullPool

from thresher.catalog import schema
from thresher.errors import CatalogError

T = TypeVar("T")

SQLITE_MAGIC = b"SQLite format 3\x00"
FIXED_WAL_RESET = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
"""First releases, by line, of SQLite whose WAL mode can't lose commits (sqlite.org/wal.html#walresetbug)."""


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Whether this SQLite may use write-ahead logging: newer than the fix, or a patch release that has it."""
    newest, *patched = FIXED_WAL_RESET
    return version >= newest or any(version[:2] == fix[:2] and version >= fix for fix in patched)


def database_file(url: str, folder: Path) -> Path:
    """The file that a `sqlite:///` URL names, relative to the catalog's folder."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise CatalogError(
            f'[catalog] database: "{url}" is not a SQLite file; write "sqlite:///catalog.db" in catalog.toml'
        )
    return folder / parsed.database


def connect(file: Path, busy_timeout: float) -> Engine:
    """An engine on `file` whose connections wait `busy_timeout` seconds for a lock."""
    # mode=rw: opening must never create; only `create` does, by name
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
        # one round trip; a listing pays for each of them
        connection.executescript(
            f"PRAGMA busy_timeout={int(busy_timeout * 1000)};"
            "PRAGMA foreign_keys=ON; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
        )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")

    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One transaction that sees the catalog as it is at this moment."""
    with _in_one_sentence(_file(engine)), engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine, *, rollback: bool = False) -> Iterator[Connection]:
    """Open a transaction that locks the catalog for writing until it commits.

    It is rolled back on any error and, with `rollback`, in any case: a dry run does the work and keeps nothing.
    """
    with (
        _in_one_sentence(_file(engine)),
        engine.connect().execution_options(writes=True) as connection,
        connection.begin() as transaction,
    ):
        yield connection
        if rollback:
            transaction.rollback()


def _file(engine: Engine) -> Path:
    return Path(str(engine.url.database))


@contextmanager
def _in_one_sentence(file: Path) -> Iterator[None]:
    try:
        yield
    except (DatabaseError, sqlite3.DatabaseError) as error:
        raise _translated(error, file) from error


def _translated(error: DatabaseError | sqlite3.DatabaseError, file: Path) -> Exception:
    words = str(error.orig if isinstance(error, DatabaseError) else error)
    if "locked" in words or "busy" in words:
        holders = lock_holders(file)
        who = f" by {', '.join(holders)}" if holders else " by another program"
        return CatalogError(
            f"{file} is locked{who}; wait until it ends, or stop it, and run the command again"
        )
    if "full" in words:
        return CatalogError(f"no space left on the disk of {file}; free some and run the command again")
    if "I/O error" in words:
        return CatalogError(f"the disk of {file} fails ({words}); check it, then run `thresher verify`")
    if "readonly" in words or "unable to open" in words:
        return CatalogError(f"{file} can't be written ({words}); give its folder back its write permission")
    if "malformed" in words or "not a database" in words:
        return CatalogError(
            f"{file} is damaged ({words}); go back to a backup beside it or a copy of your own"
        )
    return error


def lock_holders(file: Path) -> list[str]:
    """Programs that hold a lock on `file`, as "name (process 123)"; empty where the system doesn't tell."""
    holders = []
    with suppress(OSError, ValueError, IndexError):
        # in write-ahead mode the locks are on the index beside the file
        files = [each for each in (file, file.with_name(f"{file.name}-shm")) if each.exists()]
        inodes = {str(each.stat().st_ino) for each in files}
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()
            if "->" in fields:  # a waiter, not a holder
                continue
            process, place = fields[4], fields[5]
            if place.rsplit(":", 1)[-1] in inodes and int(process) not in (os.getpid(), -1):
                name = Path(f"/proc/{process}/comm").read_text().strip()
                holders.append(f"{name} (process {process})")
    return sorted(set(holders))


def insert_row(connection: Connection, table: Table, values: Mapping[str, Any]) -> int:
    """Insert one row into a table whose key is `id`; that id."""
    key = connection.execute(insert(table), values).inserted_primary_key
    assert key is not None
    return int(key[0])


def plain_rows(connection: Connection, statement: Select[Any]) -> Iterator[Any]:
    """The rows as the driver gives them, one by one: tuples of unconverted values, in a third of the time.

    Don't keep many of them: tuples by the thousand set off Python's garbage collection, which looks at everything.
    """
    with closing(connection.execute(statement)) as result:
        yield from iter(result.cursor.fetchone, None)


def chunks(ids: Sequence[T], size: int = 500) -> Iterator[list[T]]:
    """`ids` in lists short enough to be bound in one statement."""
    for start in range(0, len(ids), size):
        yield list(ids[start : start + size])


def check_file(file: Path) -> None:
    """Refuse what is no catalog, before anything is opened for writing."""
    try:
        with file.open("rb") as stream:
            head = stream.read(len(SQLITE_MAGIC))
    except FileNotFoundError:
        raise CatalogError(
            f"{file} is not there; put it back, or run `thresher init` to start a new catalog"
        ) from None
    except OSError as error:
        raise CatalogError(f"{file} can't be read: {error.strerror}") from error
    if head != SQLITE_MAGIC:
        what = "is empty" if not head else "is not a SQLite database"
        raise CatalogError(f"{file} {what}; it was left as it is: move it away and run `thresher init`")


def create(file: Path, busy_timeout: float) -> None:
    """A new catalog database at `file`, which must not exist; it appears there whole or not at all."""
    partial = file.with_name(f"{file.name}.part")
    partial.unlink(missing_ok=True)
    partial.touch()
    engine = connect(partial, busy_timeout)
    run_migrations(engine)
    _settle_journal(engine)
    engine.dispose()
    if file.exists():
        partial.unlink()
        raise CatalogError(f"{file} exists already; it was left as it is")
    partial.rename(file)


def open_current(file: Path, busy_timeout: float) -> tuple[Engine, Path | None]:
    """An engine on an existing catalog at this program's revision, and the backup if it was upgraded."""
    check_file(file)
    engine = connect(file, busy_timeout)
    revision = current_revision(engine)
    if revision is None:
        raise CatalogError(f"{file} is a SQLite database but not a catalog; it was left as it is")
    copy = None
    if revision != schema.HEAD:
        if revision not in known_revisions():
            raise CatalogError(
                f"{file} was written by a newer thresher (revision {revision}; this one knows {schema.HEAD}); "
                "it was left as it is: `pip install --upgrade thresher`"
            )
        copy = backup(file, revision)
        run_migrations(engine)
    _settle_journal(engine)
    return engine, copy


def _settle_journal(engine: Engine) -> None:
    """Use write-ahead logging where it is safe, and leave it where it is not.

    The mode is kept in the file, so it is not touched before the file is known to be this program's.
    """
    is_safe = wal_is_safe(sqlite3.sqlite_version_info)
    wanted = "wal" if is_safe else "delete"
    with _in_one_sentence(_file(engine)), engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        if raw.execute("PRAGMA journal_mode").fetchone()[0] == wanted:
            return
        # a file that is read-only or in use keeps its journal, which is as safe as the log
        with suppress(sqlite3.OperationalError) if is_safe else nullcontext():
            raw.execute(f"PRAGMA journal_mode={wanted}")


def current_revision(engine: Engine) -> str | None:
    """The revision of an open database; None where it is no catalog."""
    with reading(engine) as connection:
        try:
            found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
        except OperationalError as error:
            if "no such table" in str(error.orig):
                return None
            raise
    return None if found is None else str(found)


def backup(file: Path, revision: str) -> Path:
    """Copy the catalog beside itself by SQLite's backup API, check the copy, and say where it is."""
    copy, partial = _backup_place(file, revision)
    try:
        with (
            _in_one_sentence(file),
            closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(partial.absolute().as_uri(), uri=True)) as target,
        ):
            source.backup(target)
            verdict = target.execute("PRAGMA integrity_check").fetchone()[0]
        if verdict != "ok":
            raise CatalogError(f"the backup of {file} is not sound ({verdict}); nothing was upgraded")
    except BaseException:
        partial.unlink()
        raise
    partial.rename(copy)
    return copy


def _backup_place(file: Path, revision: str) -> tuple[Path, Path]:
    """Where a backup goes, and the empty file to write it to, which no other program has taken."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for number in itertools.count(1):
        again = f"-{number}" if number > 1 else ""
        copy = file.with_name(f"{file.stem}-{revision}-{stamp}{again}.backup.db")
        partial = copy.with_suffix(".part")
        if copy.exists():
            continue
        try:
            partial.touch(exist_ok=False)
        except FileExistsError:
            continue
        except OSError as error:
            raise CatalogError(f"no backup can be written beside {file}: {error.strerror}") from error
        return copy, partial
    raise AssertionError("there is always another number")


def migrations_folder() -> Path:
    """Where the migrations lie: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "migrations", package.parents[1] / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise CatalogError(f"no migrations beside {package}; install thresher again")


def known_revisions(folder: Path | None = None) -> list[str]:
    """All revisions that this program can read, the newest first."""
    from alembic.script import ScriptDirectory

    return [
        script.revision for script in ScriptDirectory(str(folder or migrations_folder())).walk_revisions()
    ]


def run_migrations(engine: Engine, folder: Path | None = None, revision: str = "head") -> None:
    """Bring the database to `revision`, all of it in one transaction or not at all.

    Ids go on where they were: a rebuilt table would begin again behind the last that is left.

    Foreign keys are off while tables are rebuilt: a rebuilt parent with ON DELETE CASCADE would otherwise
    empty its children. They have to be switched before BEGIN, and are checked before COMMIT.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(folder or migrations_folder()).replace("%", "%%"))
    with _in_one_sentence(_file(engine)), engine.connect() as raw:
        raw.connection.dbapi_connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[union-attr]
        connection = raw.execution_options(writes=True)
        with connection.begin():
            config.attributes["connection"] = connection
            last_ids = _last_ids(connection)
            with warnings.catch_warnings():
                # a rebuild reflects its neighbours, and SQLAlchemy can't reflect checkpoint's index over
                # expressions: a revision that rebuilds that table has to make the index again
                warnings.filterwarnings("ignore", message="Skipped unsupported reflection")
                command.upgrade(config, revision)
            _go_on_after(connection, last_ids)
            broken: list[Any] = list(connection.exec_driver_sql("PRAGMA foreign_key_check"))
            if broken:
                raise CatalogError(f"the upgrade would break {len(broken)} references; nothing was changed")
        raw.connection.dbapi_connection.execute("PRAGMA foreign_keys=ON")  # type: ignore[union-attr]


def _last_ids(connection: Connection) -> dict[str, int]:
    """The highest id that each table ever gave."""
    if "sqlite_sequence" not in _table_names(connection):
        return {}
    return {row.name: row.seq for row in connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence")}


def _go_on_after(connection: Connection, last_ids: Mapping[str, int]) -> None:
    now = _last_ids(connection)
    for name in last_ids.keys() & _table_names(connection):
        last_id = max(last_ids[name], now.get(name, 0))
        connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
        connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, last_id))


def _table_names(connection: Connection) -> set[str]:
    rows = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {str(row.name) for row in rows}
