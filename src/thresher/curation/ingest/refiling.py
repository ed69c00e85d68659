"""Store known paths again that start at another root since `[roots]` of this machine changed.

So a file that was ingested before its folder became a root stays the same location.
"""

from __future__ import annotations

import time

from sqlalchemy import Connection, select

from thresher.catalog import locations
from thresher.catalog.catalog import Catalog
from thresher.catalog.paths import Place, StoredPath
from thresher.catalog.schema import location


def refile(catalog: Catalog) -> int:
    """Store the paths of locations again whose files are below another root now; return how many."""
    moves = _misfiled(catalog) if catalog.roots.folders else {}

    def store(connection: Connection) -> None:
        for location_id, (former, stored) in moves.items():
            locations.refile(connection, location_id, former, stored, time.time())

    if moves:
        catalog.write(store)
    return len(moves)


def _misfiled(catalog: Catalog) -> dict[int, tuple[Place, StoredPath]]:
    """Return the locations that are stored under another root than today's, each with its former place."""
    found, roots = {}, catalog.roots.as_now()
    with catalog.reading() as connection:
        columns = (location.c.id, location.c.root, location.c.path)
        for row in connection.execute(select(*columns).order_by(location.c.id)):
            path = roots.absolute(row.root, row.path)
            stored = None if path is None else roots.stored(path)
            if stored is not None and stored.place != locations.place_of(row):
                found[int(row.id)] = (locations.place_of(row), stored)
    return found
