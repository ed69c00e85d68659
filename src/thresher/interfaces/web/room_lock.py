"""The lock of a room: one server for each catalog, and how other commands learn its address.

The file `catalog.room` beside the catalog is locked while a server runs, and holds its address. The system releases
the lock when the process ends, however it ends, so a crash leaves no stale one.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from thresher.catalog.settings.own_files import ROOM_FILE
from thresher.errors import CatalogError

_PATIENCE = 1.0
"""Seconds for which another command may hold the lock only to look whether a server runs."""

_LONGEST = 1000


class RoomLock:
    """A lock that is held; `announce` tells other commands the server's address."""

    def __init__(self, handle: int | None) -> None:
        self._handle = handle

    def announce(self, address: str) -> None:
        """Store the address, without a token, for those who find the lock held."""
        if self._handle is not None:
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, address.encode(), 0)


@contextmanager
def room_lock(folder: Path) -> Iterator[RoomLock]:
    """Hold the lock of a catalog's folder. Raises CatalogError if another server holds it.

    Where the file system knows no locks, there is none.
    """
    file = folder / ROOM_FILE
    handle = _locked(file)
    try:
        yield RoomLock(handle)
    finally:
        if handle is not None:
            with suppress(OSError):
                file.unlink()  # before the lock is released, so that it is our own
            os.close(handle)


def running_address(folder: Path) -> str | None:
    """Return the address of the server that serves the catalog in a folder, without a token; None if none does."""
    try:
        handle = os.open(folder / ROOM_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _content(handle) or None
    except OSError:
        return None
    else:
        return None
    finally:
        os.close(handle)


def _locked(file: Path) -> int | None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CatalogError(
                f"can't write {file}: {error.strerror}; the room keeps a lock there, so make the folder writable"
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            where = _content(handle)
            os.close(handle)
            if not where and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            raise CatalogError(
                f"another server serves this catalog{f' at {where}' if where else ''}; `thresher serve --link` "
                "prints its address, and Ctrl-C in its terminal ends it"
            ) from None
        except OSError:
            os.close(handle)
            return None
        if _is_at(file, handle):
            return handle
        os.close(handle)  # its server removed the file at this moment


def _is_at(file: Path, handle: int) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.stat(file), os.fstat(handle))
    return False


def _content(handle: int) -> str:
    return os.pread(handle, _LONGEST, 0).decode("utf-8", "replace").strip()
