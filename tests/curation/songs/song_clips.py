"""The clips of a song, of a tracklist, and of a song after an edit."""

from __future__ import annotations

from typing import Any

from thresher.catalog.catalog import Catalog
from thresher.curation.songs.edit import SongEdit, edit_song
from thresher.curation.songs.tracklist import Tracklist, tracklist


def clips_of(catalog: Catalog, name: str) -> list[int]:
    """The clips of a song, in sequence."""
    return [track.clip for track in tracklist(catalog, name).tracks]


def edited(catalog: Catalog, **edit: Any) -> list[int]:
    """Edit the song "Bone", and return its clips in sequence."""
    return [track.clip for track in edit_song(catalog, "Bone", SongEdit(**edit)).tracks]


def ids(plan: Tracklist) -> list[int]:
    return [track.clip for track in plan.tracks]
