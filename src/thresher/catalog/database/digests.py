"""Digests of rows, by which `verify` notices that a value was changed by damage and not by thresher.

SQLite checks the structure of its file and that indexes agree with tables, but no value that is in no index. So
most rows have a digest of their values. Where some values of a row can be computed again from its file and
others can't, each kind has a digest of its own. `PROTECTED` lists the digests. What it leaves out is protected
otherwise: bytes by a CRC-32, measures by one for each row, and values in an index by the comparison with the
index. Claims of scorers need no protection: they are work in progress, and are checked when it is stored.

A digest is the first 16 bytes of the BLAKE2b hash (with that digest size) of these bytes: the name of the table
and the column of the digest, as `clip.digest`, a line feed, and for each column with a value, in alphabetical
order, `NAME=TYPELENGTH:VALUE` and a line feed. The type is `i` (an integer or a truth value, as decimal text),
`f` (a float, 8 bytes, big-endian), `t` (text, UTF-8) or `b` (bytes), and the length counts the bytes of the
value. Columns without a value are left out, so that a new column that is NULL changes no digest.

Writers do not handle digests. A new row has none. `mark_changed`, which the database calls before each
statement, makes every UPDATE of a row remove its digest; and `seal`, which `writing` calls before a commit,
computes the missing ones. A digest that does not match the row before the UPDATE stays as it is, so that a
change of a damaged row does not hide the damage. A statement that inserts or updates (ON CONFLICT DO UPDATE)
needs `removed_digests`. PostgreSQL calls no functions in Python: there, an UPDATE removes the digest of a damaged
row, too, and `seal` reads the rows without digests and computes them here.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Insert, LargeBinary, Table, Update, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from thresher.catalog.database import schema

SIZE = 16


class RemovedDigest(FunctionElement[bytes]):
    """The new digest of a row that an UPDATE changes: none, or the old one if the row was damaged before.

    Its argument is the expression for SQLite. PostgreSQL has no functions in Python, and so always none.
    """

    type = LargeBinary()
    inherit_cache = True


@compiles(RemovedDigest)
def _removed_digest(element: RemovedDigest, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses.clauses[0], **options))


@compiles(RemovedDigest, "postgresql")
def _no_digest(_element: RemovedDigest, _compiler: Any, **_options: Any) -> str:
    return "NULL"


@dataclass(frozen=True)
class Protected:
    """A digest: its table, its column, the columns it covers, and the expressions in SQL for some of them."""

    table: Table
    column: str
    covered: tuple[str, ...]
    expressions: Mapping[str, str]

    @property
    def name(self) -> str:
        """The name of the digest: its table and its column."""
        return f"{self.table.name}.{self.column}"

    @cached_property
    def prefixes(self) -> tuple[bytes, ...]:
        """What precedes the type of each value in the bytes that are hashed."""
        return tuple(f"{name}=".encode() for name in self.covered)

    def values(self, known: Collection[str] | None = None) -> str:
        """Return the covered values in SQL, separated by commas; NULL for columns that are not `known`."""
        table = self.table.name
        return ", ".join(
            self.expressions.get(name, f"{table}.{name}") if known is None or name in known else "NULL"
            for name in self.covered
        )

    def computed(self) -> str:
        """Return the SQL expression for the digest of a row."""
        return f"thresher_digest('{self.name}', {self.values()})"

    @cached_property
    def removed(self) -> RemovedDigest:
        """The new digest of a row that an UPDATE changes: none, or the old one if the row was damaged before."""
        old = f"{self.table.name}.{self.column}"
        return RemovedDigest(
            literal_column(f"thresher_removed_digest('{self.name}', {old}, {self.values()})")
        )


def _digest_of(
    table: Table,
    column: str = "digest",
    *,
    only: Sequence[str] = (),
    without: Sequence[str] = (),
    expressions: Mapping[str, str] | None = None,
) -> Protected:
    names = only or [
        each.name for each in table.c if each.name not in (*without, "digest", "analysis_digest")
    ]
    return Protected(table, column, tuple(sorted(names)), expressions or {})


CLIP_ANALYSIS = (
    "trim",
    "fingerprint_backend",
    "fingerprint_version",
    "loudness",
    "peak",
    "descriptor_version",
    "profile_version",
    "status",
    "reason",
)
RECORDING_ANALYSIS = (
    "status",
    "reason",
    "container",
    "subtype",
    "sample_rate",
    "channels",
    "frames",
    "mono_channel",
    "decoder",
    "decoder_version",
    "audio_key",
    "lost_share",
)
_BLOBS = ("fingerprint", "descriptor", "profile")
_WITH_CRC = (*_BLOBS, *(f"{name}_crc32" for name in _BLOBS))
_CUT_SPAN = {
    name: f"CASE WHEN clip.kind <> 'whole' THEN clip.{name} END" for name in ("start_frame", "end_frame")
}

PROTECTED: tuple[Protected, ...] = (
    _digest_of(schema.batch),
    _digest_of(schema.checkpoint),
    _digest_of(schema.recording, without=RECORDING_ANALYSIS),
    _digest_of(schema.recording, "analysis_digest", only=("id", *RECORDING_ANALYSIS)),
    _digest_of(schema.location),
    _digest_of(schema.ingested_folder),
    _digest_of(schema.attribute),
    # the span of a whole is part of the analysis, that of a part or a mark was decided
    _digest_of(schema.clip, without=(*_WITH_CRC, *CLIP_ANALYSIS), expressions=_CUT_SPAN),
    _digest_of(schema.clip, "analysis_digest", only=("id", "start_frame", "end_frame", *CLIP_ANALYSIS)),
    _digest_of(schema.clip_tag),
    _digest_of(schema.suspicion),
    _digest_of(schema.listening),
    _digest_of(schema.listening_clip),
    _digest_of(schema.clustering),
    _digest_of(schema.cluster),
    _digest_of(schema.cluster_clip),
    _digest_of(schema.metric),
    _digest_of(schema.song),
    _digest_of(schema.saved_query),
    _digest_of(schema.rendering),
    _digest_of(schema.rendering_clip),
    _digest_of(schema.output),
    _digest_of(schema.decision, without=("undone_by_id",)),  # it follows from `undoes_id`
    _digest_of(schema.writer),
    _digest_of(schema.safeguard),
)
"""Every digest of the catalog."""

_BY_NAME = {each.name: each for each in PROTECTED}
_BY_TABLE: dict[str, list[Protected]] = {}
for _each in PROTECTED:
    _BY_TABLE.setdefault(_each.table.name, []).append(_each)


# -- the digest of a row -----------------------------------------------------------------------------------


class StoredText(bytes):
    """The bytes of a stored text, which may be no valid UTF-8; a `text_factory` of sqlite3."""


def digest_of(protected: Protected, values: Iterable[Any]) -> bytes:
    """Return the digest of a row from its covered values, as the module describes it."""
    parts = [protected.name.encode()]
    for prefix, value in zip(protected.prefixes, values, strict=True):
        if value is not None:
            parts += (b"\n", prefix, *_serialised(value))
    parts.append(b"\n")
    return blake2b(b"".join(parts), digest_size=SIZE).digest()


def _serialised(value: Any) -> tuple[bytes, bytes]:
    if isinstance(value, str):
        letter, content = b"t", value.encode()
    elif isinstance(value, int):
        letter, content = b"i", b"%d" % value
    elif isinstance(value, float):
        letter, content = b"f", struct.pack(">d", value)
    else:
        letter, content = (b"t" if isinstance(value, StoredText) else b"b"), bytes(value)
    return b"%b%d:" % (letter, len(content)), content


def sql_digest(name: str, *values: Any) -> bytes:
    """The function `thresher_digest` in SQL: the digest of a row from its covered values."""
    return digest_of(_BY_NAME[name], values)


def sql_removed_digest(name: str, old: bytes | None, *values: Any) -> bytes | None:
    """The function `thresher_removed_digest` in SQL: NULL, or the `old` digest if it does not match the values."""
    return None if old is None or digest_of(_BY_NAME[name], values) == old else old


# -- writing -----------------------------------------------------------------------------------------------


def removed_digests(table: Table) -> dict[str, Any]:
    """Return the digests of a table with their new values, for the `set_` of an ON CONFLICT DO UPDATE."""
    return {each.column: each.removed for each in _BY_TABLE[table.name]}


def mark_changed(connection: Connection, statement: Any) -> Any:
    """Note the table that a statement writes to, and return the statement; an UPDATE also removes the digests."""
    if not isinstance(statement, (Insert, Update)):
        return statement
    table = statement.table
    if not isinstance(table, Table) or table.metadata is not schema.metadata:
        return statement
    _changed(connection).add(table.name)
    _check_conflict_clause(statement, table)
    return _without_digests(statement, table) if isinstance(statement, Update) else statement


def _check_conflict_clause(statement: Insert | Update, table: Table) -> None:
    """Raise AssertionError if a statement inserts or updates, and keeps the digest of the row that it updates."""
    clause = getattr(statement, "_post_values_clause", None)
    assigned = getattr(clause, "update_values_to_set", None)
    if assigned is not None:
        names = {getattr(key, "name", key) for key in dict(assigned)}
        forgotten = {each.column for each in _BY_TABLE.get(table.name, ())} - names
        assert not forgotten, f"an ON CONFLICT DO UPDATE of {table.name} lacks removed_digests({table.name})"


_REWRITTEN: WeakKeyDictionary[Update, Update] = WeakKeyDictionary()
"""The last statements that were rewritten: some are built once, and run for each of many thousand rows."""


def _without_digests(statement: Update, table: Table) -> Update:
    """Return an UPDATE that also removes the digests that it does not set."""
    known = _REWRITTEN.get(statement)
    if known is None:
        given = {getattr(column, "name", column) for column in (statement._values or ())}
        missing = {
            each.column: each.removed for each in _BY_TABLE.get(table.name, ()) if each.column not in given
        }
        known = statement.values(missing) if missing else statement
        _REWRITTEN[statement] = known
    return known


def _changed(connection: Connection) -> set[str]:
    changed: set[str] = connection.info.setdefault("changed_tables", set())
    return changed


def begin(connection: Connection) -> None:
    """Forget what a transaction of this connection that was rolled back wrote to."""
    _changed(connection).clear()


def changed_tables(connection: Connection) -> frozenset[str]:
    """Return the names of the tables that this transaction wrote to since the last `seal`."""
    return frozenset(_changed(connection))


def seal(connection: Connection) -> None:
    """Compute the missing digests of the tables that this transaction wrote to."""
    changed = _changed(connection)
    seal_table = _seal_in_sql if connection.dialect.name == "sqlite" else _seal_in_python
    for protected in PROTECTED:
        if protected.table.name in changed:
            seal_table(connection, protected)
    changed.clear()


def _seal_in_sql(connection: Connection, protected: Protected) -> None:
    connection.exec_driver_sql(
        f"UPDATE {protected.table.name} SET {protected.column} = {protected.computed()} "
        f"WHERE {protected.column} IS NULL"
    )


def _seal_in_python(connection: Connection, protected: Protected) -> None:
    """Compute the missing digests of a table where SQL can't call functions in Python."""
    table = protected.table
    keys = [f"{table.name}.{column.name}" for column in table.primary_key]
    rows = connection.exec_driver_sql(
        f"SELECT {', '.join(keys)}, {protected.values()} FROM {table.name} WHERE {protected.column} IS NULL"
    )
    sealed = [(*row[: len(keys)], digest_of(protected, row[len(keys) :])) for row in rows]
    if not sealed:
        return
    types = [column.type.compile(connection.dialect) for column in table.primary_key]
    arrays = ", ".join(f"%s::{each}[]" for each in (*types, "BYTEA"))
    names = [f"key_{number}" for number in range(len(keys))]
    same = " AND ".join(f"{key} = new.{name}" for key, name in zip(keys, names, strict=True))
    connection.exec_driver_sql(
        f"UPDATE {table.name} SET {protected.column} = new.digest "
        f"FROM unnest({arrays}) AS new ({', '.join(names)}, digest) WHERE {same}",
        tuple(list(each) for each in zip(*sealed, strict=True)),
    )


