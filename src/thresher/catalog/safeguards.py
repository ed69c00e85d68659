"""Copies of what SQLite keeps outside of tables and protects by nothing, so that `verify` can compare them.

The table `safeguard` has one row for each: the highest id that each table gave to a row, and a checksum of the text
of the schema. `writing` copies the ids before a commit, and an upgrade makes the checksum.
"""

from __future__ import annotations

from hashlib import blake2b

from sqlalchemy import Connection, select

from thresher.catalog import digests, schema

_LAST_ID = "last id of "
_SCHEMA = "schema"


def copy_last_ids(connection: Connection) -> None:
    """Copy the highest ids of the tables that this transaction wrote to."""
    tables = sorted(digests.changed_tables(connection))
    numbered = [name for name in tables if "id" in schema.metadata.tables[name].c]
    for name in numbered:
        _set(
            connection,
            f"{_LAST_ID}{name}",
            "(SELECT CAST(seq AS TEXT) FROM sqlite_sequence WHERE name = ?)",
            name,
        )


def copy_all(connection: Connection) -> None:
    """Copy the highest ids of all tables, and make the checksum of the schema, as after an upgrade."""
    for table in schema.metadata.tables.values():
        if "id" in table.c:
            digests.note_change(connection, table)
    copy_last_ids(connection)
    _set(connection, _SCHEMA, "?", schema_checksum(connection))


def copied_last_ids(connection: Connection) -> dict[str, int]:
    """Return the copies of the highest ids, by table."""
    rows = connection.execute(select(schema.safeguard.c.name, schema.safeguard.c.value))
    return {row.name.removeprefix(_LAST_ID): int(row.value) for row in rows if row.name.startswith(_LAST_ID)}


def schema_checksum(connection: Connection) -> str:
    """Return the checksum of the text of all tables and indexes of the catalog."""
    own = {*schema.metadata.tables, "alembic_version"}
    rows = connection.exec_driver_sql(
        "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
    )
    texts = [repr(tuple(row)) for row in rows if row.tbl_name in own]
    return blake2b("\n".join(texts).encode(), digest_size=16).hexdigest()


def _set(connection: Connection, name: str, expression: str, value: str) -> None:
    connection.exec_driver_sql(
        f"INSERT INTO safeguard (name, value) SELECT ?, {expression} AS new WHERE new IS NOT NULL "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value, digest = NULL "
        "WHERE safeguard.value IS NOT excluded.value",
        (name, value),
    )
    digests.note_change(connection, schema.safeguard)
