"""The audio files that thresher wrote from clips: renderings, stems and trimmed exports, by their SHA-256.

A file is noted before it gets its name. Therefore an ingest recognises it wherever it is, and a command that was
interrupted recognises what it wrote. A hash that is also that of a recording never counts as an output.
"""

from __future__ import annotations

from typing import Literal

from sqlalchemy import ColumnElement, Connection, insert, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import output, recording, rendering

OutputKind = Literal["rendering", "stem", "clip"]


def note_output(catalog: Catalog, sha256: str, kind: OutputKind, song_id: int | None = None) -> None:
    """Note that a file with this content is about to be written: of a song, or a "clip" without one.

    A role that may only read exports without this note.
    """
    known = select(output.c.id).where(
        output.c.sha256 == sha256, output.c.kind == kind, output.c.song_id.is_not_distinct_from(song_id)
    )
    with catalog.reading() as connection:
        if connection.scalar(known) is not None:
            return

    def note(connection: Connection) -> None:
        if connection.scalar(known) is None:
            connection.execute(insert(output).values(sha256=sha256, kind=kind, song_id=song_id))

    if kind == "rendering":  # a render stores more than this, so it must not go on without
        catalog.write(note)
    else:
        catalog.note(note)


def rendered_contents(connection: Connection, song_id: int | None = None) -> frozenset[str]:
    """Return the SHA-256 of every file that a render wrote: of one song, or of all without those of recordings."""
    recorded = select(rendering.c.sha256)
    noted = select(output.c.sha256).where(output.c.kind == "rendering")
    if song_id is not None:
        recorded = recorded.where(rendering.c.song_id == song_id)
        noted = noted.where(output.c.song_id == song_id)
    else:
        recorded = recorded.where(~_is_recording(rendering.c.sha256))
        noted = noted.where(~_is_recording(output.c.sha256))
    return frozenset(connection.scalars(recorded.union(noted)))


def exported_contents(connection: Connection) -> frozenset[str]:
    """Return the SHA-256 of every stem and exported clip that is not a recording too."""
    is_known = _is_recording(output.c.sha256)
    return frozenset(
        connection.scalars(select(output.c.sha256).where(output.c.kind != "rendering", ~is_known))
    )


def _is_recording(sha256: ColumnElement[str]) -> ColumnElement[bool]:
    return select(recording.c.id).where(recording.c.sha256 == sha256).exists()


def is_stem(connection: Connection, sha256: str) -> bool:
    """Return whether a file with this content was written as a stem."""
    statement = select(output.c.id).where(output.c.sha256 == sha256, output.c.kind == "stem").limit(1)
    return connection.scalar(statement) is not None
