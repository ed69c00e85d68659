"""Atomic files: written under a partial name in the same folder, synced to the disk, then renamed.

A process that is killed leaves either the old file or the new one. The next write removes its partial file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from thresher.errors import CatalogError

_LONGEST_PREFIX = (
    230  # bytes of the target's name that its partial file's name repeats; a name may have 255 bytes
)


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Yield the path of a partial file, which replaces `target` at the end of the block and is removed on an error.

    Raises CatalogError if the system can't write.
    """
    sweep(target.parent, [target])
    try:
        with partial_file(target) as partial:
            yield partial
    except OSError as error:
        raise CatalogError(
            f"{target} could not be written: {error.strerror}; the old file, if any, stays"
        ) from error
    sync_folder(target.parent)


@contextmanager
def partial_file(target: Path) -> Iterator[Path]:
    """Do the same as `whole_file`, but sweep and sync nothing, and raise the errors of the system."""
    partial = target.with_name(f"{_partial_prefix(target)}{os.getpid()}.part")
    try:
        yield partial
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Write a text file in UTF-8, atomically."""
    with whole_file(target) as partial, open(partial, "w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def write_bytes(target: Path, content: bytes) -> None:
    """Write a file atomically."""
    with whole_file(target) as partial, open(partial, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _partial_prefix(target: Path) -> str:
    """Return the start of the names of partial files of `target`; the process id follows and makes them unique."""
    return f"{os.fsdecode(os.fsencode(target.name)[:_LONGEST_PREFIX])}."


def sweep(folder: Path, targets: Iterable[Path]) -> None:
    """Remove partial files of these targets that killed processes left in a folder."""
    prefixes = {_partial_prefix(target) for target in targets}
    for name in os.listdir(folder):
        match = re.fullmatch(r"(.+\.)([0-9]+)\.part", name, re.DOTALL)
        if match and match[1] in prefixes and not _is_running(int(match[2])):
            Path(folder, name).unlink(missing_ok=True)


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
