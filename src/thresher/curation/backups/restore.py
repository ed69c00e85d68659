"""Restore: take a catalog back to a backup.

The backup is copied to a temporary folder, upgraded and checked there, and compared with the catalog. Only then it
replaces the catalog's database, in one transaction of SQLite: a process that is killed leaves either the old
content or the new one. What is replaced is kept as a backup of its own. While the database is replaced, no other
process can have the catalog open.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from sqlalchemy import URL, Engine

from thresher.catalog.catalog import Catalog
from thresher.catalog.database import database, migrations, presence, safeguards, sqlite_database
from thresher.catalog.database.schema import HEAD
from thresher.catalog.files.partial_files import partial_path, sweep, sync_folder
from thresher.catalog.files.temporary_files import temporary_folder
from thresher.catalog.safety.backups import BackupPlace, keep_as_it_is, make_backup, place_of, remove_litter
from thresher.catalog.safety.database_copy import (
    check_copy,
    copy_database,
    error_code,
    transfer,
)
from thresher.catalog.settings import config
from thresher.catalog.settings.sections import Settings
from thresher.curation.backups.difference import RestoreDifference, differences
from thresher.curation.ingest.verify import VerifyReport, verify
from thresher.errors import CatalogError, NotFoundError, UsageError
from thresher.progress import Progress, no_progress

UNDONE = "the catalog was not replaced"
_UNREADABLE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""The errors of SQLite for a file that it can't read as a database."""
_PATIENCE = 2.0
"""Seconds to wait for other processes that have the catalog open."""


@dataclass(frozen=True)
class RestoreChanges:
    """What a restore changes.

    `revision` is that of the backup, which is upgraded if it is older. `damage` lists what `verify` finds in it.
    `differences` are empty if the catalog can't be compared; `incomparable` then says why. `kept` is the copy of
    what was replaced; None in a dry run, or if there was nothing.
    """

    backup: str
    revision: str
    damage: tuple[str, ...]
    differences: tuple[RestoreDifference, ...]
    incomparable: str | None
    kept: str | None = None


class PreparedRestore:
    """A checked copy of a backup that can replace the database of a catalog."""

    def __init__(self, file: Path, place: BackupPlace, copy: Path, report: RestoreChanges) -> None:
        self.report = report
        self._file = file
        self._place = place
        self._copy = copy

    def carry_out(self, progress: Progress = no_progress) -> RestoreChanges:
        """Replace the database. Raises CatalogError if another process has the catalog open."""
        target = self._place.database
        if isinstance(target, URL):
            return self._carry_out_on_server(target, progress)
        with presence.alone(self._file, _PATIENCE):
            kept = _kept(self._place) if target.exists() else None
            _raise_counters(target, self._copy)
            try:
                _replace(self._copy, target, progress)
            except sqlite3.Error as error:
                if error_code(error) not in _UNREADABLE:
                    raise CatalogError(f"{target} can't be replaced ({error}); {UNDONE}") from error
                _place(self._copy, target)
        return replace(self.report, kept=None if kept is None else str(kept))

    def _carry_out_on_server(self, target: URL, progress: Progress) -> RestoreChanges:
        from thresher.catalog.safety.server_copy import replace_on_server  # loads psycopg

        kept = replace_on_server(
            target, _PATIENCE, self._copy, lambda: make_backup(self._place, UNDONE), progress
        )
        return replace(self.report, kept=str(kept.path))


@contextmanager
def prepare_restore(
    backup: Path, catalog: Path | None = None, progress: Progress = no_progress, start: Path | None = None
) -> Iterator[PreparedRestore]:
    """Check a backup and compare it with a catalog, which is found as by `Catalog.open`.

    Raises NotFoundError if there is no such file, and CatalogError if the backup is damaged, is not a catalog, or
    was written by a newer program.
    """
    found = config.find_catalog(catalog, os.environ, start or Path.cwd())
    file = Path(os.path.realpath(found))
    settings = config.load_settings(file)
    place = place_of(file.parent, settings)
    if _is_the_database(backup, place):
        raise UsageError(f"{backup} is the database of the catalog itself; give a backup of it")
    if not backup.is_file():
        raise NotFoundError(f"there is no file {backup}; `thresher backup --list` shows the backups")
    try:
        revision = check_copy(backup).revision
    except CatalogError as error:
        raise CatalogError(f"{error}; `thresher backup --list` shows the backups") from error
    _check_revision(backup, revision)
    remove_litter(place)
    if isinstance(place.database, Path):
        sweep(place.database.parent, [place.database], None)
    with temporary_folder() as folder:
        copy = folder / "backup.db"
        with _in_one_sentence(backup, folder):
            engine = _copied(backup, copy, settings, progress)
        try:
            checked = Catalog(file, settings, engine)
            damage = _damage(verify(checked, progress=progress))
            compared, why = _compared(checked, place, settings, folder)
        finally:
            engine.dispose()
        yield PreparedRestore(file, place, copy, RestoreChanges(str(backup), revision, damage, compared, why))


def _is_the_database(backup: Path, place: BackupPlace) -> bool:
    return (
        isinstance(place.database, Path)
        and place.database.exists()
        and os.path.exists(backup)
        and os.path.samefile(backup, place.database)
    )


