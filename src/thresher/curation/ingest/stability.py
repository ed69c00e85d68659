"""Find folders whose file systems change ctimes or inodes by themselves, from what an ingest saw of known files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Connection

from thresher.catalog.files.folder_changes import INGESTS, FolderChanges
from thresher.catalog.files.paths import StoredPath
from thresher.catalog.files.stamps import STABLE
from thresher.catalog.recordings.ingested_folders import set_changes
from thresher.curation.ingest.classify import Classified
from thresher.curation.ingest.scan import FoundFile

FEWEST_FILES = 10
"""A folder with fewer known files says nothing, and hashing them costs nothing."""


class Stability:
    """What an ingest saw of the stamps of known files, by the given folder that contains them."""

    def __init__(self, known: Classified) -> None:
        self._doubtful, self._before = known.doubtful, known.folders
        self._files = Counter(found.root for found in known.unchanged.values())
        self._ctime: Counter[bytes] = Counter()
        self._inode: Counter[bytes] = Counter()
        self._inode_alone: Counter[bytes] = Counter()

    def observe(self, found: FoundFile, sha256: str | None) -> None:
        """Count a file that was read. Only equal content, size and time of change say something."""
        known = self._doubtful.get(found.path)
        if known is None or known.look.looked_at is None or sha256 is None:
            return
        self._files[found.root] += 1
        if known.sha256 != sha256 or known.look[:2] != found.stamp[:2]:
            return
        has_new_ctime = known.look.ctime_ns != found.stamp.ctime_ns
        has_new_inode = known.look.inode != found.stamp.inode
        self._ctime[found.root] += has_new_ctime
        self._inode[found.root] += has_new_inode
        self._inode_alone[found.root] += has_new_inode and not has_new_ctime

    def changes(self, before: FolderChanges, root: bytes) -> FolderChanges:
        """Return the changes of a folder after this ingest; what was found to be unstable stays so."""
        if self._files[root] < FEWEST_FILES:
            return before

        def count(known: int, seen: int) -> int:
            if known >= INGESTS:
                return known
            return known + 1 if 2 * seen > self._files[root] else 0

        ctime, inode = count(before.ctime, self._ctime[root]), count(before.inode, self._inode[root])
        return FolderChanges(ctime, INGESTS if 2 * self._inode_alone[root] > self._files[root] else inode)

    def store(self, connection: Connection, stored: dict[bytes, StoredPath]) -> Iterator[str]:
        """Store the changes of all folders; yield a sentence for each that turned out to be unstable.

        `stored` maps the given folders to their stored paths.
        """
        for root, folder in stored.items():
            before = self._before.get(folder.place, FolderChanges())
            after = self.changes(before, root)
            if after != before:
                set_changes(connection, folder.place, after)
            if after.unstable not in (before.unstable, STABLE):
                names = [name for name in ("ctime", "inode") if getattr(after.unstable, name)]
                yield (
                    f"{folder.path_text}: the file system changes the {' and '.join(names)} of files by itself; "
                    f"files there are compared without {'them' if len(names) > 1 else 'it'}, and "
                    "`thresher verify --files` finds what that misses"
                )
