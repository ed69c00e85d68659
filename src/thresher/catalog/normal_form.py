"""Compare texts in one normal form of Unicode: `é` is one character or two, and macOS stores two.

Stored paths keep their bytes. Texts are compared in the form NFC, and where case does not matter, case-folded.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, case, cast, func


def nfc(text: str) -> str:
    """Return text with composed characters."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def folded(text: str) -> str:
    """Return text without differences of case and of form: `Straße` and `STRASSE` become equal."""
    return text.lower() if text.isascii() else nfc(nfc(text).casefold())


def forms_of(text: str) -> tuple[str, ...]:
    """Return the forms in which equal text is stored: as given, composed, decomposed."""
    if text.isascii():
        return (text,)
    forms = (text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text))
    return tuple(dict.fromkeys(forms))


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


def equals_any_form(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """Return whether text equals `value` in one of its forms; an index of the column is used."""
    return column.in_(forms_of(value)) if len(forms_of(value)) > 1 else column == value


def _is_ascii(column: ColumnElement[Any]) -> ColumnElement[bool]:
    return func.length(column) == func.length(cast(column, LargeBinary))
