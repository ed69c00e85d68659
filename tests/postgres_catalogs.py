"""Catalogs of tests on a PostgreSQL server: the suite runs there if the variable THRESHER_TEST_POSTGRES has a URL.

A catalog whose database would be the file catalog.db of a folder is in a database of its own, whose name is a
digest of the folder. Other addresses stay what they are. The databases of a test's folder are dropped when it ends.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Connection, Insert, Table, make_url

from tests.postgres import VARIABLE
from thresher.catalog.database import database, schema
from thresher.catalog.settings.sections import CatalogSection

DEFAULT = CatalogSection().database


class PostgresCatalogs:
    """The databases that stand for the files of catalogs; `server` is the URL of a database of a superuser."""

    def __init__(self, server: str) -> None:
        import psycopg

        self._url = make_url(server)
        self._server: Any = psycopg.connect(
            host=self._url.host,
            port=self._url.port,
            user=self._url.username,
            dbname="postgres",
            autocommit=True,
        )
        self._folders: dict[str, str] = {}
        self._target_of = database.target_of

    def execute(self, statement: str) -> None:
        """Run a statement in the server's own database, as a superuser."""
        self._server.execute(statement)

    def target_of(self, address: str, folder: Path) -> database.Target:
        """Stand in for `database.target_of`; a database that does not exist is created, empty."""
        if address != DEFAULT:
            return self._target_of(address, folder)
        name = self._name(folder)
        if name not in self._folders:
            self._folders[name] = os.path.realpath(folder)
            self._server.execute(f"CREATE DATABASE {name} TEMPLATE template1")
        return self._url.set(database=name)

    def copy(self, template: Path, target: Path) -> None:
        """Copy the databases of a folder and of those in it to another folder and those in it."""
        for source, of in self._below(template):
            folder = Path(os.path.realpath(target), os.path.relpath(of, os.path.realpath(template)))
            name = self._name(folder)
            self._drop(name)
            self._server.execute(f"CREATE DATABASE {name} TEMPLATE {source}")
            self._folders[name] = os.path.realpath(folder)

    def is_being_written(self, folder: Path) -> bool:
        """Return whether a transaction holds the lock of writers now."""
        found = self._server.execute(
            "SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = database "
            "WHERE datname = %s AND mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock') AND granted",
            (self._name(folder),),
        )
        return found.fetchone() is not None

    def drop_below(self, folder: Path) -> None:
        """Drop the databases of a folder and of those in it."""
        for name, _ in self._below(folder):
            self._drop(name)

    @contextmanager
    def reader(self, url: URL) -> Iterator[URL]:
        """A role that may only read the database at `url`: yield its URL."""
        import psycopg

        role = f"reader_{url.database}"
        self._server.execute(f"CREATE ROLE {role} LOGIN")
        with psycopg.connect(
            host=url.host, port=url.port, user=url.username, dbname=url.database, autocommit=True
        ) as owner:
            owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
            yield url.set(username=role)
            owner.execute(f"DROP OWNED BY {role}")
        self._server.execute(f"DROP ROLE {role}")

    def _below(self, folder: Path) -> list[tuple[str, str]]:
        """Return the databases of a folder and of those in it, with their folders."""
        top = os.path.realpath(folder)
        return [
            (name, of)
            for name, of in self._folders.items()
            if of == top or of.startswith(os.path.join(top, ""))
        ]

    def _drop(self, name: str) -> None:
        self._server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._folders.pop(name, None)

    @staticmethod
    @cache  # some tests replace what finds the real path of a file
    def _name(folder: Path) -> str:
        return f"t_{hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:24]}"


def follow_ids(
    connection: Connection, statement: Any, _many: Any, _one: Any, _options: Any, _result: Any
) -> None:
    """Let the sequence of a table follow ids that a test gives, as SQLite does by itself."""
    if connection.dialect.name != "postgresql" or not isinstance(statement, Insert):
        return
    table = statement.table
    if isinstance(table, Table) and table.metadata is schema.metadata and "id" in table.c:
        connection.exec_driver_sql(
            f"SELECT setval('{table.name}_id_seq', greatest((SELECT max(id) FROM {table.name}), "
            f"(SELECT last_value FROM {table.name}_id_seq)))"
        )


needs_postgres = pytest.mark.skipif(VARIABLE not in os.environ, reason="needs a server: make test-postgres")
"""The mark of tests of what only PostgreSQL has."""
