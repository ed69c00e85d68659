"""The values of clips that listings show besides a clip's row: attributes, and any field of queries."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import attribute, clip, location
from thresher.catalog.queries.field_kinds import Field
from thresher.catalog.queries.query import Context, Query, field_and_value, select_clips
from thresher.errors import QueryError, UsageError

AttributeValue = int | float | str
_WITHOUT_VALUE = ("song", "query")


@dataclass(frozen=True)
class ShownField:
    """A field as a column: its name, its kind, and the expression of its value (None: not in the database)."""

    name: str
    kind: str
    value: ColumnElement[Any] | None


def shown_field(name: str, context: Context) -> ShownField:
    """Return the column of a field. Raises UsageError for an unknown field, or one without a value."""
    try:
        field, value = field_and_value(name, context)
    except QueryError as error:  # its position is that in a query
        raise UsageError(f"columns: {str(error).partition(': ')[2]}") from None
    if field.kind in _WITHOUT_VALUE:
        raise UsageError(
            f'"{field.name}" selects clips and has no value to show; `thresher fields` lists all fields'
        )
    return ShownField(field.name, field.kind, _expression(field, value))


def used_fields(name: str, context: Context) -> list[ShownField]:
    """Return the column of a field that a query uses; nothing if it has no value."""
    field, value = field_and_value(name, context)
    return (
        []
        if field.kind in _WITHOUT_VALUE
        else [ShownField(field.name, field.kind, _expression(field, value))]
    )


def _expression(field: Field, value: ColumnElement[Any] | None) -> ColumnElement[Any] | None:
    return None if field.kind in ("attribute", "tag", "path", "clip") else value


def read_values(
    connection: Connection, query: Query, shown: Sequence[ShownField], *, limit: int | None = None
) -> dict[int, dict[str, Any]]:
    """Return the values of fields that are in the database, by clip id and field name."""
    stored = list({field.name: field for field in shown if field.value is not None}.values())
    if not stored:
        return {}
    columns = [field.value for field in stored if field.value is not None]
    rows = connection.execute(select_clips(query, clip.c.id, *columns).limit(limit))
    return {
        row[0]: {
            field.name: bool(value) if field.kind == "flag" else value
            for field, value in zip(stored, row[1:], strict=True)
        }
        for row in rows
    }


def read_attributes(
    connection: Connection, clip_ids: Sequence[int]
) -> dict[int, Mapping[str, AttributeValue]]:
    """Return the attributes of clips, by clip id and key.

    Where several files have an attribute, the value is that of the earliest file that is present, else of the
    earliest.
    """
    found: dict[int, dict[str, AttributeValue]] = {}
    for chunk in chunks(clip_ids):
        rows = connection.execute(
            select(clip.c.id, attribute.c.key, attribute.c.text, attribute.c.number)
            .join(location, location.c.recording_id == clip.c.recording_id)
            .join(attribute, attribute.c.location_id == location.c.id)
            .where(clip.c.id.in_(chunk))
            .order_by(clip.c.id, location.c.missing_since.is_not(None), location.c.id, attribute.c.key)
        )
        for clip_id, key, text, number in rows:
            found.setdefault(clip_id, {}).setdefault(key, _value(text, number))
    return {clip_id: dict(sorted(values.items())) for clip_id, values in found.items()}


def _value(text: str, number: float | None) -> AttributeValue:
    if re.fullmatch(r"[+-]?[0-9]{1,30}", text):
        return int(text)  # exact, unlike a float
    return text if number is None else float(number)
