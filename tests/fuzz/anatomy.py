"""The anatomy of audio files: where their numbers and their parts are, and how to renew their checksums.

It is for damaging files where programs read them; it need not be complete. A file of no known container has neither
numbers nor parts. Offsets are in bytes.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

MOST_PARTS = 2_000


@dataclass(frozen=True)
class Number:
    """A number in a file: `width` bytes at `offset`, with the most significant byte first if `is_big`."""

    offset: int
    width: int
    is_big: bool = False


@dataclass(frozen=True)
class Anatomy:
    """The numbers of a file, and its parts (chunks, pages, frames, boxes) as half-open ranges."""

    numbers: tuple[Number, ...] = ()
    parts: tuple[tuple[int, int], ...] = ()


def anatomy(data: bytes) -> Anatomy:
    """Return where the numbers and the parts of a file are."""
    for mark, read in _READERS:
        if re.match(mark, data, re.DOTALL):
            try:
                return read(data)
            except (struct.error, IndexError):
                return Anatomy()
    return Anatomy()


def renewed(data: bytes) -> bytes:
    """Return a file with the checksums that its contents need, as far as its container is known."""
    if data[:4] == b"OggS":
        return _renewed_ogg(data)
    if data[:4] == b"fLaC":
        return _renewed_flac(data)
    return data


def _chunks(data: bytes, start: int, size_at: int, width: int, *, is_big: bool, pad: int) -> Anatomy:
    """Chunks with a size at `size_at`; every two and four bytes of the short ones are numbers, too."""
    numbers: list[Number] = []
    parts: list[tuple[int, int]] = []
    head = size_at + width
    while start + head <= len(data) and len(parts) < MOST_PARTS:
        size = int.from_bytes(data[start + size_at : start + head], "big" if is_big else "little")
        if pad == 8:
            size -= head  # the size in Wave64 and in ASF is that of the whole chunk
        end = start + head + max(0, size)
        end += -end % pad if pad > 1 else 0
        numbers.append(Number(start + size_at, width, is_big))
        if size <= 128:
            inside = range(start + head, min(end, len(data)), 2)
            numbers += [Number(at, step, is_big) for at in inside for step in (2, 4)]
        parts.append((start, min(end, len(data))))
        start = max(end, start + head)
    return Anatomy(tuple(numbers), tuple(parts))


def _between(starts: Sequence[int], end: int) -> tuple[tuple[int, int], ...]:
    """Return the ranges from each start to the next one, and from the last one to the end."""
    return tuple(pairwise((*starts, end)))


def _riff(data: bytes) -> Anatomy:
    is_big = data[:4] in (b"RIFX", b"FORM")
    found = _chunks(data, 12, 4, 4, is_big=is_big, pad=2)
    return Anatomy((Number(4, 4, is_big), *found.numbers), found.parts)


def _wave64(data: bytes) -> Anatomy:
    found = _chunks(data, 40, 16, 8, is_big=False, pad=8)
    return Anatomy((Number(16, 8), *found.numbers), found.parts)


def _caf(data: bytes) -> Anatomy:
    return _chunks(data, 8, 4, 8, is_big=True, pad=1)


def _au(data: bytes) -> Anatomy:
    return Anatomy(tuple(Number(4 * n, 4, data[0] == ord(".")) for n in range(1, 6)))


MOST_BLOCKS = 1_000
"""How many blocks before the frames of a FLAC file are taken apart: zero bytes are empty blocks of four bytes."""


def _flac(data: bytes) -> Anatomy:
    numbers: list[Number] = []
    parts: list[tuple[int, int]] = []
    start, is_last = 4, False
    while not is_last and start + 4 <= len(data) and len(parts) < MOST_BLOCKS:
        is_last = bool(data[start] & 0x80)
        end = start + 4 + int.from_bytes(data[start + 1 : start + 4], "big")
        numbers += [Number(start, 1), Number(start + 1, 3, is_big=True)]
        if data[start] & 0x7F == 0:
            places = ((4, 2), (6, 2), (8, 3), (11, 3), (14, 3), (16, 2), (17, 1), (17, 5), (18, 4), (22, 16))
            numbers += [Number(start + at, width, is_big=True) for at, width in places]
        else:
            numbers += [Number(start + at, 4) for at in range(4, min(end - start, 40), 4)]
        parts.append((start, end))
        start = end
    frames = _flac_frames(data, start)
    numbers += [Number(at + offset, 1) for at, _ in frames for offset in (1, 2, 3, 4, 5)]
    return Anatomy(tuple(numbers), (*parts, *frames))


def _flac_frames(data: bytes, start: int) -> tuple[tuple[int, int], ...]:
    starts = [
        match.start()
        for match in re.compile(rb"\xff[\xf8\xf9]").finditer(data, start)
        if _flac_header(data, match.start()) is not None
    ]
    return _between(starts, len(data))


def _flac_header(data: bytes, at: int) -> int | None:
    """Return the length of the header of a FLAC frame without its checksum, which is right; else None."""
    for length in range(5, 15):
        if at + length < len(data) and _crc(data[at : at + length], 0x07, 8) == data[at + length]:
            return length
    return None


def _ogg(data: bytes) -> Anatomy:
    parts = list(_pages(data))
    numbers = []
    for at, _ in parts:
        numbers += [Number(at + 5, 1), Number(at + 6, 8), Number(at + 14, 4), Number(at + 18, 4)]
        numbers += [Number(at + 26, 1), Number(at + 27, 1)]
    body = parts[0][0] + 28 if parts else 0
    numbers += [Number(body + offset, width) for offset in range(8, 30) for width in (1, 4)]
    return Anatomy(tuple(numbers), tuple(parts))


def _pages(data: bytes) -> Iterator[tuple[int, int]]:
    at = data.find(b"OggS")
    while 0 <= at <= len(data) - 27:
        segments = data[at + 27 : at + 27 + data[at + 26]]
        end = at + 27 + len(segments) + sum(segments)
        yield at, min(end, len(data))
        at = data.find(b"OggS", max(end, at + 27))


def _mpeg(data: bytes) -> Anatomy:
    mark = re.compile(rb"\xff[\xe2-\xff]")
    starts = [match.start() for match in mark.finditer(data)][:MOST_PARTS]
    head = starts[0] if starts else 0
    first = data[head : head + 2]
    starts = [at for at in starts if data[at : at + 2] == first]
    numbers = [Number(at + offset, 1) for at in starts for offset in (1, 2, 3)]
    xing = max(data.find(b"Xing"), data.find(b"Info"))
    if xing >= 0:
        numbers += [Number(xing + offset, 4, is_big=True) for offset in (4, 8, 12)] * 4
    if data[:3] == b"ID3":
        numbers += [Number(at, 1) for at in range(3, 10)] * 4
    return Anatomy(tuple(numbers), _between(starts, len(data)))


def _boxes(data: bytes) -> Anatomy:
    """Boxes of MP4 files, and those inside of the ones that hold boxes."""
    holders = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"udta", b"edts", b"dinf")
    numbers: list[Number] = []
    parts: list[tuple[int, int]] = []
    ranges = [(0, len(data))]
    while ranges and len(parts) < MOST_PARTS:
        start, end = ranges.pop()
        while start + 8 <= end:
            size = int.from_bytes(data[start : start + 4], "big")
            last = min(end, start + max(8, size))
            numbers.append(Number(start, 4, is_big=True))
            if data[start + 4 : start + 8] in holders:
                ranges.append((start + 8, last))
            elif size <= 256:
                numbers += [Number(at, 4, is_big=True) for at in range(start + 8, last - 3, 4)]
            parts.append((start, last))
            start = last
    return Anatomy(tuple(numbers), tuple(parts))


def _asf(data: bytes) -> Anatomy:
    outer = _chunks(data, 0, 16, 8, is_big=False, pad=8)
    inner = _chunks(data[: outer.parts[0][1]], 30, 16, 8, is_big=False, pad=8) if outer.parts else Anatomy()
    return Anatomy((*outer.numbers, *inner.numbers), (*outer.parts, *inner.parts))


def _wavpack(data: bytes) -> Anatomy:
    starts = [match.start() for match in re.finditer(b"wvpk", data)]
    numbers = [Number(at + offset, 4) for at in starts for offset in (4, 12, 16, 20, 24)]
    return Anatomy(tuple(numbers), _between(starts, len(data)))


def _matroska(data: bytes) -> Anatomy:
    """The sizes after the ids of Matroska's larger elements, and clusters as parts."""
    ids = rb"\x1a\x45\xdf\xa3|\x18\x53\x80\x67|\x15\x49\xa9\x66|\x16\x54\xae\x6b|\x1f\x43\xb6\x75|\xae|\xe1|\xa3"
    numbers = [Number(match.end(), 1) for match in re.finditer(ids, data)][:MOST_PARTS]
    starts = [match.start() for match in re.finditer(rb"\x1f\x43\xb6\x75|\x18\x53\x80\x67", data)]
    return Anatomy(tuple(numbers), _between(starts, len(data)))


