"""Catalogs in PostgreSQL: connections, transactions, creation, and who is connected.

The driver runs in autocommit mode, and this module begins each transaction explicitly, as `sqlite_database` does. A
transaction that reads sees the catalog as it was at its first statement (REPEATABLE READ). One that writes behaves
as if it ran alone (SERIALIZABLE), and fails with SQLSTATE 40001 if it would not.

Each transaction that writes holds a lock on the table of the revision until it ends. Writers share this lock. A
writer that must run alone keeps others from taking it, and so does an upgrade, during which no program can open the
catalog, either. The lock is taken before the first statement, at which the transaction begins to see the catalog.
"""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from thresher.catalog.database import digests, postgres_ddl, schema
from thresher.catalog.database.migrations import known_revisions, migrate
from thresher.catalog.database.writers import this_label
from thresher.catalog.text.time_limit import seconds_left
from thresher.errors import CatalogError, ReadOnlyCatalogError, UpgradedError, UsageError
from thresher.version import __version__

try:
    import psycopg
except ImportError as error:
    raise CatalogError(
        "a catalog in PostgreSQL needs the package psycopg; run `pip install 'thresher[postgres]'`"
    ) from error

CONNECT_SECONDS = 10
"""How long a connection to a server may take."""

LOST_SECONDS = 30
"""How long a connection that carries nothing counts as alive. After a cut of the network, both sides notice it
then: the program, and the server, which would hold the locks of a lost transaction for hours otherwise."""

_CREATION = 0x74687265
"""The key of the advisory lock under which a catalog is created."""

_LIFE = {
    "tcp_keepalives_idle": LOST_SECONDS // 3,
    "tcp_keepalives_interval": LOST_SECONDS // 3,
    "tcp_keepalives_count": 2,
    "tcp_user_timeout": LOST_SECONDS * 1000,
}
"""The settings of a server by which it notices that a connection is lost. libpq has the same, under its own
names."""


@dataclass(frozen=True)
class Program:
    """A program that is connected to the database of a catalog: its name as it gives it, its user and address."""

    name: str
    role: str
    address: str | None
    process: int

    @property
    def version(self) -> str | None:
        """The version of thresher, None for another program."""
        match = re.match(r"thresher (\S+)", self.name)
        return match[1] if match else None


def connect(url: URL, busy_timeout: float) -> Engine:
    """Return an engine for a database whose connections wait `busy_timeout` seconds for a lock."""
    settings = {"lock_timeout": max(int(busy_timeout * 1000), 1), **_LIFE}
    own_life = {name.replace("tcp_keep", "keep"): value for name, value in _LIFE.items()}
    options = " ".join(
        [str(url.query.get("options", "")), *(f"-c {name}={n}" for name, n in settings.items())]
    )
    engine = create_engine(
        url.update_query_dict({"options": options.strip()}),
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": f"thresher {__version__} {this_label()}"[:63],
            "client_encoding": "utf8",
            **{name: value for name, value in own_life.items() if name not in url.query},
        },
        poolclass=QueuePool,
        pool_size=4,
        max_overflow=60,  # a server has a thread for each request
        pool_pre_ping=True,  # the server may have been started again since the last transaction
        pool_use_lifo=True,
        use_native_hstore=False,  # asking for its type costs each engine a query
    )
    postgres_ddl.use(engine.dialect)

    @event.listens_for(engine, "connect")
    def configure(connection: psycopg.Connection[Any], _record: object) -> None:
        connection.autocommit = True

    @event.listens_for(engine, "before_execute", retval=True)
    def before_execute(
        connection: Connection, statement: Any, many: Any, one: Any, _options: Any
    ) -> tuple[Any, Any, Any]:
        return digests.mark_changed(connection, statement), many, one

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        _begin(connection)

    return engine


def _begin(connection: Connection) -> None:
    """Begin a transaction as the options of the connection say, in one round trip."""
    options = connection.get_execution_options()
    if options.get("creates"):
        statements = ["BEGIN", f"SELECT pg_advisory_xact_lock({_CREATION})"]
    elif options.get("upgrades"):
        statements = ["BEGIN", "LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"]
    elif options.get("writes"):
        mode = "SHARE ROW EXCLUSIVE" if options.get("alone") else "ROW EXCLUSIVE"
        statements = ["BEGIN ISOLATION LEVEL SERIALIZABLE", f"LOCK TABLE alembic_version IN {mode} MODE"]
    else:
        statements = ["BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"]
    left = seconds_left()
    if left is not None:
        statements.insert(1, f"SET LOCAL statement_timeout = {max(int(left * 1000), 1)}")
    connection.exec_driver_sql("; ".join(statements))


def begin_writing(connection: Connection) -> None:
    """Begin the work of a transaction that writes. Raises UpgradedError if the catalog has another revision now."""
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
    if found != schema.HEAD:
        raise UpgradedError(
            f"another version of thresher has upgraded {_shown(connection.engine.url)} to revision {found}; end "
            "this command, and start it with that version"
        )


