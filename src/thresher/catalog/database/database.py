"""The database of a catalog: connections, transactions, creation, whichever engine it is in.

A catalog is in a file of SQLite or in a database of a PostgreSQL server. `sqlite_database` and `postgres_database`
have what differs, under the same names; `Backend` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

from sqlalchemy import URL, Connection, Engine, Select, Table, insert, make_url

from thresher.catalog.database import digests, schema, sqlite_database
from thresher.errors import CatalogError, UpgradedError

T = TypeVar("T")

Target: TypeAlias = Path | URL
"""Where a catalog is: a file of SQLite, or the URL of a PostgreSQL database."""


class Backend(Protocol):
    """What the two engines have in common."""

    def in_one_sentence(self, engine: Engine) -> AbstractContextManager[None]:
        """Turn the errors of the engine that have a known cause into CatalogError or UsageError."""

    def begin_writing(self, connection: Connection) -> None:
        """Begin the work of a transaction that writes."""

    def end_writing(self, connection: Connection) -> None:
        """Complete what a transaction wrote, before it commits."""

    def stored_revision(self, connection: Connection) -> str | None:
        """Return the revision of a database, or None if it is not a catalog."""

    def size(self, connection: Connection) -> int:
        """Return the bytes of a database."""

    def last_ids(self, connection: Connection) -> dict[str, int]:
        """Return the highest id that each table ever gave to a row; a table without one is left out."""

    def raise_last_ids(self, connection: Connection, given: Mapping[str, int]) -> None:
        """Set the highest ids of tables to those `given`, where they are higher."""


def _backend(engine: Engine) -> Backend:
    return sqlite_database if engine.dialect.name == "sqlite" else _postgres()


def _postgres() -> Any:
    from thresher.catalog.database import postgres_database  # loads psycopg

    return postgres_database


def target_of(address: str, folder: Path) -> Target:
    """Return where the catalog is that `[catalog] database` names; files are relative to the catalog's folder.

    Raises CatalogError.
    """
    parsed = make_url(address)
    if parsed.get_backend_name() == "postgresql":
        return parsed
    if not parsed.database or parsed.database == ":memory:":
        raise CatalogError(
            f'[catalog] database: "{address}" is not a SQLite file; write "sqlite:///catalog.db" in catalog.toml'
        )
    return folder / parsed.database


def shown(target: Target) -> str:
    """Return where a catalog is as messages name it: without a password."""
    return str(target) if isinstance(target, Path) else target.render_as_string(hide_password=True)


def connect(target: Target, busy_timeout: float) -> Engine:
    """Return an engine for a database whose connections wait `busy_timeout` seconds for a lock."""
    if isinstance(target, Path):
        return sqlite_database.connect(target, busy_timeout)
    engine: Engine = _postgres().connect(target, busy_timeout)
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that sees the catalog as it is at this moment."""
    with _backend(engine).in_one_sentence(engine), engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine, *, rollback: bool = False, alone: bool = False) -> Iterator[Connection]:
    """Open a transaction that behaves as if no other one wrote to the catalog until it commits.

    SQLite locks the catalog for writing. On PostgreSQL, other transactions write at the same time, and this one
    fails with SQLSTATE 40001 if it would not behave so; with `alone` it keeps others from writing.

    It is rolled back on any error. With `rollback` it is always rolled back: a dry run does the work and keeps
    nothing. Digests of the rows that were written are computed before the commit. The catalog does not count as
    settled any more.
    """
    backend = _backend(engine)
    with (
        backend.in_one_sentence(engine),
        engine.connect().execution_options(writes=True, alone=alone) as connection,
        connection.begin() as transaction,
    ):
        digests.begin(connection)
        backend.begin_writing(connection)
        yield connection
        if rollback:
            transaction.rollback()
        else:
            backend.end_writing(connection)


def insert_row(connection: Connection, table: Table, values: Mapping[str, Any]) -> int:
    """Insert one row into a table whose key is `id`, and return its id."""
    key = connection.execute(insert(table), values).inserted_primary_key
    assert key is not None
    return int(key[0])


def plain_rows(connection: Connection, statement: Select[Any]) -> Iterator[Any]:
    """Yield the rows of the driver, one by one: tuples of values that SQLAlchemy does not convert.

    This takes a third of the time of SQLAlchemy's rows. Don't keep many of them: thousands of tuples trigger
    Python's garbage collector, which then examines every object.
    """
    with closing(connection.execute(statement)) as result:
        yield from iter(result.cursor.fetchone, None)


def chunks(ids: Sequence[T], size: int = 500) -> Iterator[list[T]]:
    """Yield `ids` in lists that are short enough for the parameters of one statement."""
    for start in range(0, len(ids), size):
        yield list(ids[start : start + size])


def create(target: Target, busy_timeout: float) -> bool:
    """Create a catalog, complete or not at all, in a new file or in an empty database. Raises CatalogError.

    Return False if the database of a server holds a catalog already, which stays as it is.
    """
    if isinstance(target, Path):
        sqlite_database.create(target, busy_timeout)
        return True
    is_new: bool = _postgres().create(target, busy_timeout)
    return is_new


def is_catalog(target: Target) -> bool:
    """Return whether a database that can be reached holds a catalog, of any revision. Raises CatalogError."""
    engine = connect(target, 1.0)
    try:
        return current_revision(engine) is not None
    finally:
        engine.dispose()


def open_current(
    target: Target, busy_timeout: float, back_up: Callable[[], Path], former_metric: str | None = "prefix"
) -> tuple[Engine, Path | None]:
    """Open an existing catalog. A file that is older than this program is upgraded; a shared database never is.

    `back_up` is called before an upgrade, and returns the backup that it made. `former_metric` is the metric that
    `score:` meant in queries before revision 0008, None if it means the same now. Return the engine, and the backup
    if the catalog was upgraded. Raises CatalogError.
    """
    if isinstance(target, Path):
        return sqlite_database.open_current(target, busy_timeout, back_up, former_metric)
    return _postgres().open_current(target, busy_timeout), None


def size(connection: Connection) -> int:
    """Return the bytes of a database."""
    return _backend(connection.engine).size(connection)


def last_ids(connection: Connection) -> dict[str, int]:
    """Return the highest id that each table ever gave to a row; a table without one is left out."""
    return _backend(connection.engine).last_ids(connection)


def raise_last_ids(connection: Connection, given: Mapping[str, int]) -> None:
    """Set the highest ids of tables to those `given`, where they are higher."""
    _backend(connection.engine).raise_last_ids(connection, given)


def current_revision(engine: Engine) -> str | None:
    """Return the revision of an open database, or None if it is not a catalog."""
    with reading(engine) as connection:
        return _backend(engine).stored_revision(connection)


def check_unchanged_revision(connection: Connection, file: Path) -> None:
    """Raise UpgradedError if another thresher has upgraded an open catalog, CatalogError if it is none now."""
    found = _backend(connection.engine).stored_revision(connection)
    if found is None:
        raise CatalogError(f"{file} is not a catalog any more; restore it, and start this command again")
    if found != schema.HEAD:
        raise UpgradedError(
            f"another version of thresher has upgraded {file}; end this command, and start it with that version"
        )
