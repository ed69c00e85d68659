"""The two forms in which the catalog holds a path.

`path` is bytes as the file system knows them, relative to the catalog's folder where it lies under it: for
identity and opening. `path_text` is the same as text that can be searched, sorted, shown and put in JSON.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\udc80-\udcff]")


class StoredPath(NamedTuple):
    """A path as a location holds it."""

    path: bytes
    path_text: str


def display_text(path: bytes) -> str:
    """`path` as text: UTF-8, with other bytes and control characters as `\\xNN`."""
    return _UNPRINTABLE.sub(_escaped, path.decode("utf-8", "surrogateescape"))


def _escaped(match: re.Match[str]) -> str:
    raw = match.group().encode("utf-8", "surrogateescape")
    return "".join(f"\\x{byte:02x}" for byte in raw)


def absolute(path: str | bytes | os.PathLike[str]) -> bytes:
    """`path` as absolute bytes by way of real folders, so that a file has one path whichever way leads to it.

    A link to a file stays one: what it is called there is what it is called.
    """
    given = os.path.abspath(os.fsencode(path))
    if os.path.isdir(given):
        return os.path.realpath(given)
    folder, name = os.path.split(given)
    return os.path.join(os.path.realpath(folder), name)


def to_stored(path: bytes, root: Path) -> StoredPath:
    """An absolute path as stored by a catalog in folder `root`."""
    folder = os.fsencode(root)
    prefix = folder.rstrip(os.sep.encode()) + os.sep.encode()
    stored = path[len(prefix) :] if path.startswith(prefix) else path
    if path == folder:
        stored = b"."
    return StoredPath(stored, display_text(stored))


def from_stored(path: bytes, root: Path) -> bytes:
    """The absolute path that a location's `path` means for a catalog in folder `root`."""
    return os.path.join(os.fsencode(root), path)