def note_change(connection: Connection, table: Table) -> None:
    """Note that a statement that `mark_changed` does not see wrote to a table."""
    _changed(connection).add(table.name)


# -- checking ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DamagedRow:
    """A row whose digest does not match: the digest's name, the row's key and the stored digest."""

    name: str
    key: tuple[Any, ...]
    digest: bytes | None


def damaged_rows(connection: Connection, protected: Protected) -> list[DamagedRow]:
    """Return the rows of a table whose digest does not match, or that have none.

    Columns that the table lacks count as NULL, so that a catalog can be checked before an upgrade.
    """
    columns = known_columns(connection, protected.table.name)
    if protected.column not in columns:
        return []
    keys = [column.name for column in protected.table.primary_key]
    statement = (
        f"SELECT {', '.join(keys)}, {protected.column}, {protected.values(columns)} "
        f"FROM {protected.table.name} ORDER BY {', '.join(keys)}"
    )
    found = []
    for row in stored_rows(connection, statement):
        digest, values = row[len(keys)], row[len(keys) + 1 :]
        if digest is None or digest_of(protected, values) != digest:
            key = tuple(
                bytes(each).decode(errors="replace") if isinstance(each, bytes) else each
                for each in row[: len(keys)]
            )
            found.append(DamagedRow(protected.name, key, digest))
    return found


