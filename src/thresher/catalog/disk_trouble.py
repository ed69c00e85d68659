"""Why the system can't read or write a file: SQLite's errors don't say it.

SQLite reports a full disk, on which no journal can be created, as a file that can't be opened, and a disk that
can't be read as a damaged file. Here the same is tried once more, with the errors of the system.
"""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The errors of a full disk and of a used-up quota."""

_PROBE = bytes(8_192)
_WINDOW = 1 << 20


def why_unwritable(file: Path) -> OSError | None:
    """Return the error of the system for a change of `file` or for a new file beside it; None if both work."""
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CLOEXEC))
        with tempfile.TemporaryFile(dir=file.parent) as probe:
            probe.write(_PROBE)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return error
    return None


def why_unreadable(file: Path) -> OSError | None:
    """Return the error of the system for reading `file` to its end; None if that works."""
    try:
        with file.open("rb", buffering=0) as stream:
            while stream.read(_WINDOW):
                pass
    except OSError as error:
        return error
    return None
