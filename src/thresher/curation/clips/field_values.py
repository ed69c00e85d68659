"""The values that a field has in a catalog, for completion: the most frequent first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sqlalchemy import ColumnElement, func, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, clip_tag, song
from thresher.curation.clips.listing import values_of

MOST = 50
"""The most values that are returned."""

_TABLES: Mapping[str, tuple[ColumnElement[str], ColumnElement[bool]]] = {
    "tag": (clip_tag.c.tag, clip_tag.c.clip_id.in_(select(clip.c.id).where(~clip.c.removed))),
    "song": (song.c.name, ~song.c.deleted),
}
"""The fields whose values are in tables of their own: the column, and whether a row counts."""


def common_values(catalog: Catalog, name: str, limit: int = MOST) -> list[str]:
    """Return the most frequent values of a field of text, of an attribute, of tags or of songs, as text.

    Raises QueryError and UsageError for an unknown field or one without single values.
    """
    if name in _TABLES:
        column, is_there = _TABLES[name]
        statement = select(column).where(is_there).group_by(column)
        with catalog.reading() as connection:
            return list(connection.scalars(statement.order_by(func.count().desc(), column).limit(limit)))
    _, found = values_of(catalog, "", name)
    counts = Counter(str(value) for value in found.values())
    return [value for value, _ in sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:limit]]
