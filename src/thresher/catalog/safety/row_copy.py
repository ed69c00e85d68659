"""Copy all rows of a catalog into an empty one, and compare two catalogs row by row, whichever engines they are in.

Ids, digests and blobs are copied as they are, so that songs give the same bytes afterwards. What an engine keeps
for itself is left out: the safeguards of SQLite, and the claims of scorers that are at work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

from sqlalchemy import Column, Connection, Row, Table, bindparam, column, func, insert, select, table, update

from thresher.catalog.database import schema
from thresher.progress import Progress

_LEFT_OUT = ("safeguard", "claim")
_BATCH_ROWS = 500
_BATCH_BYTES = 4 << 20
_ROWS_AT_ONCE = 100
"""Rows that are fetched at once; a row of scores can have megabytes."""


def copied_tables() -> list[Table]:
    """Return the tables whose rows are copied, each after those that it refers to."""
    return [each for each in schema.metadata.sorted_tables if each.name not in _LEFT_OUT]


def row_counts(connection: Connection) -> dict[str, int]:
    """Return the number of rows in each table that is copied."""
    return {
        each.name: int(connection.scalar(select(func.count()).select_from(each)) or 0)
        for each in copied_tables()
    }


def copy_rows(source: Connection, target: Connection, progress: Progress) -> dict[str, int]:
    """Copy all rows into a catalog without rows, and return the number of them in each table."""
    total = sum(row_counts(source).values())
    copied: dict[str, int] = {}
    for each in copied_tables():
        copied[each.name] = 0
        for batch in _batches(_rows(source, each)):
            target.execute(insert(each), [_without_later(each, row) for row in batch])
            copied[each.name] += len(batch)
            progress("copying", sum(copied.values()), total)
        _refer_to_later(source, target, each)
    return copied


def first_difference(one: Connection, other: Connection, progress: Progress) -> str | None:
    """Return what the first row is that differs between two catalogs, such as "clip 12"; None if all are equal."""
    total = sum(row_counts(one).values())
    done = 0
    for each in copied_tables():
        for row, same in zip_longest(_rows(one, each), _rows(other, each)):
            if row is None or same is None or tuple(row) != tuple(same):
                key = [getattr(row or same, column.name) for column in each.primary_key]
                return f"{each.name} {' '.join(map(str, key))}"
            done += 1
            if done % _BATCH_ROWS == 0:
                progress("comparing", done, total)
    return None


def _rows(connection: Connection, of_table: Table) -> Iterator[Row[Any]]:
    """Yield the rows of a table in the order of their keys."""
    statement = select(of_table).order_by(*of_table.primary_key)
    options = {"stream_results": True, "max_row_buffer": _ROWS_AT_ONCE}
    with connection.execute(statement, execution_options=options) as found:
        yield from found


def _batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield rows in lists that take little memory."""
    batch: list[Any] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(len(value) for value in row if isinstance(value, (bytes, str)))
        if len(batch) >= _BATCH_ROWS or size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _later_references(of_table: Table) -> Sequence[Column[Any]]:
    """Return the columns that can refer to rows of the same table which are copied later."""
    return [
        each.parent
        for each in of_table.foreign_keys
        if each.column.table is of_table and each.parent.nullable
    ]


def _without_later(of_table: Table, row: Row[Any]) -> dict[str, Any]:
    later = {each.name for each in _later_references(of_table)}
    return {name: None if name in later else value for name, value in row._mapping.items()}


def _refer_to_later(source: Connection, target: Connection, of_table: Table) -> None:
    """Set the references of a table to its own rows, when all of them are there."""
    for each in _later_references(of_table):
        # a plain table: for `schema`'s, an UPDATE would remove the digests, which were copied
        plain = table(of_table.name, column("id"), column(each.name))
        statement = (
            update(plain).where(plain.c.id == bindparam("row")).values({each.name: bindparam("refers_to")})
        )
        rows = source.execute(
            select(of_table.c.id.label("row"), each.label("refers_to")).where(each.is_not(None))
        )
        for batch in _batches(rows):
            target.execute(statement, [dict(row._mapping) for row in batch])
