"""Classify scanned files: which are unchanged and which have to be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, location, recording
from thresher.catalog.files.folder_changes import FolderChanges, unstable_folders
from thresher.catalog.files.paths import Place
from thresher.catalog.files.stamps import is_unchanged
from thresher.catalog.outputs import exported_contents, rendered_contents
from thresher.catalog.recordings.ingested_folders import read_changes
from thresher.catalog.recordings.locations import LocationState, look_at, place_of, state_of
from thresher.catalog.recordings.same_audio import Keyless, keyless_contents
from thresher.catalog.settings.sections import trim_keys
from thresher.curation.ingest.scan import FoundFile


@dataclass(frozen=True)
class Classified:
    """Scanned files, and the known contents against which the files `to_read` are compared.

    `unchanged` maps location ids to files whose stamp and trim settings are as the catalog knows them. `doubtful`
    maps the paths of other known files to what the catalog knows about them. `trims` maps the SHA-256 of each known
    content to the trim settings of its recording's whole clip. `rendered` and `exported` hold the SHA-256 of the
    songs, and of the stems and clips, that this catalog wrote. `folders` are the changes of folders with a
    doubtful file system, by place. `keyless` contents are known, but the key of their audio is not.
    """

    to_read: Sequence[FoundFile]
    unchanged: Mapping[int, FoundFile]
    doubtful: Mapping[bytes, LocationState]
    trims: dict[str, str]
    rendered: frozenset[str]
    exported: frozenset[str]
    folders: Mapping[Place, FolderChanges]
    keyless: dict[str, Keyless]

    def is_output(self, sha256: str) -> bool:
        """Whether thresher wrote a file with this content: such a file is not a clip."""
        return sha256 in self.rendered or sha256 in self.exported


def classify(
    catalog: Catalog, files: Sequence[FoundFile], today: Mapping[Place, Place] = MappingProxyType({})
) -> Classified:
    """Compare scanned files with the catalog by path and stamp; no file is opened.

    `today` maps the places of known files that are stored under another root now.
    """
    with catalog.reading() as connection:
        known = {today.get(place_of(row), place_of(row)): row for row in _known_files(connection)}
        folders = read_changes(connection)
        unstable = unstable_folders(folders, catalog.roots)
        rendered, exported = rendered_contents(connection), exported_contents(connection)
        wanted_trims = trim_keys(catalog.settings.trim)
        to_read: list[FoundFile] = []
        unchanged: dict[int, FoundFile] = {}
        doubtful: dict[bytes, LocationState] = {}
        for found in files:
            row = known.get(catalog.stored_absolute(found.path).place)
            if row is None:
                to_read.append(found)
                continue
            look = look_at(row)
            if row.trim in wanted_trims and is_unchanged(look, found.stamp, unstable.of(found.path)):
                unchanged[int(row.id)] = found
            else:
                to_read.append(found)
                doubtful[found.path] = state_of(row)
        trims = dict(_known_contents(connection)) if to_read else {}
        keyless = keyless_contents(connection) if to_read else {}
    return Classified(to_read, unchanged, doubtful, trims, rendered, exported, folders, keyless)


def look_up_contents_again(catalog: Catalog, known: Classified) -> None:
    """Bring `trims` up to date: what was stored since may have replaced a content, as a FLAC does a WAV."""
    with catalog.reading() as connection:
        trims = dict(_known_contents(connection))
    known.trims.clear()
    known.trims.update(trims)


def _known_files(connection: Connection) -> Iterator[Any]:
    """Yield the present locations that have a recording, with the trim settings of its whole clip."""
    of_location = (clip.c.recording_id == location.c.recording_id) & (clip.c.kind == "whole")
    columns = ("id", "root", "path", "sha256", "size", "mtime_ns", "ctime_ns", "inode", "looked_at")
    yield from connection.execute(
        select(*(location.c[name] for name in columns), clip.c.trim)
        .join_from(location, clip, of_location)
        .where(location.c.missing_since.is_(None))
    )


def _known_contents(connection: Connection) -> Iterator[tuple[str, str]]:
    """Yield the SHA-256 and the trim settings of each known content: of recordings, and of re-tagged files."""
    of_clip = select(clip.c.trim).where(clip.c.kind == "whole")
    for column, key in ((location.c.sha256, location.c.recording_id), (recording.c.sha256, recording.c.id)):
        rows = connection.execute(of_clip.add_columns(column).where(clip.c.recording_id == key))
        yield from ((digest, trim) for trim, digest in rows if digest is not None)
