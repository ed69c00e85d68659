"""Atomic files: written under a partial name in the same folder, synced to the disk, then renamed.

All outputs are written and removed here, and each function asks a guard first: no file that the catalog knows is
ever replaced or removed. A process that is killed leaves either the old file or the new one. The next write removes
its partial file. A target that already has the new content is left as it is.
"""

from __future__ import annotations

import errno
import filecmp
import itertools
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from thresher.catalog.output_guard import OutputGuard
from thresher.errors import CatalogError

_LONGEST_PREFIX = (
    230  # bytes of the target's name that its partial file's name repeats; a name may have 255 bytes
)

_PARTIAL_NAME = re.compile(r"(.+\.)([0-9]+)(?:-[0-9]+)?\.part(?:-journal|-wal|-shm)?", re.DOTALL)

_numbers = itertools.count(1)
_open_here: set[str] = set()
"""The names of the partial files that this process writes now: threads can write to one target at once."""

Recheck = Callable[[], object]
"""Called before a file with other content is replaced; raises if the command may not replace it."""


def always_replace() -> None:
    """A recheck for commands that may replace whatever the guard allows."""


@contextmanager
def whole_file(target: Path, guard: OutputGuard, recheck: Recheck) -> Iterator[Path]:
    """Yield the path of a partial file, which replaces `target` at the end of the block and is removed on an error.

    Raises UsageError if the guard or `recheck` refuses, and CatalogError if the system can't write.
    """
    sweep(target.parent, [target], guard)
    try:
        with partial_file(target, guard, recheck) as partial:
            yield partial
    except OSError as error:
        raise CatalogError(
            f"{target} could not be written: {error.strerror}; the old file, if any, stays"
        ) from error
    sync_folder(target.parent)


@contextmanager
def partial_file(target: Path, guard: OutputGuard, recheck: Recheck) -> Iterator[Path]:
    """Do the same as `whole_file`, but sweep and sync nothing, and raise the errors of the system.

    The target is checked before the block and again right before it is replaced: another program may have written
    it, or an ingest may have added it, meanwhile.
    """
    guard.check(target)
    with partial_path(target, guard) as partial:
        yield partial
        if os.path.lexists(target):
            guard.check(target)
            if _is_same_file(partial, target):
                return
            recheck()
        os.replace(partial, target)


@contextmanager
def partial_path(target: Path, guard: OutputGuard) -> Iterator[Path]:
    """Yield the path of a partial file of `target`, where nothing is; it is removed after the block."""
    partial = target.with_name(f"{_partial_prefix(target)}{os.getpid()}-{next(_numbers)}.part")
    remove(partial, guard)
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


def write_text(target: Path, text: str, guard: OutputGuard, recheck: Recheck) -> None:
    """Write a text file in UTF-8, atomically."""
    write_bytes(target, text.encode("utf-8"), guard, recheck)


def write_bytes(target: Path, content: bytes, guard: OutputGuard, recheck: Recheck) -> None:
    """Write a file atomically."""
    with whole_file(target, guard, recheck) as partial, open(partial, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def remove(path: Path, guard: OutputGuard) -> None:
    """Remove a file, if it exists. Raises UsageError if the guard refuses."""
    guard.check(path)
    path.unlink(missing_ok=True)


def _is_same_file(partial: Path, target: Path) -> bool:
    """Whether the target is a regular file with the content of the partial file."""
    try:
        return stat.S_ISREG(os.lstat(target).st_mode) and filecmp.cmp(partial, target, shallow=False)
    except OSError:
        return False


def _partial_prefix(target: Path) -> str:
    """Return the start of the names of partial files of `target`; a process id and a number make them unique."""
    return f"{os.fsdecode(os.fsencode(target.name)[:_LONGEST_PREFIX])}."


def partial_target(name: str) -> str | None:
    """Return the name of the file of which `name` is a partial file, None if it is no name of one.

    The end of a very long name is missing.
    """
    match = _PARTIAL_NAME.fullmatch(name)
    return None if match is None else match[1][:-1]


def sweep(folder: Path, targets: Iterable[Path], guard: OutputGuard) -> None:
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
        if match and match[1] in prefixes and name not in _open_here and not _is_running(int(match[2])):
            file = Path(folder, name)
            if guard.refusal(file) is None:
                with suppress(OSError):
                    file.unlink()


def _is_running(process: int) -> bool:
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
