"""The stamp of a settled catalog, whose clips lack no measure, descriptor, score or examination.

An ingest sets the stamp when it has left nothing to compute, and every transaction that writes removes it. While it
is set, an ingest of unchanged files has nothing to do and need not load SQLAlchemy and numpy to find that out. The
stamp names the settings and the program, because a change of either can leave something to compute.

It is kept in SQLite's `user_version`, a number in the database's header that SQLite leaves to applications, so it
is written and rolled back with the transaction.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2]


def stamp(catalog_file: Path) -> int:
    """Return the stamp of a catalog.toml and of this installation of the program: 1 to 2³¹ - 1."""
    digest = blake2b(catalog_file.read_bytes() + sqlite3.sqlite_version.encode(), digest_size=8)
    for source in sorted(_sources(os.fspath(PROGRAM))):
        digest.update(repr(source).encode())
    return int.from_bytes(digest.digest(), "big") % (2**31 - 1) + 1


def _sources(folder: str) -> Iterator[tuple[str, int, int]]:
    """Yield the path, size and time of change of each source file of the program."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _sources(entry.path)
            elif entry.name.endswith(".py"):
                status = entry.stat()
                yield entry.path, status.st_size, status.st_mtime_ns