_READERS: tuple[tuple[bytes, Callable[[bytes], Anatomy]], ...] = (
    (rb"RIFF|RIFX|RF64|BW64|FORM", _riff),
    (rb"riff", _wave64),
    (rb"caff", _caf),
    (rb"\.snd|dns\.", _au),
    (rb"fLaC", _flac),
    (rb"OggS", _ogg),
    (rb"....ftyp", _boxes),
    (rb"\x30\x26\xb2\x75", _asf),
    (rb"wvpk", _wavpack),
    (rb"\x1a\x45\xdf\xa3", _matroska),
    (rb"ID3|\xff[\xe2-\xff]", _mpeg),
)


def _renewed_ogg(data: bytes) -> bytes:
    whole = bytearray(data)
    for at, end in _pages(data):
        whole[at + 22 : at + 26] = bytes(4)
        whole[at + 22 : at + 26] = struct.pack("<I", _crc(whole[at:end], 0x04C11DB7, 32))
    return bytes(whole)


def _renewed_flac(data: bytes) -> bytes:
    """Return a FLAC file with new checksums of frames. Headers whose length is not known keep theirs."""
    whole = bytearray(data)
    starts = [match.start() for match in re.finditer(rb"\xff[\xf8\xf9]", data)]
    headers = {at: _flac_header(data, at) or _guessed_header(data, at) for at in starts}
    known = [at for at in starts if headers[at] is not None]
    for at, end in _between(known, len(data)):
        length = headers[at]
        assert length is not None
        whole[at + length] = _crc(whole[at : at + length], 0x07, 8)
        if end - at > length + 3:
            whole[end - 2 : end] = struct.pack(">H", _crc(whole[at : end - 2], 0x8005, 16))
    return bytes(whole)


def _guessed_header(data: bytes, at: int) -> int | None:
    """Return how long the header of a damaged FLAC frame of a short file probably is."""
    head = data[at : at + 5]
    if len(head) < 5 or head[4] > 0x7F:
        return None
    return 5 + {6: 1, 7: 2}.get(head[2] >> 4, 0) + {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)


def _crc(content: bytes | bytearray, polynomial: int, bits: int) -> int:
    table = _tables.get((polynomial, bits)) or _tables.setdefault(
        (polynomial, bits), _table(polynomial, bits)
    )
    value, mask, shift = 0, (1 << bits) - 1, bits - 8
    for byte in content:
        value = (value << 8 & mask) ^ table[(value >> shift) ^ byte]
    return value


def _table(polynomial: int, bits: int) -> list[int]:
    table = []
    for byte in range(256):
        value = byte << bits - 8
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> bits - 1 & 1 else 0)
        table.append(value & (1 << bits) - 1)
    return table


_tables: dict[tuple[int, int], list[int]] = {}
