"""Why the system can't read or write a file, in one sentence with what to do.

SQLite reports a full disk, on which no journal can be created, as a file that can't be opened, and a disk that
can't be read as a damaged file. Here the same is tried once more, with the errors of the system.
"""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from thresher.catalog.files.paths import display_text

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


def refusal_to_write(folder: bytes) -> str | None:
    """Return why no file can be made in `folder` or removed from it, None if it seems possible."""
    if os.access(folder, os.W_OK | os.X_OK):
        return None
    is_read_only = os.path.exists(folder) and os.statvfs(folder).f_flag & os.ST_RDONLY
    return os.strerror(errno.EROFS if is_read_only else errno.EACCES)


def sentence(error: OSError) -> str:
    """Return an error of the system as a sentence: the file, what is wrong with it, and what to do."""
    name = error.filename
    file = display_text(os.fsencode(name)) if isinstance(name, (str, bytes, os.PathLike)) else ""
    words = error.strerror or str(error) or type(error).__name__
    if error.errno in NO_SPACE:
        of = f" of {file}" if file else ""
        return f"no space left on the disk{of} ({words}); free some space and run the command again"
    advice = _ADVICE.get(
        error.errno or 0, "run the command again; `thresher --debug …` shows where it happened"
    )
    return f"{file or 'the system reports an error'}: {words}; {advice}"


_ADVICE = {
    errno.EROFS: "choose another folder, or mount the disk for writing",
    errno.EACCES: "choose another folder, or make it readable and writable for your user",
    errno.EPERM: "choose another folder, or make it readable and writable for your user",
    errno.EIO: "check the disk, then run `thresher verify`",
    errno.EMFILE: "raise the limit with `ulimit -n 4096`, and run the command again",
    errno.ENFILE: "end other programs, and run the command again",
    errno.ENOMEM: "end other programs, and run the command again",
}
