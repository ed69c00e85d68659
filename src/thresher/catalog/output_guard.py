"""The guard of everything that is written: no output replaces or deletes a file that the catalog knows.

Files are compared by device and inode, because one file can have many names: hard links, symlinked folders, bind
mounts, names that differ in case. A file whose content is known counts too if the catalog knows its path as
missing, or if no other file holds that content. Only `prune`, which asks and uses the trash, works without a guard.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import defaultdict
from collections.abc import Collection, Iterable

from sqlalchemy import func, or_, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import elsewhere, intact_file, known_files
from thresher.catalog.database.schema import clip, location, recording
from thresher.catalog.files.files import sha256_file
from thresher.catalog.files.paths import display_text, name_too_long
from thresher.catalog.recordings.clip_source import IS_SHOWN
from thresher.catalog.recordings.locations import present_at
from thresher.catalog.recordings.recordings import find_recordings
from thresher.errors import AudioError, UsageError

Identity = tuple[int, int]
"""The device and the inode of a file."""


class OutputGuard:
    """Refuses to replace or delete files of a catalog, and other files that a command reads (`sources`).

    The files of the catalog are looked at once, when a path to check exists for the first time. Later checks add
    the locations that were stored since. Without a catalog only the `sources` are protected.
    """

    def __init__(self, catalog: Catalog | None, sources: Collection[bytes] = ()) -> None:
        self._catalog = catalog
        self._sources = tuple(sources)
        # recordings and their paths, as they were at the first look
        self._clips: defaultdict[Identity, list[tuple[int, bytes]]] = defaultdict(list)
        self._last_location = 0

    def check(self, path: str | bytes | os.PathLike[str]) -> None:
        """Raise UsageError if the file at `path` must not be replaced or deleted. A free path passes."""
        reason = self.refusal(path)
        if reason is not None:
            raise UsageError(
                f"{display_text(os.fsencode(path))} {reason}, which is never replaced or deleted; give another path"
            )

    def refusal(self, path: str | bytes | os.PathLike[str]) -> str | None:
        """Return what the file at `path` is if it must not be replaced or deleted ("is clip 12 of the catalog")."""
        target = os.path.abspath(os.fsencode(path))
        try:
            entry = os.lstat(target)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise name_too_long(target) from error
            raise
        identity = entry.st_dev, entry.st_ino
        # looked at each time: SQLite's journal comes and goes, and another file may get its inode
        if identity in _identities(self._files_of_the_catalog()):
            return "belongs to the catalog"
        if identity in _identities(self._sources):
            return "is a file that this command reads"
        if self._catalog is None:
            return None
        self._look_at_locations(self._catalog)
        for recording_id, known in self._clips.get(identity, ()):
            if identity in _identities([known]):  # else the clip is gone, and its inode was used again
                return self._named(self._catalog, recording_id)
        return self._refusal_by_content(self._catalog, target, entry)

    def _files_of_the_catalog(self) -> list[bytes]:
        if self._catalog is None:
            return []
        return [os.fsencode(self._catalog.file), *self._catalog.database_files()]

    def _look_at_locations(self, catalog: Catalog) -> None:
        """Note the identities of the files at locations that were stored since the last look."""
        columns = (location.c.id, location.c.root, location.c.path, func.coalesce(location.c.recording_id, 0))
        statement = select(*columns)
        statement = statement.where(location.c.id > self._last_location, location.c.missing_since.is_(None))
        with catalog.reading() as connection:
            new = connection.execute(statement.order_by(location.c.id)).all()
        for location_id, root, stored, recording_id in new:
            path = catalog.absolute(root, stored)
            if path is not None:
                for identity in _identities([path]):
                    self._clips[identity].append((recording_id, path))
            self._last_location = location_id

    def _refusal_by_content(self, catalog: Catalog, target: bytes, entry: os.stat_result) -> str | None:
        place = catalog.stored(target).place
        # an ingest may have moved a location here since the first look
        with catalog.reading() as connection:
            here = present_at(connection, place)
        if here is not None:
            return self._named(catalog, here.recording_id or 0)
        if not stat.S_ISREG(entry.st_mode) or not _may_be_known(catalog, entry.st_size):
            return None
        try:
            sha256 = sha256_file(target)
        except (OSError, AudioError):
            return None
        with catalog.reading() as connection:
            recording_id = find_recordings(connection, [sha256]).get(sha256, 0)
            own = connection.scalar(select(recording.c.sha256).where(recording.c.id == recording_id))
        known = [] if own is None else known_files(catalog, [own])[own]
        others = [file for file in known if (entry.st_dev, entry.st_ino) not in _identities([file.path])]
        if own is None or (not known and elsewhere(catalog, own) is None):
            return None
        if len(others) == len(known) and intact_file(catalog, others) is not None:
            return None
        return self._named(catalog, recording_id)

    @staticmethod
    def _named(catalog: Catalog, recording_id: int) -> str:
        with catalog.reading() as connection:
            of_recording = (clip.c.recording_id == recording_id, IS_SHOWN, clip.c.kind != "marked")
            numbers = select(func.min(clip.c.id), func.count()).join(
                recording, recording.c.id == clip.c.recording_id
            )
            first, count = connection.execute(numbers.where(*of_recording)).one()
        if not count:
            return "is a file that the catalog knows"
        if count == 1:
            return f"is clip {first} of the catalog"
        return f"is the file of {count:,} clips of the catalog (clip {first} and others)"


def _may_be_known(catalog: Catalog, size: int) -> bool:
    """Whether a file of `size` bytes can hold a content of the catalog: a song of an hour need not be hashed.

    Locations have the size of what they hold. After a change of its tags, that is not the content which the
    recording began with, whose size is not known.
    """
    has_other_content = location.c.sha256 != recording.c.sha256
    possible = (
        select(location.c.id)
        .join(recording, recording.c.id == location.c.recording_id)
        .where(or_(location.c.size == size, has_other_content))
    )
    with catalog.reading() as connection:
        return connection.execute(possible.limit(1)).first() is not None


def _identities(paths: Iterable[bytes]) -> set[Identity]:
    """Return device and inode of the files at these paths, and of the files that symlinks lead to."""
    found = set()
    for path in paths:
        for look in (os.lstat, os.stat):
            try:
                status = look(path)
            except OSError:
                break
            found.add((status.st_dev, status.st_ino))
            if not stat.S_ISLNK(status.st_mode):
                break
    return found
