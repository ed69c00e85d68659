"""Expressions and statements that SQLite and PostgreSQL write in different words, with the same results.

SQLAlchemy compiles each for the database that runs the statement. The functions `thresher_…` are those of
`sql_functions`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ARRAY, Boolean, ColumnElement, Dialect, Integer, Text, bindparam
from sqlalchemy.dialects.sqlite.dml import Insert, OnConflictDoNothing, OnConflictDoUpdate
from sqlalchemy.dialects.sqlite.dml import insert as sqlite_insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import Table
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine


class InNfc(FunctionElement[str]):
    """A text in the form NFC; NULL for NULL."""

    type = Text()
    inherit_cache = True


class IsAscii(FunctionElement[bool]):
    """Whether a text is ASCII; NULL for NULL."""

    type = Boolean()
    inherit_cache = True


class IntegerKey(FunctionElement[str]):
    """The result of `exact_numbers.integer_key` for a text: NULL for anything but an integer."""

    type = Text()
    inherit_cache = True


class TextPosition(FunctionElement[int]):
    """Where a second text begins in a first one, counted from 1; 0 if it does not occur."""

    type = Integer()
    inherit_cache = True


class StartsWith(FunctionElement[bool]):
    """Whether a text starts with a second one, in the same case; NULL for NULL."""

    type = Boolean()
    inherit_cache = True


class _IsOneOf(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True


class _TextList(TypeDecorator[Sequence[str]]):
    """A list of texts as one bound value: an array in PostgreSQL, JSON in SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the bound value."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else ARRAY(Text()))

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> Any:
        """Return the bound value."""
        return json.dumps(value, ensure_ascii=False) if dialect.name == "sqlite" else value


def is_one_of(column: ColumnElement[Any], texts: Sequence[str]) -> ColumnElement[bool]:
    """Return whether a text is one of many, which are one bound value; not true for NULL."""
    return _IsOneOf(column, bindparam(None, list(texts), _TextList()))


def upsert(table: Table) -> Insert:
    """Return an INSERT with the methods `on_conflict_do_update` and `on_conflict_do_nothing`."""
    return sqlite_insert(table)


def _compile(kind: type[FunctionElement[Any]], *, sqlite: str, postgresql: str) -> None:
    """Set the words of an expression in both databases; {0} and {1} are its arguments."""

    def compiled(words: str) -> Callable[..., str]:
        def write(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> str:
            return words.format(*(compiler.process(each, **options) for each in element.clauses))

        return write

    compiles(kind, "sqlite")(compiled(sqlite))
    compiles(kind, "postgresql")(compiled(postgresql))


_compile(InNfc, sqlite="thresher_nfc({0})", postgresql="normalize({0})")
_compile(
    IsAscii,
    sqlite="(length({0}) = length(CAST({0} AS BLOB)))",
    postgresql="(length({0}) = octet_length({0}))",
)
_compile(TextPosition, sqlite="instr({0}, {1})", postgresql="strpos({0}, {1})")
_compile(
    StartsWith,
    sqlite="(substr({0}, 1, length({1})) = {1})",
    postgresql="starts_with({0}, {1})",
)
_compile(
    _IsOneOf,
    # The sign keeps SQLite from an index of the column, which it would read for each clip.
    sqlite="(+{0} IN (SELECT value FROM json_each({1})))",
    postgresql="({0} = ANY ({1}))",
)
_compile(
    IntegerKey,
    sqlite="thresher_integer({0})",
    postgresql="""(
        SELECT CASE
            WHEN length(part[2]) > 300 THEN NULL
            WHEN part[1] = '-' AND part[2] <> '0'
            THEN '0' || translate(lpad(length(part[2])::text, 3, '0') || part[2], '0123456789', '9876543210')
            ELSE '1' || lpad(length(part[2])::text, 3, '0') || part[2]
        END COLLATE "C"
        FROM regexp_match({0}, '^[ \\t\\n\\r\\f\\v]*([+-]?)0*([0-9]+)[ \\t\\n\\r\\f\\v]*$') AS found(part)
    )""",
)


def _without_constraint(kind: str) -> Callable[..., str]:
    def write(clause: OnConflictDoNothing, compiler: Any, **options: Any) -> str:
        # PostgreSQL's compiler also asks for the name of a constraint, which SQLite's clauses don't have.
        vars(clause).setdefault("constraint_target", None)
        written: str = getattr(compiler, f"visit_on_conflict_{kind}")(clause, **options)
        return written

    return write


compiles(OnConflictDoNothing, "postgresql")(_without_constraint("do_nothing"))
compiles(OnConflictDoUpdate, "postgresql")(_without_constraint("do_update"))
