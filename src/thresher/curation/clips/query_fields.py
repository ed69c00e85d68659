"""List the fields that queries can use: the built-in ones, and the attributes found in this catalog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.exact_numbers import SORT_KEY, integer_of
from thresher.catalog.database.schema import attribute
from thresher.catalog.queries.fields import FIELDS
from thresher.catalog.text.values import LARGEST_EXACT


@dataclass(frozen=True)
class FieldRow:
    """A field of the query language.

    For an attribute, `count` is the number of locations that have it, and `examples` are its lowest and highest
    value.
    """

    name: str
    kind: str
    description: str
    count: int | None
    examples: tuple[str, ...]


def fields(catalog: Catalog) -> list[FieldRow]:
    """List all fields: the built-in ones, then the attributes that file names, sidecars and `--set` gave."""
    with catalog.reading() as connection:
        statement = (
            select(
                attribute.c.key,
                func.count(),
                func.count(attribute.c.number),
                func.min(attribute.c.number),
                func.max(attribute.c.number),
                func.min(attribute.c.text),
                func.max(attribute.c.text),
                func.min(SORT_KEY),
                func.max(SORT_KEY),
            )
            .group_by(attribute.c.key)
            .order_by(attribute.c.key)
        )
        known = connection.execute(statement).all()
    return [
        *(FieldRow(field.name, field.kind, field.description, None, ()) for field in FIELDS.values()),
        *(_attribute_row(*row) for row in known if row[0] not in FIELDS),
    ]


def _attribute_row(
    key: str,
    count: int,
    numbers: int,
    low: Any,
    high: Any,
    first: str,
    last: str,
    low_key: str | None,
    high_key: str | None,
) -> FieldRow:
    numeric = count == numbers
    ends = (_number_text(low, low_key), _number_text(high, high_key)) if numeric else (first, last)
    kind = "number" if numeric else "text"
    return FieldRow(
        key, kind, "attribute from a file name, a sidecar, a tag or --set", count, tuple(dict.fromkeys(ends))
    )


def _number_text(number: float, key: str | None) -> str:
    """Return a number with all its digits; `key` is that of the large integer at the same end, if there is one."""
    if key is not None and abs(number) >= LARGEST_EXACT:
        return str(integer_of(key))
    return str(int(number)) if number.is_integer() and abs(number) < LARGEST_EXACT else repr(number)
