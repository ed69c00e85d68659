"""Songs that keep an earlier selection rule, and the clips that the next `song save` would take out of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from thresher.catalog.catalog import Catalog
from thresher.catalog.queries.selection_rules import SELECTION_RULE
from thresher.curation.songs.songs import Song, all_songs, song_candidates
from thresher.errors import NotFoundError, QueryError


@dataclass(frozen=True)
class FormerSelection:
    """A song with an earlier selection rule, and the ids of its clips that today's rule leaves out."""

    song: str
    clips: tuple[int, ...]


def former_selections(catalog: Catalog) -> tuple[FormerSelection, ...]:
    """Return the songs that would lose clips if they were saved again, by name."""
    with catalog.reading() as connection:
        songs = all_songs(connection)
    found = [(each.name, left_out_today(catalog, each)) for each in songs]
    return tuple(FormerSelection(name, clips) for name, clips in found if clips)


def left_out_today(catalog: Catalog, song: Song) -> tuple[int, ...]:
    """Return the clips of a song that today's selection rule leaves out; none if its query can't be read."""
    if song.settings.selection_rule == SELECTION_RULE:
        return ()
    saved = replace(song.settings, selection_rule=SELECTION_RULE)
    try:
        with catalog.reading() as connection:
            today, after = (song_candidates(catalog, connection, each) for each in (song.settings, saved))
    except (QueryError, NotFoundError):
        return ()
    return tuple(sorted(set(today.kept()) - set(after.kept())))
