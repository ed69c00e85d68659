"""Where a content is now: the files that hold it, by the SHA-256 of its recording.

A file whose stamp proves it unchanged is not read (see `stamps`); any other file is hashed, once in the life of a
Catalog object. Paths are absolute. Never call these functions inside a write transaction: they read files.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, update

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import location, recording
from thresher.catalog.files.files import Hashes
from thresher.catalog.files.folder_changes import unstable_folders
from thresher.catalog.files.paths import Place
from thresher.catalog.files.stamps import STABLE, Look, Unstable, is_settled, is_unchanged, stamp_of
from thresher.catalog.recordings.ingested_folders import read_changes
from thresher.catalog.recordings.locations import (
    LocationState,
    look_at,
    may_have_moved,
    place_of,
    present_among,
    state_of,
)
from thresher.catalog.recordings.recordings import find_recordings
from thresher.catalog.recordings.same_audio import recordings_with_audio
from thresher.errors import AudioError, CatalogError


class FileState(Enum):
    """What became of a file that held a content; UNREADABLE files may still hold it."""

    INTACT = "intact"
    CHANGED = "changed"
    MISSING = "missing"
    UNREADABLE = "unreadable"


class FileCheck(NamedTuple):
    """The state of a file, and the look that found it; None if the file can't be read."""

    state: FileState
    look: Look | None = None


@dataclass(frozen=True)
class KnownFile:
    """A file that held a content when the catalog last saw it.

    `sha256` is that of its bytes, and `look` is its stamp then. `unstable` says what its file system changes by
    itself.
    """

    path: bytes
    path_text: str
    sha256: str
    look: Look
    unstable: Unstable = STABLE


def check_file(file: KnownFile, hashes: Hashes, *, rehash: bool = False) -> FileCheck:
    """Check whether a file still holds its content.

    It is read only if its stamp does not prove that it is unchanged. With `rehash` it is always read.
    """
    try:
        stamp = stamp_of(os.stat(file.path))
        if not rehash and is_unchanged(file.look, stamp, file.unstable):
            return FileCheck(FileState.INTACT, file.look)
        digest, look = hashes.of(file.path, stamp, file.unstable)
    except (FileNotFoundError, NotADirectoryError):
        return FileCheck(FileState.MISSING)
    except (OSError, AudioError):
        return FileCheck(FileState.UNREADABLE)
    return FileCheck(FileState.INTACT if digest == file.sha256 else FileState.CHANGED, look)


def content_state(path: bytes, sha256: str) -> FileState:
    """Read a file and return whether it holds a content."""
    nothing_known = KnownFile(path, "", sha256, Look(0, 0, None, None, None))
    return check_file(nothing_known, Hashes(), rehash=True).state


def known_files(catalog: Catalog, sha256s: Collection[str]) -> dict[str, list[KnownFile]]:
    """Return the known files of each recording: those that are not marked missing first, re-tagged ones last.

    Files below roots that this machine lacks are not among them.
    """
    with catalog.reading() as connection:
        return known_files_in(catalog, connection, sha256s)


def known_files_in(
    catalog: Catalog, connection: Connection, sha256s: Collection[str]
) -> dict[str, list[KnownFile]]:
    """Return what `known_files` returns, as part of a transaction."""
    found: dict[str, list[KnownFile]] = {sha256: [] for sha256 in sha256s}
    statement = (
        select(recording.c.sha256.label("recording_sha256"), location)
        .join(location, location.c.recording_id == recording.c.id)
        .order_by(
            location.c.missing_since.is_not(None), location.c.sha256 != recording.c.sha256, location.c.id
        )
    )
    roots = catalog.roots.as_now()  # so that no file of thousands looks for its root
    unstable = unstable_folders(read_changes(connection), roots)
    for chunk in chunks(sorted(found)):
        for row in connection.execute(statement.where(recording.c.sha256.in_(chunk))):
            path = roots.absolute(row.root, row.path)
            if path is not None:
                file = KnownFile(path, row.path_text, row.sha256, look_at(row), unstable.of(path))
                found[row.recording_sha256].append(file)
    return found


@dataclass(frozen=True)
class Elsewhere:
    """A file below a root that this machine lacks: its path as text, and why the root is not here."""

    path_text: str
    why: str

    def __str__(self) -> str:
        return f"at {self.path_text}; {self.why}"


def elsewhere(catalog: Catalog, sha256: str) -> Elsewhere | None:
    """Return a file of a recording that is known to be present below a root that this machine lacks, if any."""
    return all_elsewhere(catalog, [sha256]).get(sha256)


def all_elsewhere(catalog: Catalog, sha256s: Collection[str]) -> dict[str, Elsewhere]:
    """Return what `elsewhere` returns, for each recording that has such a file."""
    statement = (
        select(recording.c.sha256, location.c.root, location.c.path, location.c.path_text)
        .join(location, location.c.recording_id == recording.c.id)
        .where(location.c.missing_since.is_(None), location.c.root != "")
        .order_by(location.c.id)
    )
    with catalog.reading() as connection:
        rows = [
            row
            for chunk in chunks(sorted(sha256s))
            for row in connection.execute(statement.where(recording.c.sha256.in_(chunk)))
        ]
    found: dict[str, Elsewhere] = {}
    for row in rows:
        if row.sha256 not in found and catalog.absolute(row.root, row.path) is None:
            found[row.sha256] = Elsewhere(row.path_text, catalog.roots.why_absent(row.root))
    return found


