"""The lineage of a clip: the file it was cut from, its copies, its recording's other clips, what it continues, and
the songs and renderings that it is in."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import rendering, rendering_clip, song
from thresher.curation.clips.detail import ClipDetail, show_clip
from thresher.curation.clips.listing import ClipRow, list_clips, rows_of
from thresher.curation.origin.relatives import Relation, relations
from thresher.curation.songs.songs import Song, all_songs, song_candidates
from thresher.curation.songs.tracklist import tracklist
from thresher.errors import ThresherError


@dataclass(frozen=True)
class Relative:
    """A clip of another recording and what the given clip is to it."""

    relation: Relation
    clip: ClipRow


@dataclass(frozen=True)
class RenderedPlace:
    """A place of a clip in a rendering: `at` in seconds, `position` from 1; the span in the recording, in seconds.

    `path` is where the rendering was first written.
    """

    song: str
    number: int
    position: int
    at: float
    start: float
    end: float
    path: str


@dataclass(frozen=True)
class Lineage:
    """Where a clip comes from and where it went.

    `detail` has the clip, its file's locations and `same_audio`, the clips of recordings with the same audio.
    `same_recording` are the other clips of its recording, in order of time. `not_examined` counts clips that may
    have common sound: of noise and drones, only the most similar clips are examined. `unread_songs` are songs whose
    query can't be read any more.
    """

    detail: ClipDetail
    same_recording: tuple[ClipRow, ...]
    relatives: tuple[Relative, ...]
    not_examined: int
    songs: tuple[str, ...]
    unread_songs: tuple[str, ...]
    renderings: tuple[RenderedPlace, ...]


def lineage(catalog: Catalog, term: str) -> Lineage:
    """Return the lineage of the clip that an id, a path or a query names.

    Raises NotFoundError if no clip matches, UsageError if several do.
    """
    detail = show_clip(catalog, term)
    row = detail.clip
    with catalog.reading() as connection:
        songs = all_songs(connection)
        places = _renderings(connection, row.id)
    related = relations(catalog, row.id)
    rows = {other.id: other for other in rows_of(catalog, [each.clip for each in related.found])}
    chosen = {each.name: _plays(catalog, each, row.id) for each in songs}
    return Lineage(
        detail=detail,
        same_recording=_same_recording(catalog, row),
        relatives=tuple(Relative(each, rows[each.clip]) for each in related.found if each.clip in rows),
        not_examined=related.not_examined,
        songs=tuple(name for name, plays in chosen.items() if plays),
        unread_songs=tuple(name for name, plays in chosen.items() if plays is None),
        renderings=places,
    )


def _same_recording(catalog: Catalog, row: ClipRow) -> tuple[ClipRow, ...]:
    # Naming these fields also finds the clips that listings leave out.
    terms = [f"recording:{row.recording}", f"^id:{row.id}", "id+", "rejected+", "status+", "kind+"]
    return tuple(sorted(list_clips(catalog, terms), key=lambda other: (other.start or 0.0, other.id)))


def _plays(catalog: Catalog, found: Song, clip_id: int) -> bool | None:
    """Return whether a song contains a clip today; None if its query can't be read.

    Only the limits on length and number depend on the order of its clips, so only then the order is computed.
    """
    with suppress(ThresherError):
        with catalog.reading() as connection:
            candidates = song_candidates(catalog, connection, found.settings)
        is_selected = clip_id in candidates.kept()
        if not is_selected or (found.settings.length is None and found.settings.clips is None):
            return is_selected
        return any(track.clip == clip_id for track in tracklist(catalog, found.name).tracks)
    return None


def _renderings(connection: Connection, clip_id: int) -> tuple[RenderedPlace, ...]:
    rows = connection.execute(
        select(rendering_clip, song.c.name, rendering.c.number, rendering.c.path_text.label("file"))
        .add_columns(rendering.c.sample_rate.label("rate"))
        .join(rendering, rendering.c.id == rendering_clip.c.rendering_id)
        .join(song, song.c.id == rendering.c.song_id)
        .where(rendering_clip.c.clip_id == clip_id)
        .order_by(rendering.c.id, rendering_clip.c.position)
    )
    return tuple(
        RenderedPlace(
            row.name,
            row.number,
            row.position + 1,
            row.output_start / row.rate,
            row.start_frame / row.sample_rate,
            row.end_frame / row.sample_rate,
            row.file,
        )
        for row in rows
    )
