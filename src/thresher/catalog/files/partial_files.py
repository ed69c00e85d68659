"""Partial files: what is written under a name of its own, beside the file that it becomes.

The name contains the number of the process, so that what a killed process left is known and removed. A `Guard`
knows files that must stay, such as those of clips.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol


class Guard(Protocol):
    """Knows files that are neither replaced nor removed."""

    def check(self, path: Path) -> None:
        """Raise UsageError if the file at `path` must stay."""

    def refusal(self, path: Path) -> str | None:
        """Return what the file at `path` is if it must stay, else None."""


_LONGEST_PREFIX = (
    230  # bytes of the target's name that its partial file's name repeats; a name may have 255 bytes
)

_PARTIAL_NAME = re.compile(r"(.+\.)([0-9]+)(?:-[0-9]+)?\.part(?:-journal|-wal|-shm)?", re.DOTALL)

_numbers = itertools.count(1)
_open_here: set[str] = set()
"""The names of the partial files that this process writes now: threads can write to one target at once."""


@contextmanager
def partial_path(target: Path, guard: Guard | None) -> Iterator[Path]:
    """Yield the path of a partial file of `target`, where nothing is; it is removed after the block."""
    partial = target.with_name(f"{_partial_prefix(target)}{os.getpid()}-{next(_numbers)}.part")
    if guard is not None:
        guard.check(partial)
    partial.unlink(missing_ok=True)
    _open_here.add(partial.name)
    try:
        yield partial
    finally:
        partial.unlink(missing_ok=True)
        _open_here.discard(partial.name)


def place_new(partial: Path, target: Path) -> None:
    """Give a partial file its name, but never replace a file. Raises FileExistsError."""
    try:
        os.link(partial, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links, such as exFAT
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        partial.rename(target)
    else:
        partial.unlink()


def _partial_prefix(target: Path) -> str:
    """Return the start of the names of partial files of `target`; a process id and a number make them unique."""
    return f"{os.fsdecode(os.fsencode(target.name)[:_LONGEST_PREFIX])}."


def partial_target(name: str) -> str | None:
    """Return the name of the file of which `name` is a partial file, None if it is not the name of one.

    The end of a very long name is missing.
    """
    match = _PARTIAL_NAME.fullmatch(name)
    return None if match is None else match[1][:-1]


def sweep(folder: Path, targets: Iterable[Path], guard: Guard | None) -> None:
    """Remove partial files of these targets that killed processes left in a folder, but no file of the catalog.

    What can't be listed or removed stays: if the folder is gone or locked, the write says so.
    """
    prefixes = {_partial_prefix(target) for target in targets}
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        match = _PARTIAL_NAME.fullmatch(name)
        if match and match[1] in prefixes and name not in _open_here and not is_running(int(match[2])):
            file = Path(folder, name)
            if guard is None or guard.refusal(file) is None:
                with suppress(OSError):
                    file.unlink()


def is_running(process: int) -> bool:
    """Return whether another process has this number."""
    if os.name != "posix":  # on other systems, os.kill would end the process
        return process != os.getpid()
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return process != os.getpid()


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power cut, if the system supports that."""
    with suppress(OSError):  # not every system can sync a folder, and not every folder is readable
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