def end_writing(connection: Connection) -> None:
    """Complete what a transaction wrote, before it commits: the digests of rows."""
    digests.seal(connection)


def stored_revision(connection: Connection) -> str | None:
    """Return the revision of a database, or None if it is not a catalog."""
    if connection.exec_driver_sql("SELECT to_regclass('alembic_version')").scalar_one() is None:
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
    return None if found is None else str(found)


def size(connection: Connection) -> int:
    """Return the bytes of a database on the disk of its server."""
    return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())


def last_ids(connection: Connection) -> dict[str, int]:
    """Return the highest id that each table ever gave to a row; a table without one is left out."""
    sequences = " UNION ALL ".join(
        f"SELECT '{name}', last_value FROM {name}_id_seq WHERE is_called" for name in _numbered_tables()
    )
    return {name: int(last) for name, last in connection.exec_driver_sql(sequences)}


def raise_last_ids(connection: Connection, given: Mapping[str, int]) -> None:
    """Set the highest ids of tables to those `given`, where they are higher."""
    known = last_ids(connection)
    for name in _numbered_tables():
        if given.get(name, 0) > known.get(name, 0):
            connection.exec_driver_sql(f"SELECT setval('{name}_id_seq', {given[name]:d})")


def _numbered_tables() -> list[str]:
    """Return the tables that give ids to their rows."""
    return [name for name, table in schema.metadata.tables.items() if "id" in table.c]


def create(url: URL, busy_timeout: float) -> bool:
    """Create the tables of a catalog in an empty database, all of them or none.

    Return False for a database that holds a current catalog already. It is left as it is: this machine joins it.
    Raises CatalogError.
    """
    engine = connect(url, busy_timeout)
    try:
        with (
            in_one_sentence(engine),
            engine.connect().execution_options(creates=True) as connection,
            connection.begin(),
        ):
            revision = stored_revision(connection)
            if revision is not None:
                _check_current(revision, url)
                return False
            _check_empty(connection)
            _migrate(connection)
    finally:
        engine.dispose()
    return True


def _migrate(connection: Connection) -> None:
    """Bring the tables of a database to the revision of this program."""
    migrate(connection)
    postgres_ddl.store_bytes_as_they_are(connection)


def _check_empty(connection: Connection) -> None:
    """Raise CatalogError if a database can't become a catalog."""
    shown = _shown(connection.engine.url)
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise CatalogError(
            f"{shown} has the encoding {encoding}, and a catalog needs UTF8; create it with "
            "`createdb --encoding=UTF8 --template=template0 NAME`"
        )
    tables = sorted(inspect(connection).get_table_names())
    if tables:
        raise CatalogError(
            f"{shown} holds other tables ({', '.join(tables[:3])}{', …' if len(tables) > 3 else ''}); it was not "
            "changed: give a database of its own, which `createdb NAME` creates"
        )


def open_current(url: URL, busy_timeout: float) -> Engine:
    """Open an existing catalog, which must have the revision of this program. Raises CatalogError."""
    engine = connect(url, busy_timeout)
    try:
        with in_one_sentence(engine), engine.begin() as connection:
            revision = stored_revision(connection)
        _check_current(revision, url)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _check_current(revision: str | None, url: URL) -> None:
    """Raise CatalogError if a database is not a catalog of the revision of this program."""
    if revision != schema.HEAD:
        raise CatalogError(
            f"{_shown(url)} was written by an older thresher (revision {_known(revision, url)}; this one writes "
            f"{schema.HEAD}); `thresher upgrade` upgrades it for everybody who uses it"
        )


def survey(url: URL, busy_timeout: float) -> tuple[str, list[Program]]:
    """Return the revision of a catalog that this program can upgrade, and who is connected. Raises CatalogError."""
    engine = connect(url, busy_timeout)
    try:
        with in_one_sentence(engine), engine.begin() as connection:
            revision = stored_revision(connection)
            programs = connected_programs(connection)
        return _known(revision, url), programs
    finally:
        engine.dispose()


def upgrade(url: URL, busy_timeout: float) -> None:
    """Migrate a catalog to the revision of this program, in one transaction that no other program writes beside.

    Raises CatalogError.
    """
    engine = connect(url, busy_timeout)
    try:
        with (
            in_one_sentence(engine),
            engine.connect().execution_options(upgrades=True) as connection,
            connection.begin(),
        ):
            _known(stored_revision(connection), url)
            damaged = [row for each in digests.PROTECTED for row in digests.damaged_rows(connection, each)]
            _migrate(connection)
            digests.compute_all(connection, damaged)
    finally:
        engine.dispose()


def _known(revision: str | None, url: URL) -> str:
    """Return the revision of a catalog if this program knows it. Raises CatalogError."""
    if revision is None:
        raise CatalogError(
            f"{_shown(url)} is not a catalog; `thresher init FOLDER --database URL` makes an empty database one"
        )
    if revision not in known_revisions():
        raise CatalogError(
            f"{_shown(url)} was written by a newer thresher (revision {revision}; this one knows {schema.HEAD}); "
            "it was not changed: run `pip install --upgrade thresher`"
        )
    return revision


