"""The folders that queries name: their names in the file system, and the condition that a file lies under one.

A folder is looked up in the file system when a query that names it is parsed. `Folders` remembers what it found, so
that a query which was parsed before a write transaction can be parsed again inside of it without touching a file.
"""

from __future__ import annotations

import os

from sqlalchemy import ColumnElement, and_, literal, or_

from thresher.catalog.database.portable_sql import StartsWith
from thresher.catalog.database.schema import location
from thresher.catalog.database.text_columns import in_nfc
from thresher.catalog.files import paths
from thresher.catalog.text.normal_form import nfc


class Folders:
    """Looks up folders, each once. Their names are relative to the catalog's folder, or start at a root."""

    def __init__(self, roots: paths.Roots) -> None:
        self.roots = roots
        self._names: dict[str, tuple[bytes, ...]] = {}

    def names(self, folder: str) -> tuple[bytes, ...]:
        """Return the absolute names of a folder: its own, and what symlinks in it lead to."""
        if folder not in self._names:
            # a folder of the file system can have a name that starts like a path below a root
            given = (
                os.path.join(os.fsencode(self.roots.home), paths.text_bytes(folder)),
                self.roots.named(folder),
            )
            names: tuple[bytes, ...] = given
            if b"\0" not in given[0]:  # else no file system holds it
                names = tuple(
                    name
                    for path in dict.fromkeys(given)
                    for name in (os.path.normpath(path), paths.absolute(path), os.path.realpath(path))
                )
            self._names[folder] = tuple(dict.fromkeys(names))
        return self._names[folder]


def under_folder(folder: str, folders: Folders) -> ColumnElement[bool]:
    """Return whether a location is `folder`, or lies under it.

    A symlink stands for what it leads to, as well as for itself.
    """
    names = folders.names(folder)
    texts = [folders.roots.stored(name).path_text for name in names]
    root, colon, _ = folder.partition(":")
    if colon and paths.ROOT_NAME.fullmatch(root):  # it may be a root that this machine lacks
        texts.append(paths.display_text(paths.text_bytes(folder)))
    below = (each for text in dict.fromkeys(map(nfc, texts)) for each in _below(text))
    return or_(*below, *(each for name in names for each in _in_places_inside(name, folders.roots)))


def _below(stored: str) -> list[ColumnElement[bool]]:
    """Return whether a location has a text, or lies under the folder that has it."""
    text = location.c.path_text if stored.isascii() else in_nfc(location.c.path_text)
    prefix = stored.rstrip("/") + "/"
    # LIKE would ignore upper and lower case.
    conditions = [text == stored, StartsWith(text, literal(prefix))]
    name = stored.removesuffix(":")
    if name != stored and paths.ROOT_NAME.fullmatch(name):
        conditions.append(location.c.root == name)
    return conditions


def _in_places_inside(absolute: bytes, roots: paths.Roots) -> list[ColumnElement[bool]]:
    """Return whether a location starts at the catalog's folder or at a root, if a folder contains that one."""
    conditions = []
    inside = os.path.join(absolute, b"")
    if os.path.join(os.fsencode(roots.home), b"").startswith(inside):
        # The folder contains the catalog, and so every location that is stored relative to it.
        conditions.append(and_(location.c.root == "", ~StartsWith(location.c.path_text, literal("/"))))
    contained = [
        name for name, folder in roots.folders.items() if os.path.join(folder, b"").startswith(inside)
    ]
    if contained:
        conditions.append(location.c.root.in_(contained))
    return conditions
