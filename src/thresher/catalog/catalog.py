"""Catalog: the object that every verb takes.

A catalog is a folder with a `catalog.toml`. That file names the database, by default catalog.db in the same folder.
"""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from thresher.catalog.database import database, presence, settled, sqlite_database
from thresher.catalog.database.retries import repeated
from thresher.catalog.files import paths
from thresher.catalog.files.files import Hashes
from thresher.catalog.files.partial_files import partial_path, place_new, sweep, sync_folder
from thresher.catalog.settings import config
from thresher.catalog.settings.own_files import SQLITE_SUFFIXES
from thresher.catalog.settings.sections import Settings
from thresher.errors import CatalogError, ReadOnlyCatalogError

T = TypeVar("T")

_OF_DAMAGED_VALUES = (
    *(SQLAlchemyError, sqlite3.Error, ValueError, TypeError, LookupError, AttributeError),
    *(ArithmeticError, AssertionError, RecursionError),
)
"""The errors that damaged values can cause anywhere."""


class Catalog:
    """An open catalog. Close it, or use it in a `with` block.

    `file` is its catalog.toml, `root` the folder of that file, and `settings` are the settings in it. `roots` are
    the folders at which stored paths start. `backup` is the copy that was made if opening the catalog upgraded it,
    else None. `has_joined` says whether `create` found the catalog in the database of a server. `hashes` remembers
    which files were hashed through this object. `not_noted` is why something was not noted on the side, see `note`;
    None if all was.
    """

    def __init__(self, file: Path, settings: Settings, engine: Engine, backup: Path | None = None) -> None:
        self.file = file
        self.root = file.parent
        self.settings = settings
        self.roots = paths.Roots.of(self.root, settings.roots)
        self.backup = backup
        self.has_joined = False
        self.hashes = Hashes()
        self.not_noted: str | None = None
        self._engine = engine
        self._leave: Callable[[], object] | None = None

    @classmethod
    def create(cls, folder: str | os.PathLike[str], address: str | None = None) -> Self:
        """Create a catalog in `folder`, which is created if needed. An existing catalog.toml is kept.

        `address` is that of its database, which a new catalog.toml names; by default that is a file in the folder.
        A database of a server that holds a catalog already is joined. A creation that was interrupted is completed.
        Raises CatalogError if the database exists already or the folder can't be written.
        """
        root = Path(os.path.realpath(folder))
        file = root / config.FILE_NAME
        has_settings = file.exists()
        settings = config.load_settings(file) if has_settings else config.settings_of_database(address)
        if has_settings and address not in (None, settings.catalog.database):
            raise CatalogError(
                f"{file} exists already and names another database ({settings.catalog.database}); change [catalog] "
                "database in it, or give another folder"
            )
        target = database.target_of(settings.catalog.database, root)
        _check_new(target, file, has_settings=has_settings)
        try:
            root.mkdir(parents=True, exist_ok=True)
            files = [file] if isinstance(target, URL) else [target, file]
            for each in files:
                sweep(each.parent, [each], None)
            is_new = True
            if isinstance(target, URL) or not target.exists():
                is_new = database.create(target, settings.catalog.busy_timeout)
            if not has_settings:
                _write_starter(file, address)
        except OSError as error:
            raise CatalogError(
                f"can't create a catalog in {root}: {error.strerror}; give another folder: thresher init FOLDER"
            ) from error
        catalog = cls.open(file)
        catalog.has_joined = not is_new
        return catalog

    @classmethod
    def open(
        cls,
        file: str | os.PathLike[str] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        start: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Open a catalog.

        Its catalog.toml is `file`, else $THRESHER_CATALOG, else the nearest one in the folder `start` (by default
        the current folder) and the folders above it. A catalog that an older thresher wrote is upgraded after a
        backup. Raises CatalogError if there is no catalog, if it can't be read, or if a newer thresher wrote it.
        """
        found = config.find_catalog(
            None if file is None else Path(file),
            os.environ if environ is None else environ,
            Path.cwd() if start is None else Path(start),
        )
        # resolve symlinks, so that each file has one path whichever link leads to the catalog
        found = Path(os.path.realpath(found))
        settings = config.load_settings(found)
        target = database.target_of(settings.catalog.database, found.parent)
        handle = presence.announce(found, settings.catalog.busy_timeout)
        leave = None if handle is None else partial(os.close, handle)
        try:
            return cls._opened(found, settings, target, leave)
        except BaseException:
            if leave is not None:
                leave()
            raise

    @classmethod
    def _opened(
        cls,
        found: Path,
        settings: Settings,
        target: database.Target,
        leave: Callable[[], object] | None,
    ) -> Self:
        engine, backup = database.open_current(
            target,
            settings.catalog.busy_timeout,
            lambda: _backup_before_upgrade(found.parent, settings),
            settings.metrics.former_default,
        )
        catalog = cls(found, settings, engine, backup)
        if leave is not None:
            catalog._leave = weakref.finalize(catalog, leave)
        return catalog

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        damage = None if error is None else self.damage_behind(error)
        self.close()
        if damage is not None:
            raise damage from error

    def damage_behind(self, error: BaseException) -> CatalogError | None:
        """Return the error to raise in place of an unexpected one if the database is damaged, else None."""
        if not isinstance(error, _OF_DAMAGED_VALUES):
            return None
        from thresher.catalog.safety.damage import is_damaged  # only a damaged catalog needs it

        with suppress(*_OF_DAMAGED_VALUES), self.reading() as connection:
            if not is_damaged(connection):
                return None
        return CatalogError(
            f"the catalog {self.file} is damaged ({type(error).__name__}); `thresher verify` lists the damage, and "
            "says what can be repaired"
        )

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()
        if self._leave is not None:
            self._leave()

    def reading(self) -> AbstractContextManager[Connection]:
        """Open a transaction that sees the catalog as it is at this moment."""
        return database.reading(self._engine)

    def write(self, function: Callable[[Connection], T], *, dry_run: bool = False) -> T:
        """Return what `function` returns, called in a transaction that commits when it returns.

        The transaction behaves as if no other one ran at the same time; on any error it is rolled back, and in a
        dry run always. If another program's transaction gets in its way, `function` is called again in a new one,
        so it changes no object that exists before the call: it builds its results inside and returns them.
        """

        def attempt(*, alone: bool) -> T:
            with database.writing(self._engine, rollback=dry_run, alone=alone) as connection:
                return function(connection)

        return repeated(attempt)

    def note(self, function: Callable[[Connection], T]) -> T | None:
        """Return what `function` returns, called as by `write`, or None if the catalog can only be read.

        It is for what a command notes on the side, such as that a clip was played. The command goes on without.
        """
        if self.not_noted is not None:
            return None
        try:
            return self.write(function)
        except ReadOnlyCatalogError as error:
            self.not_noted = str(error)
            return None

    def why_read_only(self) -> str | None:
        """Return why the role or the server of a shared catalog allows no changes; None if it allows them."""
        if not self.is_shared:
            return None
        try:
            self.write(lambda _connection: None, dry_run=True)
        except ReadOnlyCatalogError as error:
            return str(error)
        return None

    def check_revision(self, connection: Connection) -> None:
        """Raise UpgradedError if another version of thresher has upgraded the catalog since it was opened."""
        database.check_unchanged_revision(connection, self.file)

    def settle(self, is_settled: Callable[[Connection], bool]) -> None:
        """Stamp the catalog as settled if `is_settled` says so in the transaction that stamps it.

        A catalog on a server has no stamp.
        """
        if self.is_shared:
            return
        wanted = settled.stamp(self.file)
        with self.reading() as connection:
            if sqlite_database.user_version(connection) == wanted:
                return

        def stamp(connection: Connection) -> None:
            if is_settled(connection):
                sqlite_database.set_user_version(connection, wanted)

        self.write(stamp)

    @property
    def is_shared(self) -> bool:
        """Whether the catalog is on a server, where other machines may use it, too."""
        return self._engine.dialect.name != "sqlite"

    def database_files(self) -> list[bytes]:
        """Return the paths of the files that SQLite keeps for the catalog; some of them come and go."""
        if self.is_shared:
            return []
        return [os.fsencode(f"{self._engine.url.database}{end}") for end in SQLITE_SUFFIXES]

    def stored(self, path: str | bytes | os.PathLike[str]) -> paths.StoredPath:
        """Return a path of the file system in the catalog's two forms."""
        return self.stored_absolute(paths.absolute(path))

    def stored_absolute(self, path: bytes) -> paths.StoredPath:
        """Return an absolute path, as a scan returns it, in the catalog's two forms."""
        return self.roots.stored(path)

    def absolute(self, root: str, path: bytes) -> bytes | None:
        """Return the absolute path of a stored path; None if its root is not on this machine."""
        return self.roots.absolute(root, path)

    def absolute_of_text(self, text: str, root: str = "") -> bytes | None:
        """Return the absolute path of a path that is stored as text only: of the file that exists, if one does.

        None if its root is not on this machine.
        """
        spelled = paths.spellings(paths.text_below(root, text))
        candidates = [self.absolute(root, path) for path in spelled]
        return next(
            (each for each in candidates if each is not None and os.path.lexists(each)), candidates[-1]
        )


def _backup_before_upgrade(root: Path, settings: Settings) -> Path:
    from thresher.catalog.safety import backup_rule, backups  # only an upgrade needs them

    return backup_rule.backup_by_rule(backups.place_of(root, settings), "the catalog was not upgraded").path


def _check_new(target: database.Target, file: Path, *, has_settings: bool) -> None:
    """Raise CatalogError if a catalog exists already; a server's catalog may, if this folder does not know it."""
    if isinstance(target, URL):
        exists = has_settings and database.is_catalog(target)
    else:
        exists = target.exists()
        if exists and not has_settings and not sqlite_database.is_untouched(target):
            raise CatalogError(
                f"{target} exists already, but its catalog.toml does not; put that back, write an empty {file} for "
                "the default settings, or move the database away"
            )
    if exists and has_settings:
        raise CatalogError(f"{file} exists already; `thresher ingest PATH` adds to its catalog")


def _write_starter(file: Path, address: str | None) -> None:
    """Write a new catalog.toml, complete or not at all; one that appears meanwhile is kept."""
    with partial_path(file, None) as new, new.open("xb") as written:
        written.write(config.starter(address).encode())
        written.flush()
        os.fsync(written.fileno())
        with suppress(FileExistsError):
            place_new(new, file)
    sync_folder(file.parent)
