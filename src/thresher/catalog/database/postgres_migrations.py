"""How the revisions of the schema run in PostgreSQL; migrations/env.py uses it.

The tables of a new database are empty while its revisions run, so statements that convert rows are left out: those
of the first revisions are written for SQLite. And a table that a revision builds again under its name with `_new`
at the end takes the place of the empty one at once: PostgreSQL, unlike SQLite, would drop the references to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic.ddl.postgresql import PostgresqlImpl
from sqlalchemy import Connection, Table, event, inspect

_CONVERTS_ROWS = re.compile(r"\s*(?:INSERT|UPDATE|DELETE)\b(?!.*\balembic_version\b)", re.DOTALL)
_NEW = "_new"


class CatalogImpl(PostgresqlImpl):
    """Alembic's commands in PostgreSQL; see the module."""

    __dialect__ = "postgresql"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._rebuilt: set[str] = set()

    def create_table(self, table: Table, **options: Any) -> None:
        former = table.name.removesuffix(_NEW)
        if former == table.name or not inspect(self._own_connection()).has_table(former):
            super().create_table(table, **options)
            return
        connection = self._own_connection()
        references = [
            (child, key)
            for child in inspect(connection).get_table_names()
            for key in inspect(connection).get_foreign_keys(child)
            if key["referred_table"] == former and child != former
        ]
        connection.exec_driver_sql(f"DROP TABLE {former} CASCADE")
        table.name = former
        super().create_table(table, **options)
        for child, key in references:
            action = key["options"].get("ondelete")
            connection.exec_driver_sql(
                f"ALTER TABLE {child} ADD CONSTRAINT {key['name']} "
                f"FOREIGN KEY ({', '.join(key['constrained_columns'])}) "
                f"REFERENCES {former} ({', '.join(key['referred_columns'])})"
                + (f" ON DELETE {action}" if action else "")
            )
        self._rebuilt.add(former)

    def drop_table(self, table: Table, **options: Any) -> None:
        if table.name not in self._rebuilt:
            super().drop_table(table, **options)

    def rename_table(self, old_table_name: Any, new_table_name: Any, schema: Any = None) -> None:
        if new_table_name in self._rebuilt:
            self._rebuilt.discard(new_table_name)
        else:
            super().rename_table(old_table_name, new_table_name, schema)

    def _own_connection(self) -> Connection:
        assert self.connection is not None
        return self.connection


@contextmanager
def without_rows(connection: Connection) -> Iterator[None]:
    """Leave out what converts rows during the block if the database of `connection` is new."""
    if inspect(connection).has_table("alembic_version"):
        yield
        return

    def left_out(_connection: object, _cursor: object, statement: str, *others: Any) -> tuple[str, Any]:
        parameters = others[0]
        return ("SELECT", ()) if _CONVERTS_ROWS.match(statement) else (statement, parameters)

    raw: Any = connection.connection.dbapi_connection
    raw.create_function = lambda *_given, **_named: (
        None
    )  # revision 0015 makes a function of SQLite for its rows
    event.listen(connection, "before_cursor_execute", left_out, retval=True)
    try:
        yield
    finally:
        event.remove(connection, "before_cursor_execute", left_out)
        del raw.create_function
