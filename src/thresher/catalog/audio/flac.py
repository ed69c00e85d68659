"""Read the length of a FLAC file from its frames, because the count in its header can be wrong or missing.

Only headers are read; nothing is decoded. RFC 9639 describes the format. Offsets and sizes are in bytes, and
lengths in frames of audio.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from thresher.catalog.audio.windows import Windows

_MARKER = b"fLaC"
_STREAM_STARTS = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")
_STREAMINFO_BYTES = 34
_MOST_METADATA = 4096  # blocks
_TAIL = 1 << 20
_LONGEST_HEADER = 16
_BLOCK_SIZES = {1: 192, **{code: 576 << code - 2 for code in range(2, 6)}}
_BLOCK_SIZES |= {code: 256 << code - 8 for code in range(8, 16)}


@dataclass(frozen=True)
class FlacLength:
    """The length that the header of a FLAC file declares (0: none), and that of its frames.

    `total_at` is the offset of the five bytes in which the header declares it. `present` is None if no frame was
    found. `joined` says that another FLAC stream of the same format follows; `differs_at` is the offset of the
    first one of another format. `md5` is the digest of all samples, each in `width` bytes, None if the header has
    none.
    """

    declared: int
    present: int | None
    total_at: int
    joined: bool
    differs_at: int | None
    md5: bytes | None
    width: int


@dataclass(frozen=True)
class _Frame:
    """The header of one FLAC frame: its number (of the frame or, in a variable stream, of the sample)."""

    is_variable: bool
    kind: tuple[int, int, int]
    number: int
    frames: int


def flac_length(fd: int, start: int, size: int) -> FlacLength | None:
    """Return the lengths of the FLAC file whose marker is at `start`; None if there is no valid one."""
    head = os.pread(fd, 8 + _STREAMINFO_BYTES, start)
    if head[:4] != _MARKER or len(head) < 8 + _STREAMINFO_BYTES or head[4] & 0x7F != 0:
        return None
    info = head[8:]
    smallest, largest = int.from_bytes(info[0:2], "big"), int.from_bytes(info[2:4], "big")
    declared = int.from_bytes(info[13:18], "big") & 0xFFFFFFFFF
    first_at = _first_frame(fd, start)
    first = None if first_at is None else _frame(os.pread(fd, _LONGEST_HEADER, first_at))
    present = None
    if first_at is not None and first is not None and smallest:
        present = _end(fd, max(first_at, size - _TAIL), size, first, largest)
    bits = (int.from_bytes(info[12:14], "big") >> 4 & 31) + 1
    md5 = info[18:34] if any(info[18:34]) else None
    # A stream without further metadata, the second form, is rare: it is looked for only if the lengths differ.
    starts = _STREAM_STARTS[:1] if present == declared else _STREAM_STARTS
    followers = list(_followers(fd, start + 4, size, starts))
    differing = [at for at in followers if os.pread(fd, 3, at + 18) != info[10:13]]
    differs_at = min(differing, default=None)
    joined = any(differs_at is None or at < differs_at for at in followers)
    total_at, width = start + 8 + 13, (bits + 7) // 8
    return FlacLength(declared, present, total_at, joined, differs_at, md5, width)


def declared_length(fd: int, length: FlacLength) -> bytes:
    """Return the five bytes at `length.total_at` with the present length instead of the declared one."""
    old = int.from_bytes(os.pread(fd, 5, length.total_at), "big")
    return (old >> 36 << 36 | (length.present or 0)).to_bytes(5, "big")


def _first_frame(fd: int, start: int) -> int | None:
    """Return the offset after the last metadata block."""
    offset = start + 4
    for _ in range(_MOST_METADATA):
        head = os.pread(fd, 4, offset)
        if len(head) < 4:
            return None
        offset += 4 + int.from_bytes(head[1:], "big")
        if head[0] & 0x80:
            return offset
    return None


def _end(fd: int, start: int, size: int, first: _Frame, block_size: int) -> int | None:
    """Return the end of the last frame that begins in the file from `start` on."""
    tail = os.pread(fd, size - start, start)
    position = len(tail)
    while (position := tail.rfind(b"\xff", 0, position)) >= 0:
        found = _frame(tail[position : position + _LONGEST_HEADER])
        if found is not None and (found.is_variable, found.kind) == (first.is_variable, first.kind):
            begin = found.number if found.is_variable else found.number * block_size
            return begin + found.frames
    return None


def _frame(head: bytes) -> _Frame | None:
    """Parse a frame header; None if these bytes are not one, which its checksum tells."""
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xFE != 0xF8 or head[3] & 1:
        return None
    size_code, rate_code = head[2] >> 4, head[2] & 15
    if size_code == 0 or rate_code == 15 or head[3] >> 4 > 10:
        return None
    number = _coded_number(head)
    if number is None:
        return None
    value, offset = number
    frames = _BLOCK_SIZES.get(size_code, 0)
    if size_code in (6, 7):
        width = size_code - 5
        frames = int.from_bytes(head[offset : offset + width], "big") + 1
        offset += width
    offset += {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if len(head) <= offset or _checksum(head[:offset]) != head[offset]:
        return None
    return _Frame(bool(head[1] & 1), (rate_code, head[3] >> 4 < 8, head[3] & 0x0E), value, frames)


def _coded_number(head: bytes) -> tuple[int, int] | None:
    """Return the number that begins at byte 4, coded like a character of UTF-8 of up to 7 bytes, and its end."""
    first = head[4]
    if first < 0x80:
        return first, 5
    extra = next((count for count in range(1, 7) if first >> (6 - count) == (1 << count + 2) - 2), None)
    if extra is None or len(head) < 5 + extra:
        return None
    value = first & (1 << 6 - extra) - 1
    for byte in head[5 : 5 + extra]:
        if byte & 0xC0 != 0x80:
            return None
        value = value << 6 | byte & 0x3F
    return value, 5 + extra


def _checksum(content: bytes) -> int:
    """Return the CRC-8 of the polynomial 0x07."""
    crc = 0
    for byte in content:
        crc = _CRC[crc ^ byte]
    return crc


def _crc_table() -> Iterator[int]:
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07 if crc & 0x80 else crc << 1) & 0xFF
        yield crc


_CRC = tuple(_crc_table())


def _followers(fd: int, start: int, size: int, marks: Sequence[bytes]) -> Iterator[int]:
    """Yield the offsets after `start` at which other streams begin."""
    file = Windows(fd, size)
    for mark in marks:
        position = start
        while (position := file.find(mark, position)) >= 0:
            yield position
            position += len(mark)
