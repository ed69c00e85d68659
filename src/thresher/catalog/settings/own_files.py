"""The files that belong to a catalog or that thresher made for it, which no scan counts as files of the user.

These are `catalog.toml`, the database with what SQLite writes beside it, the backups of upgrades, the key and the
lock of the server, the folder of previews, and the pages of reports, which carry a mark.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thresher.catalog.settings.sections import Settings

KEY_FILE = "catalog.key"
"""The secret of the server, beside `catalog.toml`."""
ROOM_FILE = "catalog.room"
"""The lock of the server that runs now, beside `catalog.toml`."""
CACHE_FOLDER = "catalog.cache"
"""The folder of previews, beside `catalog.toml`."""
SQLITE_SUFFIXES = ("", "-wal", "-shm", "-journal")
"""What follows the name of a database in the names of the files that SQLite writes."""
_BACKUP_END = rb"(?:-[0-9a-f]{8})?-\w+-\d{8}-\d{6}(?:-\d+)?\.backup\.(?:db|part|db\.\d+(?:-\d+)?\.part)"
"""What follows the name of a database in the names of backups, also of those that are being written."""
REPORT_MARK = re.compile(rb'<meta name="generator" content="thresher [^"]*">')
"""What marks a page as a report of thresher."""
MARK_END = 2_000
"""How many bytes at the start of a file contain the mark."""


class OwnFiles:
    """Recognises the files of the catalog in `file`, its catalog.toml."""

    def __init__(self, file: Path, settings: Settings) -> None:
        found = os.path.realpath(os.fsencode(file))
        root = os.path.dirname(found)
        database = os.path.join(root, os.fsencode(_file_name(settings.catalog.database)))
        folder, name = os.path.split(os.path.normpath(database))
        database = os.path.join(os.path.realpath(folder), name)
        self._paths = {found, *(os.path.join(root, name.encode()) for name in (KEY_FILE, ROOM_FILE))}
        self._paths |= {database + suffix.encode() for suffix in SQLITE_SUFFIXES}
        kept = os.path.join(root, os.path.expanduser(os.fsencode(settings.backup.folder)))
        stem = os.path.splitext(name)[0]
        starts = {
            os.path.join(folder, stem) for folder in (os.path.dirname(database), os.path.realpath(kept))
        }
        self._backup = re.compile(b"(?:%b)%b" % (b"|".join(map(re.escape, sorted(starts))), _BACKUP_END))
        self._cache = os.path.join(root, CACHE_FOLDER.encode())

    def has_file(self, path: bytes) -> bool:
        """Return whether the file at an absolute path is one of them. Only HTML files are opened."""
        return path in self._paths or self._backup.fullmatch(path) is not None or _is_report(path)

    def has_folder(self, path: bytes) -> bool:
        """Return whether the folder at an absolute path is that of previews."""
        return path == self._cache


def _file_name(address: str) -> str:
    """Return the name of the database's file; for a database of a server, the one that a file would have."""
    return address.removeprefix("sqlite:///") if address.startswith("sqlite:") else "catalog.db"


def _is_report(path: bytes) -> bool:
    """Return whether a file is a page that `thresher report` wrote."""
    if not path.lower().endswith(b".html"):
        return False
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a FIFO would wait for ever
            return False
        with open(path, "rb") as opened:
            return REPORT_MARK.search(opened.read(MARK_END)) is not None
    except OSError:
        return False
