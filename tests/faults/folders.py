"""The folders in which commands run: copy them, and describe what is in them for comparison."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

from tests.support import TIMES

DATABASE = "catalog.db"
"""The database. SQLite removes its journal when something is written the next time."""

SINGULAR = frozenset({"catalog.key", "catalog.room", "copy.db"})
"""Names of files that differ from one run to the next: secrets, and a copy of a database."""

CHANGING = frozenset({"inode", "ctime_ns", "mtime_ns", "digest", "analysis_digest"})
"""Columns that hold what differs from one run to the next; `verify` checks digests."""

_STAMP = re.compile(r"\d{8}-\d{6}(-\d+)?")
"""The time in the name of a backup."""

_TIME = re.compile(r"\b1[789]\d{8}\.\d+")
"""A time in JSON, in seconds since 1970."""

Content = dict[str, str]
"""What is in a folder: the rows of each table, and the digest of each file, as text by name."""


def copy(template: Path, target: Path) -> None:
    """Make a folder equal to another one, times of files included."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(template, target, symlinks=True)


def content(folder: Path, leave_out: Collection[str]) -> Content:
    """Describe the catalog and all files of a folder. `leave_out` names tables and columns ("batch", "clip.id")."""
    found = tables(folder / DATABASE, leave_out) if (folder / DATABASE).exists() else {}
    return {**found, **files(folder)}


def files(folder: Path) -> Content:
    """Return the digest of each file of a folder, without the database."""
    found = {}
    for parent, folders, names in os.walk(folder):
        for name in (*names, *(each for each in folders if Path(parent, each).is_symlink())):
            path = Path(parent, name)
            if path.name not in (DATABASE, f"{DATABASE}-journal"):
                shown = _STAMP.sub("TIME", str(path.relative_to(folder)))
                found[f"file {shown}"] = _digest(path)
    return found


def tables(database: Path, leave_out: Collection[str]) -> Content:
    """Return the rows of each table of a database as text, without the columns that hold times.

    The tables of the highest ids are left out; `verify` compares them.
    """
    found = {}
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in sorted(set(names) - set(leave_out) - {"sqlite_sequence", "safeguard"}):
            rows = connection.execute(f'SELECT * FROM "{name}"').fetchall()
            hidden = {
                column for column in (rows[0].keys() if rows else ()) if _is_hidden(name, column, leave_out)
            }
            shown = sorted(
                ", ".join(f"{key}={value!r}" for key, value in dict(row).items() if key not in hidden)
                for row in rows
            )
            found[f"table {name}"] = _TIME.sub("TIME", "\n".join(shown))
    return found


def _is_hidden(table: str, column: str, leave_out: Collection[str]) -> bool:
    return (
        column.endswith(TIMES)
        or column in CHANGING
        or column in leave_out
        or f"{table}.{column}" in leave_out
    )


def _digest(path: Path) -> str:
    """Return the digest of a file, without what holds a time or a secret."""
    if path.is_symlink():
        return f"link to {os.readlink(path)}"
    if path.name.endswith(".backup.db") or path.name in SINGULAR:
        return "one of its kind"
    if not path.is_file():
        return "neither a file nor a folder"
    data = path.read_bytes()
    if path.suffix == ".trashinfo":
        data = re.sub(rb"DeletionDate=.*", b"", data)
    elif path.suffix == ".json":
        data = _TIME.sub("TIME", data.decode("utf-8")).encode()
    return f"{len(data)} bytes, {hashlib.sha256(data).hexdigest()[:16]}"


def differences(expected: Content, found: Content) -> list[str]:
    """Return in what two contents differ, a line each."""
    lines = []
    for name in sorted(expected.keys() | found.keys()):
        here, there = expected.get(name), found.get(name)
        if here == there:
            continue
        if here is None:
            lines.append(f"{name} should not be there")
        elif there is None:
            lines.append(f"{name} is missing")
        else:
            old, new = here.splitlines(), there.splitlines()
            less = [row for row in old if row not in new][:2]
            more = [row for row in new if row not in old][:2]
            if len(less) == len(more):
                less, more = _different(less, more), _different(more, less)
            lines.append(f"{name}: expected {_cut(less)}, found {_cut(more)}")
    return lines


def _different(rows: list[str], others: list[str]) -> list[str]:
    """Return the first value of each row, by which it is known, and the values that the other row lacks."""
    pairs = [(row.split(", "), other.split(", ")) for row, other in zip(rows, others, strict=True)]
    return [", ".join(v for i, v in enumerate(row) if not i or v not in other) for row, other in pairs]


def _cut(rows: list[str]) -> str:
    return " | ".join(row[:1000] for row in rows) or "nothing else"
