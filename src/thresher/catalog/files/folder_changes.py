"""Ingested folders whose file systems change ctimes or inodes by themselves, as SMB and FUSE mounts do.

There, files are compared without what changes. A restored backup or `chmod -R` also changes the ctimes of a whole
folder, but once: only a change in `INGESTS` ingests in a row counts. An inode that changes while the ctime stays
can't come from a copy, so it counts at once. `ingested_folders` stores the changes; no SQLAlchemy is loaded here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from thresher.catalog.files.paths import Place, Roots
from thresher.catalog.files.stamps import STABLE, Unstable

INGESTS = 3
"""After this many ingests in a row that found most files changed with equal content, a folder is unstable."""


class FolderChanges(NamedTuple):
    """In how many ingests in a row most files of a folder had another ctime, or inode, and equal content."""

    ctime: int = 0
    inode: int = 0

    @property
    def unstable(self) -> Unstable:
        """What these changes prove about the file system."""
        return Unstable(self.ctime >= INGESTS, self.inode >= INGESTS)


class UnstableFolders:
    """The folders with an unstable file system; paths are absolute."""

    def __init__(self, folders: Mapping[bytes, Unstable]) -> None:
        self._prefixes = [(os.path.join(path, b""), unstable) for path, unstable in folders.items()]

    def of(self, path: bytes) -> Unstable:
        """Return what is unstable for the file at an absolute path."""
        found = STABLE
        for prefix, unstable in self._prefixes:
            if path.startswith(prefix):
                found = Unstable(found.ctime or unstable.ctime, found.inode or unstable.inode)
        return found


def unstable_folders(changes: Mapping[Place, FolderChanges], roots: Roots) -> UnstableFolders:
    """Return the unstable folders among those with changes, as far as this machine has their roots."""
    return UnstableFolders(
        {
            os.path.normpath(path): each.unstable
            for place, each in changes.items()
            if each.unstable != STABLE and (path := roots.absolute(*place)) is not None
        }
    )
