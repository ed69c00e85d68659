"""Cover images of songs: kept in the catalog by their SHA-256, so that a rendering can be made again."""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection, insert, select

from thresher.catalog.database.schema import cover
from thresher.errors import CatalogError


def store_cover(connection: Connection, content: bytes) -> str:
    """Keep an image in the catalog, and return its SHA-256."""
    sha256 = hashlib.sha256(content).hexdigest()
    if connection.scalar(select(cover.c.sha256).where(cover.c.sha256 == sha256)) is None:
        connection.execute(insert(cover).values(sha256=sha256, content=content))
    return sha256


def read_cover(connection: Connection, sha256: str | None) -> bytes | None:
    """Return an image of the catalog. Raises CatalogError if it is damaged."""
    if sha256 is None:
        return None
    content = connection.scalar(select(cover.c.content).where(cover.c.sha256 == sha256))
    if content is None or hashlib.sha256(content).hexdigest() != sha256:
        raise CatalogError(
            "the cover of the song is damaged in the catalog; "
            "set it again with `thresher song save NAME --cover FILE`"
        )
    return bytes(content)


def damaged_covers(connection: Connection) -> list[str]:
    """Return the SHA-256 of images whose content is not what it was."""
    rows = connection.execute(select(cover).order_by(cover.c.sha256))
    return [row.sha256 for row in rows if hashlib.sha256(row.content).hexdigest() != row.sha256]
