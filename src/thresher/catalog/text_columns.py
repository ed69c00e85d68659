"""Compare columns of text in one normal form of Unicode; `normal_form` does it for single texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, case, cast, func

from thresher.catalog.normal_form import folded, forms_of


def in_nfc(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a column of text in the form NFC; NULL for NULL."""
    return case((_is_ascii(column), column), else_=func.thresher_nfc(column))


def contains_folded(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """Return whether text contains `value`, ignoring case and form; NULL for NULL."""
    wanted = folded(value)
    # Only texts that are not ASCII need the function, which is slower than those of SQLite.
    return case(
        (_is_ascii(column), func.lower(column).contains(wanted, autoescape=True)),
        else_=func.thresher_fold(column).contains(wanted, autoescape=True),
    )


def contains_one_folded(column: ColumnElement[Any], values: Sequence[str]) -> ColumnElement[bool]:
    """Return whether text contains one of `values`, ignoring case and form; NULL for NULL.

    The condition has the same size for any number of values: SQLite prepares thousands of conditions slowly.
    """
    return func.thresher_fold(column).regexp_match("|".join(re.escape(folded(value)) for value in values))


def equals_any_form(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """Return whether text equals `value` in one of its forms; an index of the column is used."""
    return column.in_(forms_of(value)) if len(forms_of(value)) > 1 else column == value


def _is_ascii(column: ColumnElement[Any]) -> ColumnElement[bool]:
    return func.length(column) == func.length(cast(column, LargeBinary))
