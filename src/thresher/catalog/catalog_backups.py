"""The backups of an open catalog: by command, before commands that can't be undone, and how many there are."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import HEAD
from thresher.catalog.output_guard import OutputGuard
from thresher.catalog.safety.backup_rule import backup_by_rule, remove_surplus
from thresher.catalog.safety.backups import Backup, find_backups, make_backup, place_of, write_backup
from thresher.catalog.safety.database_copy import check_copy, looks_whole
from thresher.errors import NotFoundError
from thresher.progress import Progress, no_progress


@dataclass(frozen=True)
class BackupState:
    """The backups of a catalog, the latest first, the damaged ones, and the bytes of all."""

    folder: str
    whole: tuple[Backup, ...]
    damaged: tuple[Backup, ...]
    bytes: int


@dataclass(frozen=True)
class BackupReport:
    """A backup, its size, and the rows of its tables.

    It is not new if nothing has changed since. `removed` are the backups that the rule did not keep: it keeps the
    latest `keep`, and the last one of each of the last `weeks` weeks.
    """

    path: str
    bytes: int
    revision: str
    is_new: bool
    rows: Mapping[str, int]
    removed: tuple[str, ...]
    keep: int
    weeks: int


def back_up(catalog: Catalog, target: Path | None = None, progress: Progress = no_progress) -> BackupReport:
    """Make a backup: in the backup folder, by the rule, or in a file or a folder of the user's choice.

    A target without a suffix is a folder. Raises NotFoundError if it does not exist, UsageError if the file exists,
    CatalogError if no backup can be made.
    """
    place = place_of(catalog.root, catalog.settings)
    if target is None:
        known = find_backups(place)
        made = make_backup(place, "`thresher backup FILE` writes it elsewhere", progress)
        removed = remove_surplus(place, made)
        path, is_new, rows = made.path, made not in known, check_copy(made.path).rows
    else:
        path, is_new, removed = target, True, []
        if target.is_dir():
            path = target / f"{place.name}-{HEAD}-{time.strftime('%Y%m%d-%H%M%S')}.backup.db"
        elif not target.suffix and not target.exists():
            # for example the place of a disk that is not mounted
            raise NotFoundError(
                f"there is no folder {target}; create it or mount its disk, or name a file, such as {target}.db"
            )
        rows = write_backup(place, path, OutputGuard(catalog), progress).rows
    return BackupReport(
        str(path),
        path.stat().st_size,
        HEAD,
        is_new,
        rows,
        tuple(str(each.path) for each in removed),
        place.keep,
        place.weeks,
    )


def backup_before(
    catalog: Catalog, undone: str, progress: Progress = no_progress, *, may_be_damaged: bool = False
) -> Backup:
    """Make the backup of a command that changes what can't be undone.

    `undone` ends the sentence of an error: "nothing was forgotten". Raises CatalogError; the command must not go on
    then.
    """
    return backup_by_rule(
        place_of(catalog.root, catalog.settings), undone, progress, may_be_damaged=may_be_damaged
    )


def backup_state(catalog: Catalog) -> BackupState:
    """Return the backups of a catalog that are in its backup folder."""
    place = place_of(catalog.root, catalog.settings)
    found = find_backups(place)
    whole = [each for each in found if not each.is_damaged and looks_whole(each.path)]
    damaged = [each for each in found if each not in whole]
    return BackupState(str(place.folder), tuple(whole), tuple(damaged), sum(each.bytes for each in found))
