"""List songs with the numbers of their clips and renderings."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import rendering
from thresher.curation.songs.settings import SongSettings
from thresher.curation.songs.size import song_size
from thresher.curation.songs.songs import Song, all_songs
from thresher.curation.songs.tracklist import tracklist
from thresher.errors import NotFoundError, QueryError


@dataclass(frozen=True)
class SongRow:
    """A song in a listing: the number of clips that a render would write today, and of its renderings.

    `problem` says why the song can't be read, for example because a field that its query names was forgotten.
    """

    name: str
    clips: int
    renderings: int
    settings: SongSettings
    problem: str | None = None


def songs(catalog: Catalog) -> list[SongRow]:
    """All songs, by name. An ordering is computed only where the song's limits cut it."""
    with catalog.reading() as connection:
        counts = select(rendering.c.song_id, func.count()).group_by(rendering.c.song_id)
        made = {row.song_id: int(row[1]) for row in connection.execute(counts)}
        found = all_songs(connection)
    return [_row(catalog, song, made.get(song.id, 0)) for song in found]


def _row(catalog: Catalog, song: Song, renderings: int) -> SongRow:
    clips, problem = 0, None
    try:
        size = song_size(catalog, song)
        clips = len(tracklist(catalog, song.name).tracks) if size.is_cut else size.clips
    except (QueryError, NotFoundError) as error:
        problem = str(error)
    return SongRow(song.name, clips, renderings, song.settings, problem)
