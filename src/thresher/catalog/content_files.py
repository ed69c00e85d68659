"""Clips and their contents: what is known of them, and where files with the same SHA-256 lie now."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, select

from thresher.catalog.audio import sha256_file
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import chunks
from thresher.catalog.schema import checkpoint, clip, location, recording
from thresher.errors import AudioError


@dataclass(frozen=True)
class Place:
    """Where a content was seen, and the file's state then; `path` is absolute."""

    path: bytes
    path_text: str
    size: int
    mtime_ns: int


def places_of(catalog: Catalog, sha256s: Collection[str]) -> dict[str, list[Place]]:
    """The places of each content, those where it is said to be now first."""
    places: dict[str, list[Place]] = {sha256: [] for sha256 in sha256s}
    statement = (
        select(
            recording.c.sha256,
            location.c.path,
            location.c.path_text,
            location.c.size,
            location.c.mtime_ns,
        )
        .join(location, location.c.recording_id == recording.c.id)
        .order_by(location.c.missing_since.is_not(None), location.c.id)
    )
    with catalog.reading() as connection:
        for chunk in chunks(sorted(places)):
            for row in connection.execute(statement.where(recording.c.sha256.in_(chunk))):
                path = catalog.absolute(row.path)
                places[row.sha256].append(Place(path, row.path_text, row.size, row.mtime_ns))
    return places


def unchanged(sha256: str, places: Sequence[Place]) -> Place | None:
    """A place whose file still has that content; one that was touched since is hashed to be sure."""
    for place in places:
        try:
            now = os.stat(place.path)
            same = (now.st_size, now.st_mtime_ns) == (place.size, place.mtime_ns)
            if same or sha256_file(place.path) == sha256:
                return place
        except (OSError, AudioError):
            continue
    return None


def content_files(catalog: Catalog, sha256s: Collection[str]) -> dict[str, bytes]:
    """A file for each content, by its SHA-256; those that are nowhere are left out."""
    found = {sha256: unchanged(sha256, places) for sha256, places in places_of(catalog, sha256s).items()}
    return {sha256: place.path for sha256, place in found.items() if place is not None}


def is_present(catalog: Catalog, path: str | os.PathLike[str]) -> bool:
    """Whether a file is one of the catalog's, where it knows it to be now."""
    here = (location.c.path == catalog.stored(path).path) & location.c.missing_since.is_(None)
    with catalog.reading() as connection:
        return connection.scalar(select(location.c.id).where(here).limit(1)) is not None


def whole_rows(connection: Connection, clip_ids: Sequence[int]) -> dict[int, RowMapping]:
    """Clips with their recordings and the run, epoch and step of these, by the columns of the tables."""
    found: dict[int, RowMapping] = {}
    for chunk in chunks(clip_ids):
        rows = connection.execute(
            select(clip, recording, checkpoint.c.run, checkpoint.c.epoch, checkpoint.c.step)
            .join(recording, recording.c.id == clip.c.recording_id)
            .outerjoin(checkpoint, checkpoint.c.id == recording.c.checkpoint_id)
            .where(clip.c.id.in_(chunk))
        )
        found.update((row._mapping[clip.c.id], row._mapping) for row in rows)
    return found
