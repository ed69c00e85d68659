"""Temporary folders of a command, in the system's folder for temporary files (`$TMPDIR`).

Their names contain the number of the process, so that what a killed command left is known. The next command that
needs a temporary folder removes it.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from thresher.catalog.files.partial_files import is_running
from thresher.errors import CatalogError

_NAME = re.compile(r"thresher-([0-9]{1,10})-\w+", re.ASCII)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a temporary folder, and remove it after the block. Raises CatalogError if it can't be made."""
    folder = make_temporary_folder()
    try:
        yield folder
    finally:
        remove_temporary_folder(folder)


def make_temporary_folder() -> Path:
    """Make a temporary folder, which the caller removes; remove those of killed commands. Raises CatalogError."""
    sweep_temporary_folders()
    try:
        return Path(tempfile.mkdtemp(prefix=f"thresher-{os.getpid()}-", dir=_system_folder()))
    except OSError as error:
        raise CatalogError(
            f"no temporary folder can be made: {error.strerror}; set TMPDIR to a folder that can be written"
        ) from error


def remove_temporary_folder(folder: Path) -> None:
    """Remove a temporary folder with its files. What can't be removed is left to the next command."""
    shutil.rmtree(folder, ignore_errors=True)


def sweep_temporary_folders() -> None:
    """Remove the temporary folders of this user whose commands do not run any more."""
    try:
        entries = list(os.scandir(_system_folder()))
    except OSError:  # the command that needs a temporary folder says so
        return
    for entry in entries:
        match = _NAME.fullmatch(entry.name)
        process = int(match[1]) if match else os.getpid()
        if process != os.getpid() and not is_running(process) and _is_own_folder(entry):
            shutil.rmtree(entry.path, ignore_errors=True)


def _system_folder() -> str:
    """Return the system's folder for temporary files.

    Python finds it by writing a file, which a kill would leave there under a name that nobody knows.
    """
    if tempfile.tempdir is not None:
        return os.fsdecode(tempfile.tempdir)
    named = (os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    for folder in (*filter(None, named), "/tmp", "/var/tmp"):
        if os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK):
            return os.path.abspath(folder)
    return tempfile.gettempdir()


def _is_own_folder(entry: os.DirEntry[str]) -> bool:
    try:
        is_own = os.name != "posix" or entry.stat(follow_symlinks=False).st_uid == os.getuid()
        return is_own and entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
