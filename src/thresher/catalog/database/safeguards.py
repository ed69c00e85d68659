"""Copies of what SQLite keeps outside of tables and protects by nothing, so that `verify` can compare them.

The table `safeguard` has one row for each: the highest id that each table gave to a row, and a checksum of the text
of the schema. `writing` copies the ids before a commit, and an upgrade makes the checksum.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

from sqlalchemy import Connection, delete, select

from thresher.catalog.database import digests, schema
from thresher.catalog.database.portable_sql import upsert

_LAST_ID = "last id of "
_SCHEMA = "schema"
_REPAIR = "repair"


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


def stored_schema_checksum(connection: Connection) -> str | None:
    """Return the checksum of the schema that the last upgrade stored."""
    return connection.scalar(select(schema.safeguard.c.value).where(schema.safeguard.c.name == _SCHEMA))


def lost_counters(connection: Connection) -> dict[str, int]:
    """Return the tables whose highest id is not the copied one, with the right one."""
    kept = copied_last_ids(connection)
    given = last_ids(connection)
    return {name: last_id for name, last_id in kept.items() if given.get(name) != last_id} | {
        name: last_id
        for name, last_id in given.items()
        if name in schema.metadata.tables and name not in kept
    }


def restore_counters(connection: Connection) -> None:
    """Set the highest ids of all tables to their copies, or to those of their rows if these are higher."""
    for name, last_id in lost_counters(connection).items():
        used = connection.exec_driver_sql(f"SELECT coalesce(max(id), 0) FROM {name}").scalar_one()
        right = last_id if isinstance(last_id, int) else 0
        connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
        connection.exec_driver_sql(
            "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, max(right, used))
        )
    unknown = connection.exec_driver_sql("SELECT rowid, name FROM sqlite_sequence").all()
    for rowid, name in unknown:
        if name not in schema.metadata.tables:
            connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE rowid = ?", (rowid,))
    copy_all(connection)


def last_ids(connection: Connection) -> dict[str, int]:
    """Return the highest id that each table ever gave to a row; a table without one is left out."""
    return dict(tuple(row) for row in connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence"))


def raise_last_ids(connection: Connection, given: Mapping[str, int]) -> None:
    """Set the highest ids of tables to those `given`, where they are higher."""
    known = last_ids(connection)
    for name, last_id in given.items():
        table = schema.metadata.tables.get(name)
        if table is not None and last_id > known.get(name, 0):
            connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
            connection.exec_driver_sql(
                "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, last_id)
            )
            digests.note_change(connection, table)


def begin_repair(connection: Connection) -> None:
    """Note that a repair has begun, until `end_repair`."""
    begun = upsert(schema.safeguard).values(name=_REPAIR, value="begun")
    connection.execute(begun.on_conflict_do_nothing())


def end_repair(connection: Connection) -> None:
    """Note that a repair has ended."""
    connection.execute(delete(schema.safeguard).where(schema.safeguard.c.name == _REPAIR))


def is_repairing(connection: Connection) -> bool:
    """Return whether a repair has begun and not ended."""
    begun = select(schema.safeguard.c.name).where(schema.safeguard.c.name == _REPAIR)
    return connection.scalar(begun) is not None


def _set(connection: Connection, name: str, expression: str, value: str) -> None:
    connection.exec_driver_sql(
        f"INSERT INTO safeguard (name, value) SELECT ?, {expression} AS new WHERE new IS NOT NULL "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value, digest = NULL "
        "WHERE safeguard.value IS NOT excluded.value",
        (name, value),
    )
    digests.note_change(connection, schema.safeguard)
