"""A file object made of parts of a file and other bytes, so that a decoder reads a corrected header."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

Piece = bytes | tuple[int, int]
"""Bytes, or (offset, length) of a part of the file."""


class Pieces:
    """The pieces one after another, as a file object that can be read and sought.

    `fd` is a descriptor of the file, read by `os.preadv` only.
    """

    def __init__(self, fd: int, pieces: Sequence[Piece]) -> None:
        self._fd = fd
        self._pieces = pieces
        self._ends = list(accumulate(_length(piece) for piece in pieces))
        self._position = 0

    @property
    def size(self) -> int:
        """The length of all pieces together, in bytes."""
        return self._ends[-1] if self._ends else 0

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; return the number of bytes, fewer than its length only at the end."""
        view, filled = memoryview(buffer).cast("B"), 0
        while filled < len(view) and 0 <= self._position < self.size:
            count = self._read_piece(view[filled:])
            if count == 0:
                break
            filled += count
            self._position += count
        return filled

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, as `io.IOBase.seek` does."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def _read_piece(self, view: memoryview) -> int:
        index = bisect_right(self._ends, self._position)
        piece = self._pieces[index]
        inside = self._position - (self._ends[index] - _length(piece))
        count = min(len(view), _length(piece) - inside)
        if isinstance(piece, bytes):
            view[:count] = piece[inside : inside + count]
            return count
        return os.preadv(self._fd, [view[:count]], piece[0] + inside)


def _length(piece: Piece) -> int:
    return len(piece) if isinstance(piece, bytes) else piece[1]


def overlaid(size: int, patches: Sequence[tuple[int, bytes]], start: int = 0) -> list[Piece]:
    """Return the file of `size` bytes from `start` on, with other bytes at some offsets.

    `patches` are (offset, bytes) by ascending offset.
    """
    pieces: list[Piece] = []
    position = start
    for offset, content in patches:
        pieces += [(position, offset - position), content]
        position = offset + len(content)
    return [*pieces, (position, size - position)]