def intact_file(catalog: Catalog, files: Iterable[KnownFile], *, rehash: bool = False) -> KnownFile | None:
    """Return the first of these files that still holds its content, with the look that found it.

    With `rehash`, files are read even if they seem unchanged.
    """
    for file in files:
        check = check_file(file, catalog.hashes, rehash=rehash)
        if check.state is FileState.INTACT and check.look is not None:
            return replace(file, look=check.look)
    return None


def find_content(catalog: Catalog, sha256: str, *, rehash: bool = True) -> KnownFile | None:
    """Return a file that holds the content of a recording now, by default proven by its hash, or None."""
    return intact_file(catalog, known_files(catalog, [sha256])[sha256], rehash=rehash)


def content_files(catalog: Catalog, sha256s: Collection[str]) -> dict[str, bytes]:
    """Return the path of a file for each recording; recordings that no file holds are left out."""
    found = {sha256: intact_file(catalog, files) for sha256, files in known_files(catalog, sha256s).items()}
    return {sha256: file.path for sha256, file in found.items() if file is not None}


def changed_since(catalog: Catalog, files: Mapping[str, bytes]) -> list[str]:
    """Return the contents of `files` that have other bytes now: what was read from them may be another content.

    `files` is what `content_files` returned. A file that is gone now held its content while it could be read.
    """
    known = known_files(catalog, files.keys())

    def is_changed(sha256: str, path: bytes) -> bool:
        nothing_known = KnownFile(path, "", sha256, Look(0, 0, None, None, None))
        here = [each for each in known[sha256] if each.path == path] or [nothing_known]
        states = {check_file(each, catalog.hashes).state for each in here}
        return FileState.CHANGED in states and FileState.INTACT not in states

    return [sha256 for sha256, path in files.items() if is_changed(sha256, path)]


def keep_looks(catalog: Catalog) -> None:
    """Store when the files that were hashed since the last call were read, so that no command hashes them again.

    This concerns files that the last ingest did not prove to be unchanged: those of a catalog that was upgraded
    since, and those that had just been written. What has really changed is left to the next ingest. If the catalog
    can't be written now, the files are hashed again by the next command, and nothing else is lost.
    """
    fresh = {catalog.stored_absolute(path).place: found for path, found in catalog.hashes.fresh().items()}
    if not fresh:
        return
    with catalog.reading() as connection:
        rows = present_among(connection, list(fresh))
    looks = [
        (row, look)
        for place, row in rows.items()
        for digest, look in (fresh[place],)
        if row.sha256 == digest and _proves_more(look_at(row), look)
    ]
    if not looks:
        return

    def keep(connection: Connection) -> None:
        for row, look in looks:
            same = (
                location.c.id == row.id,
                location.c.sha256 == row.sha256,
                location.c.mtime_ns == row.mtime_ns,
            )
            values = {"ctime_ns": look.ctime_ns, "inode": look.inode, "looked_at": look.looked_at}
            connection.execute(update(location).where(*same).values(values))

    with suppress(CatalogError):
        catalog.note(keep)


def _proves_more(stored: Look, new: Look) -> bool:
    """Return whether a new look at equal content proves the file unchanged, and the stored one never could."""
    is_equal = (stored.size, stored.mtime_ns) == (new.size, new.mtime_ns)
    is_same_file = stored.ctime_ns is None or (stored.ctime_ns, stored.inode) == (new.ctime_ns, new.inode)
    return is_equal and is_same_file and is_settled(new) and not is_settled(stored)


def vacated_locations(
    catalog: Catalog, seen: Mapping[Place, str], keys: Mapping[Place, str] = MappingProxyType({})
) -> frozenset[LocationState]:
    """Find the locations that recordings have left, although the catalog does not know it yet.

    `seen` maps the places of files that were just hashed to their SHA-256, `keys` to their audio keys. Only
    recordings that appear at a new place are looked for at their other locations. A file that can't be read counts
    as still there, and so does one below a root that this machine lacks.
    """
    with catalog.reading() as connection:
        unstable = unstable_folders(read_changes(connection), catalog.roots)
        contents = find_recordings(connection, seen.values())
        holders = {place: [contents[sha256]] for place, sha256 in seen.items() if sha256 in contents}
        unknown = {place: key for place, key in keys.items() if place not in holders}
        holders |= recordings_with_audio(connection, unknown)
        others = _present_locations(
            connection, sorted({each for found in holders.values() for each in found})
        )
    known = {(place_of(row), row.recording_id) for row in others}
    new_names: dict[int, set[bytes]] = {}
    for place, found in holders.items():
        for recording_id in found:
            if (place, recording_id) not in known:
                new_names.setdefault(recording_id, set()).add(os.path.basename(place.path))

    def has_left(row: Any) -> bool:
        if place_of(row) in seen:
            return row.recording_id not in holders.get(place_of(row), ())
        path = catalog.absolute(row.root, row.path)
        if path is None:
            return False
        file = KnownFile(path, row.path_text, row.sha256, look_at(row), unstable.of(path))
        return check_file(file, catalog.hashes).state in (FileState.MISSING, FileState.CHANGED)

    return frozenset(
        state_of(row)
        for row in others
        if may_have_moved(row.status, row.path, new_names.get(row.recording_id, ())) and has_left(row)
    )


def _present_locations(connection: Connection, recording_ids: Sequence[int]) -> list[Any]:
    """Return the locations of recordings that are not missing, with the status of the recording."""
    statement = (
        select(location, recording.c.status)
        .join(recording, recording.c.id == location.c.recording_id)
        .where(location.c.missing_since.is_(None))
        .order_by(location.c.id)
    )
    return [
        row
        for chunk in chunks(recording_ids)
        for row in connection.execute(statement.where(recording.c.id.in_(chunk)))
    ]
