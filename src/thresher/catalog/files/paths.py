"""The two forms in which the catalog stores a path, and the roots at which stored paths start.

`path` holds the bytes of the file system. It identifies and opens files. `path_text` is the same path as text,
which can be searched, sorted, displayed and written as JSON.

`root` is the name of a folder that each machine sets in its own `[roots]`, so that machines with the audio in
different places share a catalog. A path below the folder of a root is relative to it, and its text starts with the
name of the root and a colon. Other paths have no root (""): they are relative to the catalog's folder if they are
below it, else absolute.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Self

from thresher.errors import UsageError
from thresher.formatting import shortened

ROOT_NAME = re.compile("[A-Za-z0-9_-]+")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\udc80-\udcff]")
_ESCAPE = re.compile(rb"\\x([01][0-9a-f]|7f|[89a-f][0-9a-f])")  # what `display_text` writes


class Place(NamedTuple):
    """What identifies a path in the catalog: its root, and the path below it."""

    root: str
    path: bytes


class StoredPath(NamedTuple):
    """A path as a location stores it."""

    path: bytes
    path_text: str
    root: str = ""

    @property
    def place(self) -> Place:
        """What identifies the path."""
        return Place(self.root, self.path)


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


@dataclass(frozen=True)
class Roots:
    """The folders of this machine at which stored paths start.

    These are the catalog's folder `home`, and the named `folders`. They are absolute and without symlinks, like the
    paths that `absolute` returns. `present` are the roots whose folders exist; None looks for them each time.
    """

    home: Path
    folders: Mapping[str, bytes] = field(default_factory=dict)
    present: frozenset[str] | None = None

    @classmethod
    def of(cls, home: Path, named: Mapping[str, str]) -> Self:
        """Return the roots of a catalog in the folder `home`; the `named` folders may be relative to it."""
        return cls(home, {name: os.fsencode(root_folder(home, path)) for name, path in named.items()})

    def as_now(self) -> Self:
        """Return these roots with those that are present now, so that a transaction need not look for folders."""
        return replace(self, present=frozenset(filter(self._is_present, self.folders)))

    def _is_present(self, root: str) -> bool:
        return root in self.folders and (
            os.path.isdir(self.folders[root]) if self.present is None else root in self.present
        )

    def named(self, text: str) -> bytes:
        """Return the absolute path that a text names: below a root with whose name it starts, else below `home`."""
        root, colon, below = text.partition(":")
        if colon and root in self.folders:
            return os.path.join(self.folders[root], text_bytes(below))
        return os.path.join(os.fsencode(self.home), text_bytes(text))

    def stored(self, path: bytes) -> StoredPath:
        """Return an absolute path as the catalog stores it: below the longest folder of a root that contains it."""
        root = max(
            (name for name, folder in self.folders.items() if _below(path, folder) is not None),
            key=lambda name: len(self.folders[name]),
            default="",
        )
        stored = _below(path, self.folders[root] if root else os.fsencode(self.home))
        if stored is None:
            stored = path
        text = display_text(stored)
        return StoredPath(stored, f"{root}:{'' if text == '.' else text}" if root else text, root)

    def absolute(self, root: str, path: bytes) -> bytes | None:
        """Return the absolute path of a stored path; None if this machine lacks its root, or the root's folder.

        So a file of which this machine can't know anything has no path.
        """
        if not root:
            return os.path.join(os.fsencode(self.home), path)
        return os.path.join(self.folders[root], path) if self._is_present(root) else None

    def why_absent(self, root: str) -> str:
        """Return why paths below a root can't be opened on this machine, as a part of a sentence."""
        folder = self.folders.get(root)
        if folder is None:
            return f"the root {root} is not set on this machine ([roots] in catalog.toml)"
        return f"{display_text(folder)}, the folder of the root {root}, is not there"


def root_folder(home: Path, path: str) -> str:
    """Return the folder of a root, whose path as it is set may be relative to `home` or start with `~`."""
    return os.path.realpath(home / os.path.expanduser(path))


def _below(path: bytes, folder: bytes) -> bytes | None:
    """Return a path relative to a folder that contains it, "." for the folder itself; None for other paths."""
    if path == folder:
        return b"."
    prefix = os.path.join(folder, b"")
    return path[len(prefix) :] if path.startswith(prefix) else None


def folder_text(text: str) -> str:
    """Return the text of the folder that contains a stored path, from the path's text."""
    folder = os.path.dirname(text)
    root, colon, _ = text.partition(":")
    return folder or (f"{root}:" if colon and ROOT_NAME.fullmatch(root) else ".")


def text_below(root: str, text: str) -> str:
    """Return the text of a stored path without the name of its root."""
    return text.removeprefix(f"{root}:") or "." if root else text


LONGEST_FILE_NAME = 255
"""The longest name of a file or folder, in bytes, on the usual file systems."""


def name_too_long(path: bytes | str) -> UsageError:
    """Return the error for a path that the file system refuses (ENAMETOOLONG)."""
    name = max(os.fsencode(path).split(b"/"), key=len)
    what = f"it has {len(name)} bytes, and {LONGEST_FILE_NAME} are allowed"
    if len(name) <= LONGEST_FILE_NAME:
        what = f"its path has {len(os.fsencode(path)):,} bytes"
    return UsageError(
        f'the name "{shortened(display_text(name))}" is too long for the file system: {what}; give a shorter one'
    )