def _check_revision(file: Path, revision: str) -> None:
    if revision != HEAD and revision not in migrations.known_revisions():
        raise CatalogError(
            f"{file} was written by a newer thresher (revision {revision}; this one knows {HEAD}); {UNDONE}: run "
            "`pip install --upgrade thresher`"
        )


def _copied(source: Path, copy: Path, settings: Settings, progress: Progress) -> Engine:
    """Copy a database, upgrade the copy, and open it."""
    copy.touch()
    copy_database(source, copy, settings.catalog.busy_timeout, progress)
    engine = database.connect(copy, settings.catalog.busy_timeout)
    if database.current_revision(engine) != HEAD:
        sqlite_database.run_migrations(engine, former_metric=settings.metrics.former_default)
    return engine


def _damage(found: VerifyReport) -> tuple[str, ...]:
    """Return what is wrong with a backup, without the state of the files, which it does not hold."""
    if found.is_sound:
        return ()
    words = [str(each) for each in found.database]
    for name, value in vars(found).items():
        if name in ("database", "files", "repair", "left", "unfinished"):
            continue
        found_here = [*chain(*value.values())] if isinstance(value, Mapping) else value
        if isinstance(found_here, list | tuple) and found_here:
            words.append(f"{name.replace('_', ' ')}: {len(found_here)}")
    return tuple(words) or ("`thresher verify` finds damage in it",)


def _compared(
    checked: Catalog, place: BackupPlace, settings: Settings, folder: Path
) -> tuple[tuple[RestoreDifference, ...], str | None]:
    """Compare the catalog with a backup; if that is impossible, say why."""
    if isinstance(place.database, URL):
        return _compared_on_server(checked, place.database, settings)
    if not place.database.exists():
        return (), "there is no database to compare with"
    try:
        sqlite_database.check_file(place.database)
        engine = database.connect(place.database, settings.catalog.busy_timeout)
        revision = database.current_revision(engine)
        if revision is None:
            return (), "the database in its place is not a catalog"
        if revision != HEAD:
            if revision not in migrations.known_revisions():
                return (), f"the catalog was written by a newer thresher (revision {revision})"
            engine = _copied(place.database, folder / "current.db", settings, no_progress)
        with database.reading(engine) as current, checked.reading() as backup:
            return differences(current, backup), None
    except (CatalogError, sqlite3.Error) as error:
        reason = str(error).partition(";")[0]  # what follows advises this restore
        return (), f"the catalog can't be read: {reason}"


def _compared_on_server(
    checked: Catalog, url: URL, settings: Settings
) -> tuple[tuple[RestoreDifference, ...], str | None]:
    from thresher.catalog.database.postgres_database import open_current  # loads psycopg

    engine = open_current(url, settings.catalog.busy_timeout)
    try:
        with database.reading(engine) as current, checked.reading() as backup:
            return differences(current, backup), None
    finally:
        engine.dispose()


def _kept(place: BackupPlace) -> Path:
    """Keep the database that is replaced: as a backup, or as it is if SQLite can't read it."""
    try:
        return make_backup(place, UNDONE, may_be_damaged=True).path
    except CatalogError as error:
        if error_code(error.__cause__) not in _UNREADABLE:
            raise
        return keep_as_it_is(place, UNDONE).path


def _raise_counters(target: Path, copy: Path) -> None:
    """Let the restored catalog give no id that the replaced one gave to something else."""
    statement = "SELECT name, seq FROM sqlite_sequence"
    try:
        with closing(sqlite3.connect(f"{target.absolute().as_uri()}?mode=ro", uri=True)) as opened:
            given = dict(opened.execute(statement).fetchall())
    except sqlite3.Error:
        return
    engine = database.connect(copy, _PATIENCE)
    try:
        with database.writing(engine) as connection:
            safeguards.raise_last_ids(connection, given)
    finally:
        engine.dispose()


def _replace(copy: Path, target: Path, progress: Progress) -> None:
    """Replace the content of a database in one transaction. Raises sqlite3.Error."""
    if not target.exists():
        _place(copy, target)
        return
    with (
        closing(
            sqlite3.connect(f"{target.absolute().as_uri()}?mode=rw", uri=True, timeout=_PATIENCE)
        ) as live,
        closing(sqlite3.connect(copy)) as source,
    ):
        live.isolation_level = None
        live.executescript("PRAGMA synchronous=FULL; BEGIN EXCLUSIVE; ROLLBACK;")  # nobody uses it now
        transfer(source, live, progress, "restoring")


def _place(copy: Path, target: Path) -> None:
    """Put a copy in the place of a file that is not a database, or where no file is."""
    with partial_path(target, None) as partial:
        shutil.copyfile(copy, partial)
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        for suffix in ("-journal", "-wal", "-shm"):  # SQLite would apply them to the new file
            with suppress(FileNotFoundError):
                os.unlink(f"{target}{suffix}")
        os.replace(partial, target)
    sync_folder(target.parent)


@contextmanager
def _in_one_sentence(backup: Path, folder: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if error_code(error) == sqlite3.SQLITE_FULL:
            raise CatalogError(
                f"no space left for a copy of {backup} in {folder.parent}; set TMPDIR to a folder with free space"
            ) from error
        raise CatalogError(f"{backup} can't be read ({error}); {UNDONE}") from error