_ROWS_AT_ONCE = 100
_CURSORS = count()
"""The numbers of cursors on a server, whose names differ."""


def stored_rows(connection: Connection, statement: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a statement as the driver returns them, a few at once: all scores would need gigabytes.

    SQLite returns text as StoredText, which may be no valid UTF-8.
    """
    raw: Any = connection.connection.dbapi_connection
    if connection.dialect.name != "sqlite":
        with raw.cursor(name=f"stored_rows_{next(_CURSORS)}") as cursor:
            cursor.itersize = _ROWS_AT_ONCE
            cursor.execute(statement)
            yield from cursor
        return
    cursor = raw.execute(statement)
    former, raw.text_factory = raw.text_factory, StoredText
    try:
        yield from cursor
    finally:
        raw.text_factory = former
        cursor.close()


def known_columns(connection: Connection, table: str) -> frozenset[str]:
    """Return the names of the columns that a table has in the database."""
    if connection.dialect.name != "sqlite":
        statement = (
            "SELECT column_name FROM information_schema.columns "
            "WHERE table_schema = current_schema() AND table_name = %s"
        )
        return frozenset(row[0] for row in connection.exec_driver_sql(statement, (table,)))
    return frozenset(row[1] for row in connection.exec_driver_sql(f"PRAGMA table_info({table})"))


def compute_all(connection: Connection, damaged: Iterable[DamagedRow] = ()) -> None:
    """Compute the digests of all rows, as after an upgrade; rows that were `damaged` before stay damaged.

    On PostgreSQL, where functions in Python can't compute them, all tables must have today's columns.
    """
    known = {each.table.name: known_columns(connection, each.table.name) for each in PROTECTED}
    if connection.dialect.name != "sqlite":
        for protected in PROTECTED:
            connection.exec_driver_sql(f"UPDATE {protected.table.name} SET {protected.column} = NULL")
            note_change(connection, protected.table)
        seal(connection)
    else:
        for protected in PROTECTED:
            columns = known[protected.table.name]
            if protected.column in columns:
                values = protected.values(columns)
                connection.exec_driver_sql(
                    f"UPDATE {protected.table.name} SET {protected.column} = "
                    f"thresher_digest('{protected.name}', {values})"
                )
    for row in damaged:
        protected = _BY_NAME[row.name]
        if protected.column in known[protected.table.name]:
            _set_digest(connection, row, row.digest or b"")


def accept(connection: Connection, rows: Iterable[DamagedRow]) -> None:
    """Remove the digests of rows, so that the end of the transaction computes those of their values of now."""
    for row in rows:
        _set_digest(connection, row, None)
        note_change(connection, _BY_NAME[row.name].table)


def _set_digest(connection: Connection, row: DamagedRow, digest: bytes | None) -> None:
    table, column = _BY_NAME[row.name].table, _BY_NAME[row.name].column
    value, same = ("?", "{} IS ?") if connection.dialect.name == "sqlite" else ("%s", "{} = %s")
    where = " AND ".join(same.format(key.name) for key in table.primary_key)
    connection.exec_driver_sql(
        f"UPDATE {table.name} SET {column} = {value} WHERE {where}", (digest, *row.key)
    )
