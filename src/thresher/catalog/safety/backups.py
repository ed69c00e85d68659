"""Backups of a catalog's database: where they are, how one is made, and how one is checked.

A backup is a copy of the database in one file of SQLite, made by SQLite's backup API while other programs may read
it; those that write wait until the copy is made. Of a database on a server, all rows are copied and compared. A
backup has its name only after it was read back: its pages, its references, its revision and the number of rows in
each table. It is synced to the disk before it gets the name, and no file is ever replaced.

The copy keeps the time of the last change of the database as its own. So the next backup knows that nothing has
changed since.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL

from thresher.catalog.database import database
from thresher.catalog.database.database import Target
from thresher.catalog.database.sqlite_database import lock_holders
from thresher.catalog.files.partial_files import (
    Guard,
    partial_path,
    partial_target,
    place_new,
    sweep,
    sync_folder,
)
from thresher.catalog.safety.database_copy import (
    DAMAGED,
    CheckedCopy,
    changed_at,
    check_copy,
    checked_copy,
    reporting,
)
from thresher.catalog.settings.sections import Settings
from thresher.errors import CatalogError, UsageError
from thresher.progress import Progress, no_progress

_NAME = re.compile(
    r"-(?P<revision>\w+)-(?P<stamp>\d{8}-\d{6})(?:-(?P<number>\d{1,9}))?\.backup\.db", re.ASCII
)
_FORMER_PARTIAL = re.compile(r"-\w+-\d{8}-\d{6}(?:-\d+)?\.backup\.part(?:-journal)?", re.ASCII)
"""The end of the names under which earlier versions wrote backups, without the number of a process."""
_FORMER_AGE = 600.0
"""Seconds after which such a file that nobody has locked is left over."""

_SOON_NS = 2 * 10**9
"""A database that was copied this soon after its last change may have changed again at the same file time."""


@dataclass(frozen=True)
class Backup:
    """A backup in the backup folder. `made_at` is in seconds since 1970; `number` counts those of one second."""

    path: Path
    revision: str
    made_at: float
    number: int
    bytes: int

    @property
    def is_damaged(self) -> bool:
        """Whether it is the copy of a damaged catalog, which was kept as it was."""
        return self.revision == DAMAGED


@dataclass(frozen=True)
class BackupPlace:
    """Where the backups of one database are, and how many of them are kept.

    Another folder than that of the database may hold the backups of several catalogs. There, names contain the
    start of a digest of the database's path, as those of a database on a server always do with its address, which
    is the same for all users.
    """

    database: Target
    folder: Path
    keep: int = 5
    weeks: int = 8
    busy_timeout: float = 10.0

    @property
    def prefix(self) -> str:
        """The start of the names of the backups of this database."""
        if isinstance(self.database, URL):
            given = self.database
            address = URL.create(given.drivername, host=given.host, port=given.port, database=given.database)
            return f"{self.name}-{hashlib.sha256(str(address).encode()).hexdigest()[:8]}"
        here = os.path.realpath(self.database.parent)
        if os.path.realpath(self.folder) == here:
            return self.name
        of_path = hashlib.sha256(os.path.join(os.fsencode(here), os.fsencode(self.database.name)))
        return f"{self.name}-{of_path.hexdigest()[:8]}"

    @property
    def name(self) -> str:
        """The name of the database, without a suffix."""
        if isinstance(self.database, Path):
            return self.database.stem
        return str(self.database.database).replace("/", "_")


def place_of(root: Path, settings: Settings) -> BackupPlace:
    """Return the place for the backups of the catalog whose catalog.toml is in the folder `root`."""
    kept = settings.backup
    target = database.target_of(settings.catalog.database, root)
    folder = root / Path(kept.folder).expanduser()
    return BackupPlace(target, folder, kept.keep, kept.weeks, settings.catalog.busy_timeout)


def find_backups(place: BackupPlace) -> list[Backup]:
    """Return the backups of a database in its backup folder, the latest first. There is none without the folder."""
    found = []
    try:
        names = os.listdir(place.folder)
    except OSError:
        return []
    for name in names:
        match = _NAME.fullmatch(name.removeprefix(place.prefix)) if name.startswith(place.prefix) else None
        if match is None:
            continue
        with suppress(OSError, ValueError, OverflowError):
            path = place.folder / name
            made_at = time.mktime(time.strptime(match["stamp"], "%Y%m%d-%H%M%S"))
            found.append(
                Backup(path, match["revision"], made_at, int(match["number"] or 1), path.stat().st_size)
            )
    return sorted(found, key=lambda each: (each.made_at, each.number, each.path.name), reverse=True)


def make_backup(
    place: BackupPlace, undone: str, progress: Progress = no_progress, *, may_be_damaged: bool = False
) -> Backup:
    """Make a backup in the backup folder, and remove what killed programs left there of theirs.

    If nothing has changed since the latest backup, that one is checked and returned instead. `undone` ends the
    sentence of an error: what the command did not do without a backup. With `may_be_damaged`, a damaged database
    is copied as it is, under a name that says so. Raises CatalogError.
    """
    remove_litter(place)
    latest = next(iter(find_backups(place)), None)
    if latest is not None and _is_unchanged(place, latest):
        with suppress(CatalogError):
            if not latest.is_damaged:
                check_copy(latest.path)
            if may_be_damaged or not latest.is_damaged:
                return latest
    stamp = time.strftime("%Y%m%d-%H%M%S")
    first = place.folder / f"{place.prefix}-0000-{stamp}.backup.db"
    with reporting(place.database, place.folder, undone), partial_path(first, None) as partial:
        revision = _copied(place, partial, progress, may_be_damaged=may_be_damaged).revision
        return _named(place, partial, revision, stamp)


def _copied(place: BackupPlace, partial: Path, progress: Progress, *, may_be_damaged: bool) -> CheckedCopy:
    """Write a checked copy of the database to `partial`."""
    if isinstance(place.database, Path):
        return checked_copy(
            place.database, place.busy_timeout, partial, progress, may_be_damaged=may_be_damaged
        )
    from thresher.catalog.safety.server_copy import copy_to_file  # loads psycopg

    return copy_to_file(place.database, place.busy_timeout, partial, progress)


def _named(place: BackupPlace, partial: Path, revision: str, stamp: str) -> Backup:
    """Give a backup its name, with a number if the name is taken."""
    for number in itertools.count(1):
        suffix = f"-{number}" if number > 1 else ""
        path = place.folder / f"{place.prefix}-{revision}-{stamp}{suffix}.backup.db"
        try:
            place_new(partial, path)
        except FileExistsError:
            continue
        break
    sync_folder(place.folder)
    made_at = time.mktime(time.strptime(stamp, "%Y%m%d-%H%M%S"))
    return Backup(path, revision, made_at, number, path.stat().st_size)


def keep_as_it_is(place: BackupPlace, undone: str) -> Backup:
    """Copy a file that SQLite can't read, and its journals, under a name that says so. Raises CatalogError."""
    assert isinstance(place.database, Path)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    first = place.folder / f"{place.prefix}-{DAMAGED}-{stamp}.backup.db"
    with reporting(place.database, place.folder, undone), partial_path(first, None) as partial:
        shutil.copyfile(place.database, partial)
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        made = _named(place, partial, DAMAGED, stamp)
        for suffix in ("-journal", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{place.database}{suffix}", f"{made.path}{suffix}")
        return made


def write_backup(
    place: BackupPlace, target: Path, guard: Guard, progress: Progress = no_progress
) -> CheckedCopy:
    """Make a backup in a file of the user's choice, where nothing may be. Raises CatalogError or UsageError."""
    guard.check(target)
    if os.path.lexists(target):
        raise UsageError(f"{target} exists already; it was not changed: give another name")
    sweep(target.parent, [target], guard)
    with reporting(place.database, target, ""), partial_path(target, guard) as partial:
        copied = _copied(place, partial, progress, may_be_damaged=False)
        try:
            place_new(partial, target)
        except FileExistsError as error:
            raise UsageError(f"{target} exists now; it was not changed: give another name") from error
        sync_folder(target.parent)
    return copied


def _is_unchanged(place: BackupPlace, latest: Backup) -> bool:
    """Return whether nothing was written to the database since a backup was made, as far as the file times tell."""
    if isinstance(place.database, URL):
        return False
    try:
        copied = latest.path.stat()
        last_change = changed_at(place.database)
    except OSError:
        return False
    return last_change == copied.st_mtime_ns and copied.st_ctime_ns - copied.st_mtime_ns > _SOON_NS


def remove_litter(place: BackupPlace) -> None:
    """Remove the partial backups that killed programs left in the backup folder, but none of a running one."""
    try:
        names = os.listdir(place.folder)
    except OSError:
        return
    ours = [name for name in names if name.startswith(place.prefix)]
    targets = {target for name in ours if (target := partial_target(name)) is not None}
    whole = [
        place.folder / target for target in targets if _NAME.fullmatch(target.removeprefix(place.prefix))
    ]
    if whole:
        sweep(place.folder, whole, None)
    for name in ours:
        file = place.folder / name
        if _FORMER_PARTIAL.fullmatch(name.removeprefix(place.prefix)):
            with suppress(OSError):
                if time.time() - file.stat().st_mtime > _FORMER_AGE and not lock_holders(file):
                    file.unlink()
