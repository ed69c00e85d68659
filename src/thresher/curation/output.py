"""Files written whole or not at all: beside their place, onto the disk, then renamed there.

A kill at any instant leaves the old file or the new one; what it leaves beside is swept away by the next write.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from thresher.errors import CatalogError

_LONGEST_PREFIX = 230  # bytes of a target's name in that of its partial file, of the 255 a name may have


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Where to write what shall become `target`; renamed once the block is left, taken away where it raises.

    Raises CatalogError where the system can't write.
    """
    _sweep(target)
    partial = target.with_name(f"{_partial_prefix(target)}{os.getpid()}.part")
    try:
        yield partial
        os.replace(partial, target)
    except OSError as error:
        raise CatalogError(
            f"{target} could not be written: {error.strerror}; the old file, if any, stays"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    _sync_folder(target.parent)


def write_text(target: Path, text: str) -> None:
    """Write a text file, UTF-8, whole or not at all."""
    with whole_file(target) as partial, open(partial, "w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _partial_prefix(target: Path) -> str:
    """What the names of files on their way to `target` begin with; the process follows, so that two don't meet."""
    return f"{os.fsdecode(os.fsencode(target.name)[:_LONGEST_PREFIX])}."


def _sweep(target: Path) -> None:
    """Take away what writers of `target` left that were killed."""
    prefix = _partial_prefix(target)
    for name in os.listdir(target.parent):
        process, _, suffix = name.removeprefix(prefix).partition(".")
        if (
            name.startswith(prefix)
            and process.isdecimal()
            and suffix == "part"
            and not _is_running(int(process))
        ):
            target.with_name(name).unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    if os.name != "posix":  # elsewhere asking would end it
        return process != os.getpid()
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
