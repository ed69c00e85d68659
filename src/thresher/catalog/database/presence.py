"""Which processes have a catalog open: each holds a shared lock on its catalog.toml, which the system releases when
the process ends, however it ends.

A command that replaces the database takes the lock alone. Without it, a process that works with ids of the replaced
database could write them to the new one. Where the system or the file system has no such locks, nothing is known,
and nothing is refused.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from thresher.catalog.database.sqlite_database import lock_holders
from thresher.errors import CatalogError

_PAUSE = 0.05


def announce(file: Path, patience: float) -> int | None:
    """Take the shared lock on a catalog.toml, and return the handle that holds it until it is closed.

    Raises CatalogError if a process holds the lock alone for longer than `patience` seconds.
    """
    return _taken(
        file, "shared", patience, "wait until it has replaced the catalog, and run the command again"
    )


@contextmanager
def alone(file: Path, patience: float) -> Iterator[None]:
    """Keep all other processes from opening the catalog during the block.

    Raises CatalogError if one of them has it open for longer than `patience` seconds.
    """
    advice = "end it (a server or a watch ends with Ctrl-C), and run the command again"
    handle = _taken(file, "alone", patience, advice)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _taken(file: Path, how: str, patience: float, advice: str) -> int | None:
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    kind = fcntl.LOCK_SH if how == "shared" else fcntl.LOCK_EX
    try:
        handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(_PAUSE)
                continue
            who = ", ".join(lock_holders(file)) or "another program"
            with suppress(OSError):
                os.close(handle)
            raise CatalogError(f"{who} has the catalog of {file} open; {advice}") from None
        except OSError:
            os.close(handle)
            return None
        return handle
