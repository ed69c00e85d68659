"""The changes of ingested folders are stored, replaced and deleted."""

from __future__ import annotations

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.files.folder_changes import FolderChanges
from thresher.catalog.files.paths import Place
from thresher.catalog.recordings.ingested_folders import read_changes, set_changes


def test_changes_are_stored_for_each_folder_until_there_are_none(catalog: Catalog) -> None:
    with writing(catalog) as connection:
        assert read_changes(connection) == {}
        set_changes(connection, Place("", b"runs"), FolderChanges(1, 0))
        set_changes(connection, Place("share", b"not-utf8-\xff"), FolderChanges(0, 2))
        set_changes(connection, Place("", b"runs"), FolderChanges(2, 1))
        assert read_changes(connection) == {
            Place("", b"runs"): FolderChanges(2, 1),
            Place("share", b"not-utf8-\xff"): FolderChanges(0, 2),
        }
        set_changes(connection, Place("", b"runs"), FolderChanges())
        set_changes(connection, Place("", b"never there"), FolderChanges())
        assert list(read_changes(connection)) == [Place("share", b"not-utf8-\xff")]
