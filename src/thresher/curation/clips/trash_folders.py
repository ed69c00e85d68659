"""The folders of a freedesktop.org trash (Linux), and what they hold of given files.

A trash is a folder with `files/NAME` and `info/NAME.trashinfo`, which holds the former path. There is one in the
user's data folder and one at the top of each other file system. All paths are bytes.

Specification: https://specifications.freedesktop.org/trash-spec/latest/
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from thresher.catalog.files import paths

_SUFFIX = b".trashinfo"


@dataclass(frozen=True)
class Trashed:
    """A file in a trash, and the file that describes it. The file may be gone."""

    file: bytes
    info: bytes


def trashed_files(wanted: Sequence[bytes]) -> Mapping[bytes, list[Trashed]]:
    """What the trashes hold of these paths, the latest first."""
    found: defaultdict[bytes, list[tuple[str, Trashed]]] = defaultdict(list)
    names = set(wanted)
    for former, deleted_at, trashed in _entries(wanted):
        if former in names:
            found[former].append((deleted_at, trashed))
    for files in found.values():
        files.sort(key=lambda pair: pair[0], reverse=True)
    return {path: [each for _, each in files] for path, files in found.items()}


def remove_orphans(wanted: Sequence[bytes]) -> None:
    """Remove descriptions of these paths without a file: a move to the trash or out of it was interrupted."""
    if sys.platform != "linux" or not wanted:
        return
    names = set(wanted)
    stems = {os.path.splitext(os.path.basename(path))[0] for path in wanted}
    for former, _, trashed in _entries(wanted):
        is_cut = former is None and any(os.path.basename(trashed.info).startswith(stem) for stem in stems)
        if (former in names or is_cut) and not os.path.lexists(trashed.file):
            with suppress(OSError):  # it does no harm
                os.unlink(trashed.info)


def _entries(wanted: Sequence[bytes]) -> Iterator[tuple[bytes | None, str, Trashed]]:
    """The former path, the time of deletion and the files of everything in the trashes of these paths."""
    for trash, top in _trashes(wanted):
        for info in _listed(os.path.join(trash, b"info")):
            former, deleted_at = _read_info(info, top)
            name = os.path.basename(info).removesuffix(_SUFFIX)
            yield former, deleted_at, Trashed(os.path.join(trash, b"files", name), info)


def _trashes(wanted: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """The folders of the trashes in which files of these paths can be, and the folder their paths start at."""
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    yield os.path.join(os.fsencode(data), b"Trash"), b"/"
    user = str(os.getuid()).encode()
    for top in sorted({_top_folder(path) for path in wanted}):
        yield os.path.join(top, b".Trash", user), top
        yield os.path.join(top, b".Trash-" + user), top


def _top_folder(path: bytes) -> bytes:
    """The folder at which the file system of a path is mounted."""
    folder = os.path.dirname(path)
    while folder != b"/" and not os.path.ismount(folder):
        folder = os.path.dirname(folder)
    return folder


def _listed(folder: bytes) -> list[bytes]:
    try:
        return [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(_SUFFIX)]
    except OSError:  # there is no such trash
        return []


def _read_info(info: bytes, top: bytes) -> tuple[bytes | None, str]:
    """The former path and the time of deletion in a .trashinfo file; None if it names no path."""
    try:
        with open(info, encoding="utf-8", errors="surrogateescape") as file:
            keys = dict(line.rstrip("\n").partition("=")[::2] for line in file if "=" in line)
    except OSError:
        return b"", ""
    if not keys.get("Path"):
        return None, ""
    former = os.path.join(top, unquote_to_bytes(os.fsencode(keys["Path"])))
    return paths.absolute(former), keys.get("DeletionDate", "")
