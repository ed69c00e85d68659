"""Where a content is now: the files that hold it, by its SHA-256.

A file whose size and time of change are as the catalog knows them is taken to be unchanged, unless the caller asks
for a new hash. Paths are absolute. Never call these functions inside a write transaction: they read files.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, NamedTuple

from sqlalchemy import select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database import chunks
from thresher.catalog.files import sha256_file
from thresher.catalog.locations import LocationState, may_have_moved
from thresher.catalog.schema import location, recording
from thresher.errors import AudioError


class FileState(Enum):
    """What became of a file that held a content; UNREADABLE files may still hold it."""

    INTACT = "intact"
    CHANGED = "changed"
    MISSING = "missing"
    UNREADABLE = "unreadable"


class FileCheck(NamedTuple):
    """The state of a file, and its size and time of change before it was read (0 if it can't be looked at)."""

    state: FileState
    size: int = 0
    mtime_ns: int = 0


@dataclass(frozen=True)
class KnownFile:
    """A file that held a content when the catalog last saw it, with its size and time of change then."""

    path: bytes
    path_text: str
    size: int
    mtime_ns: int


def check_file(path: bytes, sha256: str, unchanged: tuple[int, int] | None = None) -> FileCheck:
    """Check whether the file at `path` holds a content.

    If its size and time of change are `unchanged`, it is not read.
    """
    try:
        now = os.stat(path)
        stamp = now.st_size, now.st_mtime_ns
        is_intact = stamp == unchanged or sha256_file(path) == sha256
    except (FileNotFoundError, NotADirectoryError):
        return FileCheck(FileState.MISSING)
    except (OSError, AudioError):
        return FileCheck(FileState.UNREADABLE)
    return FileCheck(FileState.INTACT if is_intact else FileState.CHANGED, *stamp)


def known_files(catalog: Catalog, sha256s: Collection[str]) -> dict[str, list[KnownFile]]:
    """Return the known files of each content, those that are not marked missing first."""
    found: dict[str, list[KnownFile]] = {sha256: [] for sha256 in sha256s}
    columns = (location.c.path, location.c.path_text, location.c.size, location.c.mtime_ns)
    statement = (
        select(recording.c.sha256, *columns)
        .join(location, location.c.recording_id == recording.c.id)
        .order_by(location.c.missing_since.is_not(None), location.c.id)
    )
    with catalog.reading() as connection:
        for chunk in chunks(sorted(found)):
            for row in connection.execute(statement.where(recording.c.sha256.in_(chunk))):
                path = catalog.absolute(row.path)
                found[row.sha256].append(KnownFile(path, row.path_text, row.size, row.mtime_ns))
    return found


def intact_file(sha256: str, files: Iterable[KnownFile], *, rehash: bool = False) -> KnownFile | None:
    """Return the first of these files that still holds the content, with its present size and time of change.

    With `rehash`, files are read even if they seem unchanged.
    """
    for file in files:
        check = check_file(file.path, sha256, None if rehash else (file.size, file.mtime_ns))
        if check.state is FileState.INTACT:
            return replace(file, size=check.size, mtime_ns=check.mtime_ns)
    return None


def find_content(catalog: Catalog, sha256: str) -> KnownFile | None:
    """Return a file that holds a content now, proven by its hash, or None."""
    return intact_file(sha256, known_files(catalog, [sha256])[sha256], rehash=True)


def content_files(catalog: Catalog, sha256s: Collection[str]) -> dict[str, bytes]:
    """Return the path of a file for each content; contents that no file holds are left out."""
    found = {sha256: intact_file(sha256, files) for sha256, files in known_files(catalog, sha256s).items()}
    return {sha256: file.path for sha256, file in found.items() if file is not None}


def vacated_locations(catalog: Catalog, seen: Mapping[bytes, str]) -> frozenset[LocationState]:
    """Find the locations that contents have left, although the catalog does not know it yet.

    `seen` maps the stored paths of files that were just hashed to their SHA-256. Only contents that appear at a new
    path are looked for at their other locations. A file that can't be read counts as still there.
    """
    elsewhere: list[Any] = []
    statement = (
        select(
            location.c.id,
            location.c.path,
            location.c.size,
            location.c.mtime_ns,
            recording.c.sha256,
            recording.c.status,
        )
        .join(recording, recording.c.id == location.c.recording_id)
        .where(location.c.missing_since.is_(None))
    )
    with catalog.reading() as connection:
        for chunk in chunks(sorted(set(seen.values()))):
            elsewhere += connection.execute(statement.where(recording.c.sha256.in_(chunk))).all()
    known = {(row.path, row.sha256) for row in elsewhere}
    new_paths: dict[str, list[bytes]] = {}
    for path, sha256 in seen.items():
        if (path, sha256) not in known:
            new_paths.setdefault(sha256, []).append(path)

    def has_left(row: Any) -> bool:
        if row.path in seen:
            return seen[row.path] != str(row.sha256)
        check = check_file(catalog.absolute(row.path), row.sha256, (row.size, row.mtime_ns))
        return check.state in (FileState.MISSING, FileState.CHANGED)

    return frozenset(
        LocationState(row.id, row.path, row.size, row.mtime_ns)
        for row in elsewhere
        if any(may_have_moved(row.status, row.path, path) for path in new_paths.get(row.sha256, ()))
        and has_left(row)
    )
