"""Read and search a file in windows.

The file is never mapped into memory: a mapped file that is cut meanwhile, or whose drive is unplugged, ends the
process. A descriptor is read by `os.pread` only, so its position does not change. Offsets and sizes are in bytes.
"""

from __future__ import annotations

import os
import re

_WINDOW = 1 << 20


class Windows:
    """The bytes of an open file of `size` bytes. It may be shorter by now: then fewer bytes are read."""

    def __init__(self, fd: int, size: int) -> None:
        self._fd, self.size = fd, size
        self._start, self._window = 0, b""

    def at(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes from `offset`, fewer only at the end of the file."""
        self._keep(offset, count)
        return self._window[offset - self._start : offset - self._start + count]

    def find(self, mark: bytes, start: int) -> int:
        """Return the offset of the first `mark` from `start` on; -1 if there is none."""
        while start < self.size:
            self._keep(start, len(mark))
            found = self._window.find(mark, start - self._start)
            if found >= 0:
                return self._start + found
            start = self._next(start, len(mark))
        return -1

    def search(self, pattern: re.Pattern[bytes], longest: int, start: int) -> int:
        """Return the offset of the first match from `start` on, of at most `longest` bytes; -1 if there is none."""
        while start < self.size:
            self._keep(start, longest)
            found = pattern.search(self._window, start - self._start)
            if found:
                return self._start + found.start()
            start = self._next(start, longest)
        return -1

    def _keep(self, offset: int, count: int) -> None:
        """Make the window hold `count` bytes from `offset` on, if the file does."""
        if not self._start <= offset <= offset + count <= self._start + len(self._window):
            self._start = offset
            self._window = os.pread(self._fd, max(_WINDOW, count), offset)

    def _next(self, start: int, longest: int) -> int:
        """Return where to search next: at the first bytes of a mark that the end of the window may cut."""
        following = self._start + len(self._window) - longest + 1
        return following if following > start else self.size