def connected_programs(connection: Connection) -> list[Program]:
    """Return the other programs that are connected to the database at this moment, as the server names them."""
    connection.exec_driver_sql("SELECT pg_stat_clear_snapshot()")  # else a transaction sees those of before
    rows = connection.exec_driver_sql(
        # what belongs to other roles has no type for a role that is not a superuser
        "SELECT application_name, usename, host(client_addr), pid FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename IS NOT NULL "
        "AND coalesce(backend_type, 'client backend') = 'client backend' ORDER BY backend_start, pid"
    )
    return [Program(name or "", role or "", address, process) for name, role, address, process in rows]


# -- errors ------------------------------------------------------------------------------------------------


@contextmanager
def in_one_sentence(engine: Engine) -> Iterator[None]:
    """Turn the errors of PostgreSQL that have a known cause into CatalogError or UsageError.

    Those of a transaction that may succeed if it runs again stay as they are.
    """
    try:
        yield
    except (DBAPIError, psycopg.Error) as error:
        raise _translated(error, engine.url) from error


def _shown(url: URL) -> str:
    """Return the URL of a database without a password and without options."""
    return url.set(query={}).render_as_string(hide_password=True)


def _translated(error: DBAPIError | psycopg.Error, url: URL) -> Exception:
    """Return the CatalogError for a known database error, or the error itself."""
    raw = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(raw, "sqlstate", None)
    words = _first_line(raw)
    shown = _shown(url)
    if state in _READ_ONLY:
        return ReadOnlyCatalogError(
            f"the role {url.username or _role()} can't change {shown} ({words}); use a role and a server that can, "
            "or ask its owner for the privilege"
        )
    if state in _SENTENCES:
        return CatalogError(_SENTENCES[state].format(shown=shown, words=words))
    if state == "57014":
        return UsageError("the query takes too long; search with fewer terms")
    if state == "54000":  # an entry of an index
        return UsageError(f"a name or tag is too long for {shown} ({words}); give a shorter one")
    if state == "54001":
        return UsageError(f"the query is too deeply nested ({words}); use fewer parentheses, songs or terms")
    if state is not None and state.startswith(("53", "58", "XX")):
        return CatalogError(
            f"the server of {shown} reports an error ({words}); check it, and run the command again"
        )
    if isinstance(raw, psycopg.DataError) and "NUL" in words:
        return UsageError("a text holds the character NUL, which PostgreSQL can't store; leave it out")
    if state is not None and (state.startswith(("08", "57P")) or state in _ENDED):
        return CatalogError(f"the server of {shown} ended the connection ({words}); {_AGAIN}")
    if state is None and isinstance(raw, psycopg.OperationalError):
        return CatalogError(_unreachable(shown, str(raw)))
    return error


def _role() -> str:
    with suppress(KeyError, OSError):
        return getpass.getuser()
    return "?"


_READ_ONLY = frozenset({"42501", "25006", "0A000"})
"""A privilege that a role lacks, a transaction that only reads, and a standby, which has no serializable ones."""

_ENDED = frozenset({"25P03", "25P04"})
"""The limits that a server can have for a transaction."""

_AGAIN = "run the command again; what was committed is kept"
_SENTENCES = {
    "53100": "no space left on the disk of the server of {shown} ({words}); free some space and run the command "
    "again",
    "53300": "the server of {shown} has no connection left ({words}); end other programs, or raise its "
    "max_connections",
    "55P03": "{shown} is locked by another program; wait until it ends, or stop it, and run the command again",
    "57P01": "the server of {shown} was stopped; start it, and " + _AGAIN,
    "57P02": "the server of {shown} has crashed; look at its log, and " + _AGAIN,
    "57P03": "the server of {shown} starts or stops now ({words}); wait, and run the command again",
    "42P01": "{shown} is not a whole catalog ({words}); restore it from a backup, or run the version of thresher "
    "that upgraded it",
    "42703": "{shown} is not a whole catalog ({words}); restore it from a backup, or run the version of thresher "
    "that upgraded it",
}
"""The messages of known errors, by SQLSTATE."""


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().splitlines()[0] if error is not None and str(error).strip() else "no details"


def _unreachable(shown: str, words: str) -> str:
    """Return the sentence for a connection that the server refused or that was lost, from libpq's words."""
    reason = re.split(r"(?:failed|FATAL|error): +", words.strip())[-1].partition("\n")[0] or "no details"
    if "password" in words:
        return (
            f"the server of {shown} refused the password ({reason}); write it to ~/.pgpass or set PGPASSWORD, and "
            "run the command again"
        )
    if "does not exist" in words and "database" in words:
        return f"{shown} does not exist ({reason}); create it on the server with `createdb NAME`"
    return (
        f"can't connect to the server of {shown} ({reason}); check that it runs and the address in catalog.toml, "
        f"and {_AGAIN}"
    )
