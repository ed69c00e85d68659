"""Store known paths again that start at another root since `[roots]` of this machine changed.

So a file that was ingested before its folder became a root stays the same location.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import location
from thresher.catalog.files.paths import Place, StoredPath
from thresher.catalog.recordings import locations


class Misfiled(NamedTuple):
    """Where a location is stored, and where a file at its path is stored today."""

    former: Place
    today: StoredPath


def todays_places(misfiled: Mapping[int, Misfiled]) -> dict[Place, Place]:
    """Return where files are stored today, by the places at which their locations are stored."""
    return {former: today.place for former, today in misfiled.values()}


def find_misfiled(catalog: Catalog) -> dict[int, Misfiled]:
    """Return the locations, by id, whose files are below another root now than the one they are stored under."""
    if not catalog.roots.folders:
        return {}
    found, roots = {}, catalog.roots.as_now()
    with catalog.reading() as connection:
        columns = (location.c.id, location.c.root, location.c.path)
        for row in connection.execute(select(*columns).order_by(location.c.id)):
            path = roots.absolute(row.root, row.path)
            stored = None if path is None else roots.stored(path)
            if stored is not None and stored.place != locations.place_of(row):
                found[int(row.id)] = Misfiled(locations.place_of(row), stored)
    return found


def refile(connection: Connection, misfiled: Mapping[int, Misfiled]) -> None:
    """Store the paths of locations as they are stored today."""
    for location_id, (former, today) in misfiled.items():
        locations.refile(connection, location_id, former, today, time.time())
