"""Find the packets of lossy audio in a file: the compressed sound itself, without tags and headers for seeking.

Two files with equal packets hold the same sound, whatever decodes it and whatever a program wrote around it. The
functions take a file descriptor that is open for reading and the size of the file, use `os.pread` only, and never
decode.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from thresher.catalog.audio.mpeg import frame_size
from thresher.catalog.audio.mpeg_damage import SAME_STREAM
from thresher.catalog.audio.windows import Windows

_XING_OFFSETS = (36, 21, 13, 38, 23, 15)  # after the header and side information, without and with a checksum
_LONGEST_LYRICS = 1 << 20
_START = re.compile(rb"\xff[\xe0-\xff]|ID3|APETAGEX|TAG")  # of a frame or a tag
_LONGEST_START = 8
_LONGEST_PACKET = 1 << 26  # of Ogg: more than any cover; what a damaged file has beyond it is left out
_TAG_BYTES = 227  # of the longest tag with a fixed length, "TAG+"


# MPEG audio


def mpeg_packets(fd: int, size: int) -> Iterator[bytes]:
    """Yield the complete frames of an MPEG audio file, without those that hold a Xing, Info or VBRI header.

    Tags before, between and after frames (ID3, APE, Lyrics3) and foreign bytes are left out.
    """
    file = Windows(fd, size)
    offset, stream = 0, None
    while offset < size:
        if skipped := _tag_size(file, offset):
            offset += skipped
            continue
        length = _frame_at(file, offset, stream)
        if length == 0 or (stream is None and not _is_followed(file, offset, length)):
            offset, stream = _next_frame(file, offset + 1), None
            continue
        frame = file.at(offset, length)
        if len(frame) == length and not _is_seek_header(frame):
            yield frame
        stream = int.from_bytes(frame[:4], "big")
        offset += length


def _frame_at(file: Windows, offset: int, stream: int | None) -> int:
    """Return the length of the frame at an offset, 0 if there is none, or none of the same stream."""
    head = file.at(offset, 4)
    header = int.from_bytes(head, "big")
    if len(head) < 4 or (stream is not None and (header ^ stream) & SAME_STREAM):
        return 0
    return frame_size(header)[0]


def _is_followed(file: Windows, offset: int, length: int) -> bool:
    """Return whether the end of the file, a tag or two more frames follow the frame at an offset."""
    stream = int.from_bytes(file.at(offset, 4), "big")
    for _ in range(2):
        offset += length
        if offset >= file.size or _tag_size(file, offset):
            return offset <= file.size
        length = _frame_at(file, offset, stream)
        if length == 0:
            return False
    return True


def _next_frame(file: Windows, offset: int) -> int:
    """Return the offset of the next byte that may begin a frame or a tag, or the end of the file."""
    found = file.search(_START, _LONGEST_START, offset)
    return file.size if found < 0 else found


def _is_seek_header(frame: bytes) -> bool:
    return frame[36:40] == b"VBRI" or any(
        frame[offset : offset + 4] in (b"Xing", b"Info") for offset in _XING_OFFSETS
    )


def _tag_size(file: Windows, offset: int) -> int:
    """Return the size of the tag at an offset, 0 if there is none."""
    head = file.at(offset, 32)
    if head[:3] == b"ID3" and len(head) >= 10 and max(head[6:10]) < 0x80:
        footer = 10 if head[5] & 0x10 else 0
        return (
            10 + footer + sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        )
    if head[:8] == b"APETAGEX" and len(head) == 32:
        is_header = head[23] & 0x20
        return 32 + (int.from_bytes(head[12:16], "little") if is_header else 0)
    if head[:4] == b"TAG+":
        return _TAG_BYTES
    if head[:3] == b"TAG" and file.size - offset <= 128 + 32:
        return 128
    if head[:11] == b"LYRICSBEGIN":
        rest = file.at(offset, min(_LONGEST_LYRICS, file.size - offset))
        return max(11, rest.find(b"LYRICS200") + 9, rest.find(b"LYRICSEND") + 9)
    return 0


# Ogg


def ogg_packets(fd: int, size: int) -> Iterator[bytes]:
    """Yield the packets of an Ogg file without those that hold comments: Vorbis, Opus, Speex and FLAC."""
    for number, packet, first in _all_ogg_packets(Windows(fd, size)):
        if packet.startswith((b"\x03vorbis", b"OpusTags")):
            continue
        if first.startswith(b"Speex   ") and number == 1:
            continue
        if first.startswith(b"\x7fFLAC") and number and packet[:1] != b"\xff":
            continue
        yield (
            packet[9:] if packet.startswith(b"\x7fFLAC") else packet
        )  # without the number of comment packets


def _all_ogg_packets(file: Windows) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield the number of each packet in its stream, the packet, and the first packet of its stream."""
    begun: dict[bytes, bytearray] = {}
    streams: dict[bytes, tuple[int, bytes]] = {}
    offset = 0
    while len(head := file.at(offset, 27)) == 27:
        if head[:4] != b"OggS":
            offset = file.find(b"OggS", offset + 1)
            if offset < 0:
                return
            continue
        sizes = file.at(offset + 27, head[26])
        position = offset + 27 + len(sizes)
        serial = head[14:18]
        if head[5] & 2:  # the first page of a stream; a chained stream may use a number again
            streams.pop(serial, None)
            begun.pop(serial, None)
        begin = begun.pop(
            serial, bytearray()
        )  # grows in place: a cover makes one packet of many thousand parts
        for size in sizes:
            if len(begin) < _LONGEST_PACKET:
                begin += file.at(position, size)
            position += size
            if size < 255:
                packet = bytes(begin)
                number, first = streams.get(serial, (0, packet))
                yield number, packet, first
                streams[serial] = number + 1, first
                begin = bytearray()
        if begin:
            begun[serial] = begin
        offset = position
