"""Which songs clips are in: songs that select them today, and songs that have rendered them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

from sqlalchemy import Connection, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import rendering, rendering_clip
from thresher.curation.clips.selection import select_ids
from thresher.curation.songs.songs import Song, all_songs
from thresher.errors import ThresherError


def songs_with(catalog: Catalog, connection: Connection, clips: Collection[int]) -> Mapping[str, set[int]]:
    """Return which of the clips each song selects or has rendered, by the song's name."""
    return {name: ids.intersection(clips) for name, ids in all_members(catalog, connection).items()}


def all_members(catalog: Catalog, connection: Connection) -> Mapping[str, set[int]]:
    """Return the clips that each song selects or has rendered, by the song's name."""
    found: dict[str, set[int]] = {}
    for song in all_songs(connection):
        rendered = (
            select(rendering_clip.c.clip_id)
            .join(rendering, rendering.c.id == rendering_clip.c.rendering_id)
            .where(rendering.c.song_id == song.id)
        )
        found[song.name] = selected(catalog, connection, song).union(connection.scalars(rendered))
    return found


def selected(catalog: Catalog, connection: Connection, song: Song) -> set[int]:
    """Return the clips that a song's query and edits select, none if its query can't be read any more.

    The song's limits do not count, and neither does its rule about clips that are left out.
    """
    settings = song.settings
    with suppress(ThresherError):  # `song list` shows songs whose query can't be read any more
        # rule 1 has no opinion about overwritten clips, which later rules leave out
        return set(
            select_ids(
                catalog,
                connection,
                settings.query,
                song=True,
                edits=settings.edits,
                rule=1,
                stored=True,
            )
        )
    return set()
