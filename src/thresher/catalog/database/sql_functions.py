"""The functions in Python that statements call by name; `sqlite_database.connect` makes them known to SQLite."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from thresher.catalog.database.exact_numbers import integer_key
from thresher.catalog.text.normal_form import folded, nfc

SQL_FUNCTIONS: Mapping[str, Callable[[str], str | None]] = {
    "thresher_nfc": nfc,
    "thresher_fold": folded,
    "thresher_integer": integer_key,
}
"""Functions of one text by their name in SQL; NULL stays NULL."""
