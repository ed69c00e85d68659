"""Folders whose file systems change ctimes or inodes: when they count as unstable, and for which files."""

from __future__ import annotations

from pathlib import Path

from thresher.catalog.files.folder_changes import INGESTS, FolderChanges, UnstableFolders, unstable_folders
from thresher.catalog.files.paths import Place, Roots
from thresher.catalog.files.stamps import STABLE, Unstable


def test_a_folder_is_unstable_after_some_ingests_in_a_row() -> None:
    assert FolderChanges().unstable == STABLE
    assert FolderChanges(ctime=INGESTS - 1, inode=INGESTS - 1).unstable == STABLE
    assert FolderChanges(ctime=INGESTS).unstable == Unstable(True, False)
    assert FolderChanges(ctime=1, inode=INGESTS).unstable == Unstable(False, True)


def test_a_file_has_what_is_unstable_in_the_folders_above_it() -> None:
    folders = UnstableFolders({b"/a": Unstable(True, False), b"/a/b": Unstable(False, True)})
    assert folders.of(b"/a/x.wav") == Unstable(True, False)
    assert folders.of(b"/a/b/x.wav") == Unstable(True, True)
    assert folders.of(b"/ab/x.wav") == STABLE
    assert folders.of(b"/x.wav") == STABLE


def test_stored_folders_are_relative_to_the_catalog() -> None:
    changes = {
        Place("", b"runs"): FolderChanges(ctime=INGESTS),
        Place("", b"../away"): FolderChanges(inode=INGESTS),
        Place("", b"/mnt/share"): FolderChanges(ctime=INGESTS),
        Place("", b"calm"): FolderChanges(ctime=1),
    }
    folders = unstable_folders(changes, Roots(Path("/home/me/catalog")))
    assert folders.of(b"/home/me/catalog/runs/x.wav") == Unstable(True, False)
    assert folders.of(b"/home/me/away/x.wav") == Unstable(False, True)
    assert folders.of(b"/mnt/share/x.wav") == Unstable(True, False)
    assert folders.of(b"/home/me/catalog/calm/x.wav") == STABLE
