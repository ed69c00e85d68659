"""Carry the curator's decisions from parts that go to those that take their place, songs included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import clip
from thresher.catalog.decisions.fields import JUDGEMENTS, current_tags
from thresher.catalog.decisions.journal import Assignment
from thresher.catalog.edits import Edits
from thresher.curation.songs.membership import selected
from thresher.curation.songs.settings import SongSettings
from thresher.curation.songs.songs import Song, all_songs, find_song


def carried_judgements(connection: Connection, heirs: Mapping[int, int]) -> Iterator[Assignment]:
    """Yield what gives the clips in the values of `heirs` the judgements of those in its keys.

    A judgement that a clip has already stays.
    """
    columns = [clip.c[name] for name in JUDGEMENTS]
    known: dict[int, Any] = {}
    for chunk in chunks(sorted({*heirs, *heirs.values()})):
        rows = connection.execute(select(clip.c.id, *columns).where(clip.c.id.in_(chunk)))
        known.update((row.id, row) for row in rows)
    for former, heir in heirs.items():
        for name in JUDGEMENTS:
            value = getattr(known[former], name)
            if value and not getattr(known[heir], name):
                yield Assignment("clip", heir, name, value)
        tags = {*current_tags(connection, former), *current_tags(connection, heir)}
        yield Assignment("clip", heir, "tags", sorted(tags))


def songs_of(catalog: Catalog, connection: Connection, heirs: Mapping[int, int]) -> dict[str, set[int]]:
    """Return which of the clips in the keys of `heirs` each song selects, by the song's name."""
    if not heirs:
        return {}
    found = {song.name: selected(catalog, connection, song) for song in all_songs(connection)}
    return {name: clips.intersection(heirs) for name, clips in found.items()}


def carried_places(
    catalog: Catalog, connection: Connection, heirs: Mapping[int, int], songs: Mapping[str, set[int]]
) -> Iterator[Assignment]:
    """Yield what gives the heirs the places of former clips in songs: pins, neighbours and manual sequences.

    `songs` is what `songs_of` returned before the clips changed. An heir that a song's query does not select is
    added to the song if the former clip was in it.
    """
    for name, members in songs.items():
        song = find_song(connection, name)
        settings = with_heirs(song.settings, heirs)
        there = selected(catalog, connection, replace(song, settings=settings))
        for former in sorted(members):
            if heirs[former] not in there:
                settings = replace(settings, edits=settings.edits.add(heirs[former]))
        yield from _changes(song, settings)


def with_heirs(settings: SongSettings, heirs: Mapping[int, int]) -> SongSettings:
    """Return the settings of a song with clips replaced by their heirs wherever it names clips."""
    edits, ordering = settings.edits, settings.ordering

    def heir(clip_id: int) -> int:
        return heirs.get(clip_id, clip_id)

    return replace(
        settings,
        edits=Edits(
            tuple(dict.fromkeys(map(heir, edits.added))),
            tuple(dict.fromkeys(map(heir, edits.dropped))),
            tuple((heir(clip_id), position) for clip_id, position in edits.pins),
            tuple((heir(one), heir(other)) for one, other in edits.together),
        ),
        manual=settings.manual and tuple(map(heir, settings.manual)),
        ordering=replace(
            ordering,
            start=None if ordering.start is None else heir(ordering.start),
            end=None if ordering.end is None else heir(ordering.end),
        ),
    )


def _changes(song: Song, settings: SongSettings) -> Iterator[Assignment]:
    before, after = song.settings.columns(), settings.columns()
    for name in ("edits", "manual", "ordering"):
        if before[name] != after[name]:
            yield Assignment("song", song.id, name, after[name])
