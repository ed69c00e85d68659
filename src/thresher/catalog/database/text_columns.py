"""Compare columns of text in one normal form of Unicode; `normal_form` does it for single texts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, case

from thresher.catalog.database.portable_sql import InNfc, IsAscii
from thresher.catalog.text.normal_form import forms_of


def in_nfc(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a column of text in the form NFC; NULL for NULL."""
    # Only texts that are not ASCII need the function, which is slower than those of SQLite.
    return case((IsAscii(column), column), else_=InNfc(column))


def equals_any_form(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """Return whether text equals `value` in one of its forms; an index of the column is used."""
    return column.in_(forms_of(value)) if len(forms_of(value)) > 1 else column == value
