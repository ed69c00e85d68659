"""Find and hash audio files without decoding them: their suffixes, how they are opened, and their SHA-256.

Code that only scans and hashes files imports this module and loads no decoder.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time

from thresher.catalog.files.stamps import STABLE, Look, Stamp, Unstable, is_unchanged, look_of
from thresher.errors import AudioError

SUFFIXES: frozenset[str] = frozenset(
    {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3"}
    | {".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64", ".bw64"}
    # ffmpeg decodes these.
    | {
        ".m4a",
        ".m4b",
        ".aac",
        ".wma",
        ".mp2",
        ".mpga",
        ".mka",
        ".weba",
        ".ac3",
        ".amr",
        ".ape",
        ".tta",
        ".wv",
    }
    | {".mp4", ".m4v", ".mov", ".3gp", ".webm", ".mkv", ".ogv", ".ogx", ".spx"}
)
"""The suffixes of files that a scan takes: audio, and films, whose first audio stream is read."""


def open_regular(path: bytes | str) -> int:
    """Open a regular file and return its descriptor. Nothing else is opened, and no FIFO blocks.

    Raises AudioError if the path is not a regular file.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise AudioError("not a regular file")
    # Another file may have taken the name since.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise AudioError("not a regular file")
    return fd


def sha256_file(path: bytes | str) -> str:
    """Return the SHA-256 of a file's bytes, as 64 hexadecimal digits.

    Raises AudioError if the path is not a regular file, OSError if the file cannot be read.
    """
    with os.fdopen(open_regular(path), "rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Hashes:
    """The SHA-256 of files that were hashed before. A file that is certainly unchanged is not read again."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[str, Look]] = {}
        self._fresh: set[bytes] = set()

    def forget(self, path: bytes) -> None:
        """Forget what is known about a file."""
        self._known.pop(path, None)
        self._fresh.discard(path)

    def fresh(self) -> dict[bytes, tuple[str, Look]]:
        """Return the SHA-256 and the look of each file that was hashed since the last call."""
        found = {path: self._known[path] for path in sorted(self._fresh)}
        self._fresh.clear()
        return found

    def of(self, path: bytes, stamp: Stamp, unstable: Unstable = STABLE) -> tuple[str, Look]:
        """Return the SHA-256 of the file at `path`, which has this stamp now, and the look that found it.

        Raises as `sha256_file` does.
        """
        digest, look = self._known.get(path, ("", None))
        if look is None or not is_unchanged(look, stamp, unstable):
            look = look_of(stamp, time.time())
            digest = sha256_file(path)
            self._known[path] = digest, look
            self._fresh.add(path)
        return digest, look
