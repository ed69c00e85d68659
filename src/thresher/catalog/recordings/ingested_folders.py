"""Store which ingested folders have a file system that changes ctimes or inodes by itself (see `folder_changes`).

The functions run inside the caller's transaction. Folders are stored like the paths of locations.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from thresher.catalog.database.schema import ingested_folder
from thresher.catalog.files.folder_changes import FolderChanges
from thresher.catalog.files.paths import Place


def read_changes(connection: Connection) -> dict[Place, FolderChanges]:
    """Return the changes of all folders that had any, by the places of their paths."""
    return {
        Place(row.root, row.path): FolderChanges(row.ctime_changes, row.inode_changes)
        for row in connection.execute(select(ingested_folder))
    }


def set_changes(connection: Connection, place: Place, changes: FolderChanges) -> None:
    """Store the changes of the folder at a place; no changes delete its row."""
    here = (ingested_folder.c.root == place.root, ingested_folder.c.path == place.path)
    if changes == FolderChanges():
        connection.execute(delete(ingested_folder).where(*here))
        return
    values = {"ctime_changes": changes.ctime, "inode_changes": changes.inode}
    # no upsert: in PostgreSQL, a path is unique by its digest
    changed = connection.execute(update(ingested_folder).where(*here).values(**values))
    if not changed.rowcount:
        connection.execute(insert(ingested_folder).values(**place._asdict(), **values))
