"""The values that a field has in a catalog, for completion: the most frequent first."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import func, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip_tag, song
from thresher.curation.clips.listing import values_of

MOST = 50
"""The most values that are returned."""


def common_values(catalog: Catalog, name: str, limit: int = MOST) -> list[str]:
    """Return the most frequent values of a field of text, of an attribute, of tags or of songs, as text.

    Raises QueryError and UsageError for an unknown field or one without single values.
    """
    if name in ("tag", "song"):
        column = clip_tag.c.tag if name == "tag" else song.c.name
        statement = select(column).group_by(column).order_by(func.count().desc(), column).limit(limit)
        with catalog.reading() as connection:
            return list(connection.scalars(statement))
    _, found = values_of(catalog, "", name)
    counts = Counter(str(value) for value in found.values())
    return [value for value, _ in sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:limit]]
