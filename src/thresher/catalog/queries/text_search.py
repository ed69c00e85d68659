"""Search the texts of the catalog for what terms name: parts of a text, ignoring case and form, and expressions.

Databases differ in both, so Python searches the texts when a query is parsed, and the condition holds those that
it found. There is one exception: SQLite calls functions in Python, with which it searches for parts by itself. A
listing of a few clips then reads the texts of a few clips.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, case, func, select

from thresher.catalog.database.portable_sql import IsAscii, is_one_of
from thresher.catalog.recordings.clip_source import SOURCE
from thresher.catalog.text.normal_form import folded, nfc
from thresher.catalog.text.time_limit import ADVICE, Searches, TooSlowError
from thresher.errors import UsageError


class Texts:
    """Makes conditions on the texts that a transaction sees; they hold in this transaction only.

    A column is one of a table, or an expression over the tables of `clip_source.SOURCE`. Conditions are not
    true where it is NULL. `searches` keeps what expressions found, see `lookups`.
    """

    def __init__(self, connection: Connection, searches: Searches) -> None:
        self._connection = connection
        self._searches = searches
        self._read: dict[tuple[ColumnElement[Any], bool], Sequence[str]] = {}

    def matching(
        self, column: ColumnElement[Any], pattern: str, among: ColumnElement[bool] | None = None
    ) -> ColumnElement[bool]:
        """Return whether a regular expression is found in the form NFC of a text.

        The condition is for rows of the column's table that meet `among`. Raises UsageError for an expression that
        takes too long.
        """
        texts = self._texts(column, among=among)
        by_form: dict[str, list[str]] = {}
        for text in texts:
            by_form.setdefault(nfc(text), []).append(text)
        try:
            found = self._searches.found(pattern, by_form)
        except TooSlowError:
            raise UsageError(f'the expression "{pattern}" takes too long to search for; {ADVICE}') from None
        return _is_found(column, [text for form in found for text in by_form[form]], texts)

    def containing(self, column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
        """Return whether a text contains `value`, ignoring case and form."""
        wanted = folded(value)
        if self._connection.dialect.name == "sqlite":
            others = func.thresher_fold(column).contains(wanted, autoescape=True)
        else:
            texts = self._texts(column, only_others=True)
            others = is_one_of(column, [text for text in texts if wanted in folded(text)])
        # Only texts that are not ASCII need Python, which is slower than the functions of databases.
        return case((IsAscii(column), func.lower(column).contains(wanted, autoescape=True)), else_=others)

    def containing_one(self, column: ColumnElement[Any], values: Sequence[str]) -> ColumnElement[bool]:
        """Return whether a text contains one of `values`, ignoring case and form.

        The condition has the same size for any number of values: databases prepare thousands of conditions slowly.
        """
        texts = self._texts(column)
        search = re.compile("|".join(re.escape(folded(value)) for value in values)).search
        return _is_found(column, [text for text in texts if search(folded(text))], texts)

    def _texts(
        self,
        column: ColumnElement[Any],
        *,
        among: ColumnElement[bool] | None = None,
        only_others: bool = False,
    ) -> Sequence[str]:
        """Return the texts of a column, each once; `only_others` leaves out ASCII."""
        if among is None and (column, only_others) in self._read:
            return self._read[column, only_others]
        statement = select(column).distinct().where(column.is_not(None))
        if not isinstance(column, Column):
            statement = statement.select_from(SOURCE)
        if only_others:
            statement = statement.where(~IsAscii(column))
        if among is not None:
            statement = statement.where(among)
        texts = self._connection.scalars(statement).all()
        if among is None:
            self._read[column, only_others] = texts
        return texts


def _is_found(
    column: ColumnElement[Any], found: Collection[str], texts: Collection[str]
) -> ColumnElement[bool]:
    """Return whether a text is one of those that were `found` among all `texts`; most of them are not listed."""
    if len(found) <= len(texts) / 2:
        return is_one_of(column, list(found))
    return column.is_not(None) & ~is_one_of(column, list(set(texts) - set(found)))
