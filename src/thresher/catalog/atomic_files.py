"""Atomic files: written under a partial name in the same folder, synced to the disk, then renamed.

All outputs are written and removed here, and each function asks a guard first: no file that the catalog knows is
ever replaced or removed. A process that is killed leaves either the old file or the new one. The next write removes
its partial file. A target that already has the new content is left as it is.
"""

from __future__ import annotations

import filecmp
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from thresher.catalog.files.disk_trouble import NO_SPACE
from thresher.catalog.files.partial_files import partial_path, sweep, sync_folder
from thresher.catalog.output_guard import OutputGuard
from thresher.errors import CatalogError

Recheck = Callable[[], object]
"""Called before a file with other content is replaced; raises if the command may not replace it."""


def always_replace() -> None:
    """A recheck for commands that may replace whatever the guard allows."""


def _remedy(error: OSError) -> str:
    """What the user can do about an output that can't be written."""
    if error.errno in NO_SPACE:
        return "free some space, and run the command again"
    return "give a file in a folder that you may write to"


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
            f"{target} could not be written: {error.strerror}; the old file, if any, stays; {_remedy(error)}"
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
