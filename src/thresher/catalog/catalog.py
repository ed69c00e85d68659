"""Catalog: the object that every verb takes.

A catalog is a folder with a `catalog.toml`. That file names the database, by default catalog.db in the same folder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine

from thresher.catalog import config, database, paths
from thresher.errors import CatalogError


class Catalog:
    """An open catalog; close it, or use it in a `with` block.

    `file` is its catalog.toml, `root` that file's folder, `settings` what the file says. `backup` is the copy
    that was made where opening it meant an upgrade, else None.
    """

    def __init__(
        self, file: Path, settings: config.Settings, engine: Engine, backup: Path | None = None
    ) -> None:
        self.file = file
        self.root = file.parent
        self.settings = settings
        self.backup = backup
        self._engine = engine

    @classmethod
    def create(cls, folder: str | os.PathLike[str]) -> Self:
        """Start a catalog in `folder`, made if needed; refuses to touch an existing one (CatalogError).

        Settings that lie there without their database are kept, and get a new one.
        """
        root = Path(os.path.realpath(folder))
        file = root / config.FILE_NAME
        has_settings = file.exists()
        settings = config.load_settings(file) if has_settings else config.Settings()
        target = database.database_file(settings.catalog.database, root)
        if target.exists() and has_settings:
            raise CatalogError(f"{file} exists already; `thresher ingest PATH` adds to its catalog")
        if target.exists():
            raise CatalogError(f"{target} exists already, without a catalog.toml; move one of them away")
        try:
            root.mkdir(parents=True, exist_ok=True)
            database.create(target, settings.catalog.busy_timeout)
            if not has_settings:
                file.write_text(config.STARTER, encoding="utf-8")
        except OSError as error:
            raise CatalogError(
                f"no catalog can be made in {root}: {error.strerror}; name another folder: thresher init FOLDER"
            ) from error
        return cls.open(file)

    @classmethod
    def open(
        cls,
        file: str | os.PathLike[str] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        start: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Open the catalog of `file`, else of $THRESHER_CATALOG, else of the nearest catalog.toml upwards.

        A catalog of an older thresher is upgraded after a backup; a newer one is refused (CatalogError).
        """
        found = config.find_catalog(
            None if file is None else Path(file),
            os.environ if environ is None else environ,
            Path.cwd() if start is None else Path(start),
        )
        # by its real name: files are the same ones whichever way leads to them
        found = Path(os.path.realpath(found))
        settings = config.load_settings(found)
        target = database.database_file(settings.catalog.database, found.parent)
        engine, backup = database.open_current(target, settings.catalog.busy_timeout)
        return cls(found, settings, engine, backup)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    def reading(self) -> AbstractContextManager[Connection]:
        """Open a transaction that sees the catalog as it is at this moment."""
        return database.reading(self._engine)

    def writing(self, *, rollback: bool = False) -> AbstractContextManager[Connection]:
        """Open a transaction that locks the catalog for writing.

        It commits at the end of the block and rolls back on any error; with `rollback` it always rolls back.
        """
        return database.writing(self._engine, rollback=rollback)

    def stored(self, path: str | bytes | os.PathLike[str]) -> paths.StoredPath:
        """Return a path of the file system in the catalog's two forms."""
        return self.stored_absolute(paths.absolute(path))

    def stored_absolute(self, path: bytes) -> paths.StoredPath:
        """Return an absolute path, as a scan returns it, in the catalog's two forms."""
        return paths.to_stored(path, self.root)

    def absolute(self, stored: bytes) -> bytes:
        """Return the absolute path of a stored path."""
        return paths.from_stored(stored, self.root)
