"""How tables and indexes of the catalog are made in PostgreSQL, from the same declarations as in SQLite.

- Integers have 64 bits, as in SQLite, and ids come from a sequence, which never repeats.
- Text is compared byte by byte (COLLATE "C"), as in SQLite.
- The conditions of partial indexes are those for SQLite.
- An entry of a B-tree has at most 2.7 kB, and a path may have more. So a unique path is unique by its digest, and
  an index for looking paths up keeps only their hashes (USING hash).
- Bytes are stored as they are (STORAGE EXTERNAL): scores and features compress badly, and compressing the rows of a
  matrix took longer than writing them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import Column, Connection, Dialect, Integer, LargeBinary, UniqueConstraint
from sqlalchemy.dialects.postgresql.base import PGDDLCompiler, PGTypeCompiler

from thresher.catalog.database import schema

_DIGESTED = {
    "uq_location_present": (r"\bpath\b", "sha256(path)"),
    "uq_checkpoint": (r"coalesce\(run, ''\)", "md5(coalesce(run, ''))"),
}
"""What the columns of unique indexes become: an expression, and its replacement."""

_HASHED = frozenset({"ix_location_path_text"})
"""Indexes of one column that keep hashes."""

_ALSO = {
    "uq_location_present": "CREATE INDEX IF NOT EXISTS ix_location_path ON location USING hash (path)",
}
"""Statements that follow an index: a comparison of whole paths can't use the index over their digests."""

UNIQUE_PATH = "uq_ingested_folder_root_path"
"""A unique constraint over a path; such a constraint has no expressions, so it becomes an index."""


def _words(render: Callable[..., Any], *given: Any, **options: Any) -> str:
    """Return what a method of SQLAlchemy renders; these methods have no types."""
    return str(render(*given, **options))


class CatalogTypes(PGTypeCompiler):
    """Renders types; see the module."""

    def visit_INTEGER(self, type_: Any, **_options: Any) -> str:  # noqa: N802, ARG002  SQLAlchemy's names
        return "BIGINT"


class CatalogDDL(PGDDLCompiler):
    """Renders CREATE TABLE, CREATE INDEX and ADD COLUMN; see the module."""

    def get_column_specification(self, column: Column[Any], **options: Any) -> str:
        words = _words(super().get_column_specification, column, **options)
        words = re.sub(r" TEXT\b", ' TEXT COLLATE "C"', words, count=1)
        return re.sub(r" SERIAL\b", " BIGSERIAL", words, count=1)

    def visit_create_index(self, create: Any, *given: Any, **options: Any) -> str:
        index = create.element
        own = index.dialect_options["postgresql"]
        if own["where"] is None:
            own["where"] = index.dialect_options["sqlite"]["where"]
        name = str(index.name)
        if name in _HASHED:
            own["using"] = "hash"
        words = _words(super().visit_create_index, create, *given, **options)
        if name in _DIGESTED:
            words = re.sub(*_DIGESTED[name], words, count=1)
        return "; ".join(filter(None, [words, _ALSO.get(name)]))

    def visit_unique_constraint(self, constraint: UniqueConstraint, **options: Any) -> Any:
        if constraint.name == UNIQUE_PATH:
            return None
        return _words(super().visit_unique_constraint, constraint, **options)

    def post_create_table(self, table: Any) -> str:
        words = _words(super().post_create_table, table)
        if any(each.name == UNIQUE_PATH for each in table.constraints):
            words += f"; CREATE UNIQUE INDEX {UNIQUE_PATH} ON {table.name} (root, sha256(path))"
        return words


def use(dialect: Dialect) -> None:
    """Let a dialect make tables and indexes by the rules of this module."""
    dialect.ddl_compiler = CatalogDDL
    dialect.type_compiler_instance = CatalogTypes(dialect)
    # Without a cast, the driver says how many bits each integer needs, and functions of 32 bits take small ones.
    dialect.colspecs = {kind: own for kind, own in dialect.colspecs.items() if kind is not Integer}


def store_bytes_as_they_are(connection: Connection) -> None:
    """Let no column of a catalog compress its bytes; CREATE TABLE can say so only since PostgreSQL 16."""
    for table in schema.metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, LargeBinary):
                connection.exec_driver_sql(
                    f"ALTER TABLE {table.name} ALTER COLUMN {column.name} SET STORAGE EXTERNAL"
                )
