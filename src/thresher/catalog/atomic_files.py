"""Files written whole or not at all: beside their place, onto the disk, then renamed there.

A kill at any instant leaves the old file or the new one; what it leaves beside is swept away by the next write.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from thresher.errors import CatalogError

_LONGEST_PREFIX = 230  # bytes of a target's name in that of its partial file, of the 255 a name may have


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Where to write what shall become `target`; renamed once the block is left, taken away where it raises.

    Raises CatalogError where the system can't write.
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
    """The same without sweeping before, without syncing the folder behind, and with the system's own errors."""
    partial = target.with_name(f"{_partial_prefix(target)}{os.getpid()}.part")
    try:
        yield partial
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Write a text file, UTF-8, whole or not at all."""
    with whole_file(target) as partial, open(partial, "w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def write_bytes(target: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with whole_file(target) as partial, open(partial, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _partial_prefix(target: Path) -> str:
    """What the names of files on their way to `target` begin with; the process follows, so that two don't meet."""
    return f"{os.fsdecode(os.fsencode(target.name)[:_LONGEST_PREFIX])}."


def sweep(folder: Path, targets: Iterable[Path]) -> None:
    """Take away what writers of these targets in a folder left that were killed."""
    prefixes = {_partial_prefix(target) for target in targets}
    for name in os.listdir(folder):
        match = re.fullmatch(r"(.+\.)([0-9]+)\.part", name, re.DOTALL)
        if match and match[1] in prefixes and not _is_running(int(match[2])):
            Path(folder, name).unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    if os.name != "posix":  # elsewhere asking would end it
        return process != os.getpid()
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return process != os.getpid()


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system can."""
    with suppress(OSError):  # not every system can, and not every folder may be read
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
