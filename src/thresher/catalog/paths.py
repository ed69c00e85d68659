"""The two forms in which the catalog stores a path.

`path` holds the bytes of the file system, relative to the catalog's folder for files below it. It identifies
and opens files. `path_text` is the same path as text, which can be searched, sorted, displayed and written as
JSON.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from thresher.errors import UsageError

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\udc80-\udcff]")
_ESCAPE = re.compile(rb"\\x([01][0-9a-f]|7f|[89a-f][0-9a-f])")  # what `display_text` writes


class StoredPath(NamedTuple):
    """A path as a location stores it."""

    path: bytes
    path_text: str


def display_text(path: bytes) -> str:
    """Return `path` as text: UTF-8, with other bytes and control characters as `\\xNN`."""
    return _UNPRINTABLE.sub(_escaped, path.decode("utf-8", "surrogateescape"))


def _escaped(match: re.Match[str]) -> str:
    raw = match.group().encode("utf-8", "surrogateescape")
    return "".join(f"\\x{byte:02x}" for byte in raw)


def text_bytes(text: str) -> bytes:
    """Return the bytes of a path that is stored as text, which is UTF-8 in every locale."""
    return text.encode("utf-8", "surrogateescape")


def spellings(text: str) -> list[bytes]:
    """Return the paths that a path as text can stand for: as it is, and with its escapes as the bytes they name.

    Text is ambiguous: a name can contain a backslash. So the first of these paths that exists is meant.
    """
    as_it_is = text_bytes(text)
    unescaped = _ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()), as_it_is)
    return [as_it_is] if unescaped == as_it_is else [as_it_is, unescaped]


def absolute(path: str | bytes | os.PathLike[str]) -> bytes:
    """Return `path` as absolute bytes with all symlinks to folders resolved, so that a file has only one path.

    A symlink to a file is not resolved: its own name counts.
    """
    given = os.path.abspath(os.fsencode(path))
    if os.path.isdir(given):
        return os.path.realpath(given)
    folder, name = os.path.split(given)
    return os.path.join(os.path.realpath(folder), name)


def to_stored(path: bytes, root: Path) -> StoredPath:
    """Return an absolute path as a catalog in folder `root` stores it."""
    folder = os.fsencode(root)
    prefix = folder.rstrip(os.sep.encode()) + os.sep.encode()
    stored = path[len(prefix) :] if path.startswith(prefix) else path
    if path == folder:
        stored = b"."
    return StoredPath(stored, display_text(stored))


def from_stored(path: bytes, root: Path) -> bytes:
    """Return the absolute path of a stored path, for a catalog in folder `root`."""
    return os.path.join(os.fsencode(root), path)


LONGEST_NAME = 255
"""The longest name of a file or folder, in bytes, on the usual file systems."""


def name_too_long(path: bytes | str) -> UsageError:
    """Return the error for a path that the file system refuses (ENAMETOOLONG)."""
    name = max(os.fsencode(path).split(b"/"), key=len)
    shown = display_text(name)
    shown = shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"
    what = f"it has {len(name)} bytes, and {LONGEST_NAME} are allowed"
    if len(name) <= LONGEST_NAME:
        what = f"its path has {len(os.fsencode(path)):,} bytes"
    return UsageError(f'the name "{shown}" is too long for the file system: {what}; give a shorter one')


_LONGEST_SHOWN = 40
