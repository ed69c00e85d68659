"""Upgrades of a shared catalog to the schema of this version, and the programs that use it meanwhile.

Opening a catalog in a file upgrades it. One on a server is used by several programs, which may be of older
versions, so it is upgraded by command only. A program that is connected meanwhile is refused at its next change.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL

from thresher.catalog.database import database, schema
from thresher.catalog.settings import config
from thresher.errors import CatalogError

if TYPE_CHECKING:
    from thresher.catalog.database.postgres_database import Program


@dataclass(frozen=True)
class Upgrade:
    """A shared catalog, its revision and the one of this version, and the other programs that are connected."""

    target: str
    revision: str
    wanted: str
    programs: tuple[Program, ...]

    @property
    def is_needed(self) -> bool:
        """Whether the catalog has an older revision."""
        return self.revision != self.wanted


def prepare_upgrade(file: Path | None) -> Upgrade | None:
    """Return what an upgrade would do to the catalog whose catalog.toml is found as in `Catalog.open`.

    Return None for a catalog in a file. Raises CatalogError, also for a newer catalog.
    """
    target, timeout = _target(file)
    if not isinstance(target, URL):
        return None
    from thresher.catalog.database import postgres_database

    revision, programs = postgres_database.survey(target, timeout)
    return Upgrade(database.shown(target), revision, schema.HEAD, tuple(programs))


def upgrade(file: Path | None) -> None:
    """Upgrade a shared catalog in one transaction, during which nobody else writes to it. Raises CatalogError."""
    target, timeout = _target(file)
    if not isinstance(target, URL):
        raise CatalogError(f"{database.shown(target)} is a file, which is upgraded when it is opened")
    from thresher.catalog.database import postgres_database

    postgres_database.upgrade(target, timeout)


def _target(file: Path | None) -> tuple[database.Target, float]:
    found = Path(os.path.realpath(config.find_catalog(file, os.environ, Path.cwd())))
    settings = config.load_settings(found)
    return database.target_of(settings.catalog.database, found.parent), settings.catalog.busy_timeout
