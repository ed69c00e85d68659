"""Move files to the system's trash, if they still hold the content that the catalog expects.

This module looks at files only; `prune` decides which files may go. Sizes are bytes on the disk.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from thresher.catalog.files import paths
from thresher.catalog.files.disk_trouble import refusal_to_write
from thresher.curation.clips.trash_folders import remove_orphans

MOST_LINKS = 40
"""The number of symlinks that may lead to a file one after another; the kernel has the same limit."""

FileState = tuple[int, int, int, int]
"""Device, inode, size in bytes and time of the last change in nanoseconds."""


@dataclass(frozen=True)
class RecordingFile:
    """A path at which the catalog knows a recording, the locations with this path, and the content's digest.

    `is_marked` says whether the locations are marked as missing.
    """

    path: bytes
    recording_id: int
    location_ids: tuple[int, ...]
    sha256: str
    is_marked: bool = False


@dataclass(frozen=True)
class PlannedFile:
    """A file or symlink to move to the trash: its absolute path, its locations, and its state when it was read.

    `entry` is the state of the path itself, `content` that of the file a symlink leads to; for a file the two are
    equal. `names` counts the hard links of the entry; `size` is the number of bytes it occupies. `is_marked` says
    whether the catalog had marked the locations as missing: a prune was interrupted before it moved the file.
    """

    path: bytes
    recording_id: int
    location_ids: tuple[int, ...]
    is_link: bool
    entry: FileState
    content: FileState
    names: int
    size: int
    is_marked: bool = False


class FileChangedError(Exception):
    """A file does not hold the content that the catalog expects."""


class FileInspector:
    """Reads files before they are planned for the trash. Each content is hashed once, whatever its names."""

    def __init__(self) -> None:
        self._digests: dict[FileState, str] = {}

    def inspect(self, file: RecordingFile) -> PlannedFile:
        """Return the state of a file. Raises FileChangedError if it does not hold the recording, and OSError."""
        from thresher.catalog.files.files import (
            sha256_file,  # loads libraries that a plan without files does not need
        )

        status = os.lstat(file.path)
        content = _state(os.stat(file.path))
        if content not in self._digests:
            self._digests[content] = sha256_file(file.path)
            if _state(os.stat(file.path)) != content:
                raise FileChangedError
        if self._digests[content] != file.sha256:
            raise FileChangedError
        return PlannedFile(
            path=file.path,
            recording_id=file.recording_id,
            location_ids=file.location_ids,
            is_link=stat.S_ISLNK(status.st_mode),
            entry=_state(status),
            content=content,
            names=status.st_nlink,
            size=_occupied_bytes(status),
            is_marked=file.is_marked,
        )


def check_movable(file: PlannedFile) -> bool:
    """Return whether a file is still there.

    Raises FileChangedError if it changed since it was planned, OSError if it can't be moved.
    """
    try:
        entry = _state(os.lstat(file.path))
    except (FileNotFoundError, NotADirectoryError):
        return False
    if entry != file.entry or _state(os.stat(file.path)) != file.content:
        raise FileChangedError
    folder = os.path.dirname(file.path)
    if (why := refusal_to_write(folder)) is not None:
        # send2trash would leave an entry without a file in the trash
        raise PermissionError(f"its folder {paths.display_text(folder)} is not writable: {why}")
    return True


def move_to_trash(file: PlannedFile) -> bool:
    """Move a file or symlink to the trash; False if the path is gone already. A symlink's target stays.

    Raises FileChangedError if the file changed since it was planned, OSError or ValueError if the trash refuses it.
    """
    from send2trash import send2trash

    if not check_movable(file):
        return False
    try:
        send2trash(os.fsdecode(file.path))
    except OSError:
        remove_orphans([file.path])
        raise
    if os.path.lexists(file.path):
        raise OSError("the system's trash refused it")
    return True


def link_depth(path: bytes) -> int:
    """Return the number of symlinks from `path` to a file. Deeper links are moved before their targets."""
    for depth in range(MOST_LINKS):
        try:
            path = os.path.join(os.path.dirname(path), os.readlink(path))
        except OSError:  # not a symlink
            return depth
    return MOST_LINKS


def _state(status: os.stat_result) -> FileState:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _occupied_bytes(status: os.stat_result) -> int:
    """Return the bytes a file occupies on the disk, or its length if the file system does not report blocks."""
    return int(getattr(status, "st_blocks", 0)) * 512 or status.st_size
