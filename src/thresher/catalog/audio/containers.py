"""Write the container parts that libsndfile can't write, and skip ID3 tags.

The parts that are written here are the ID3 tag of an MP3, the cover of a FLAC file, and the serial number of an Ogg
stream. Reading uses `os.pread` only, so the position of a descriptor does not change. All offsets and sizes are in
bytes.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping

from thresher.catalog.files.cover_images import image_type

_MAXIMAL_OGG_PAGE = 27 + 255 + 255 * 255
_ID3_FOOTER_PRESENT = 0x10


def audio_start(fd: int) -> int:
    """Return the offset of the container, after the ID3v2 tags that some programs write before it."""
    start = 0
    while (length := tag_length(fd, start)) > 0:
        start += length
    return start


def tag_length(fd: int, offset: int) -> int:
    """Return the length of the ID3v2 tag at `offset`; 0 if there is none."""
    head = os.pread(fd, 10, offset)
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    footer = 10 if head[5] & _ID3_FOOTER_PRESENT else 0
    parts = zip(head[6:], (21, 14, 7, 0), strict=True)
    return 10 + footer + sum((byte & 0x7F) << shift for byte, shift in parts)


# Parts that this module writes


def set_ogg_serial(fd: int, size: int, serial: int) -> None:
    """Write this 32-bit serial number, and a new checksum, to every page of an Ogg file with one stream.

    libsndfile chooses a random number, so the same samples would never give the same bytes. `fd` is open for
    reading and writing. RFC 3533 describes the pages. Raises ValueError if the file holds anything else.
    """
    offset = 0
    while offset < size:
        page = bytearray(os.pread(fd, _MAXIMAL_OGG_PAGE, offset))
        if page[:4] != b"OggS":
            raise ValueError(f"no Ogg page at byte {offset}")
        segments = page[26]
        del page[27 + segments + sum(page[27 : 27 + segments]) :]
        page[14:18] = serial.to_bytes(4, "little")
        page[22:26] = bytes(4)
        page[22:26] = ogg_checksum(page).to_bytes(4, "little")
        os.pwrite(fd, page[14:26], offset + 14)
        offset += len(page)


def ogg_checksum(page: bytes | bytearray) -> int:
    """Return the CRC-32 of RFC 3533: zlib's polynomial with the bits of bytes and result reversed, from 0."""
    mirrored = zlib.crc32(page.translate(_MIRRORED_BYTES), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)


_MIRRORED_BYTES = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


_FRONT_COVER = 3  # the picture type of ID3v2 and FLAC
_FLAC_MAGIC, _FLAC_PICTURE, _FLAC_LAST = b"fLaC", 6, 0x80
_MOVED_BYTES = 1 << 20


def id3_tag(tags: Mapping[str, str], cover: bytes | None = None) -> bytes:
    """Return an ID3v2.4 tag in UTF-8 for the start of an MP3: title, artist, album, comment and front cover."""
    bodies = [
        (frame, b"\x03" + tags[name].encode())
        for name, frame in (("title", b"TIT2"), ("artist", b"TPE1"), ("album", b"TALB"))
        if name in tags
    ]
    if "comment" in tags:
        bodies.append((b"COMM", b"\x03" + b"und" + b"\0" + tags["comment"].encode()))
    if cover is not None:
        kind = image_type(cover).encode()
        bodies.append((b"APIC", b"\x00" + kind + b"\0" + bytes([_FRONT_COVER]) + b"\0" + cover))
    frames = b"".join(name + _syncsafe(len(body)) + b"\0\0" + body for name, body in bodies)
    return b"ID3\x04\x00\x00" + _syncsafe(len(frames)) + frames


def _syncsafe(number: int) -> bytes:
    """Return a size as ID3v2.4 writes it: four bytes of seven bits each, the highest first."""
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def flac_picture(cover: bytes) -> bytes:
    """Return a metadata block of FLAC with a front cover (RFC 9639, 8.8). Its size in pixels is left unknown."""
    kind = image_type(cover).encode()
    body = (
        struct.pack(">II", _FRONT_COVER, len(kind)) + kind + struct.pack(">IIIIII", 0, 0, 0, 0, 0, len(cover))
    )
    body += cover
    return bytes([_FLAC_PICTURE]) + len(body).to_bytes(3, "big") + body


def add_flac_block(fd: int, size: int, block: bytes) -> None:
    """Insert a metadata block after STREAMINFO, the first block of a FLAC file.

    `fd` is open for reading and writing. Seek points count from the first frame, so they stay right.
    """
    first = os.pread(fd, 4, len(_FLAC_MAGIC))
    at = len(_FLAC_MAGIC) + len(first) + int.from_bytes(first[1:], "big")
    if first[0] & _FLAC_LAST:
        os.pwrite(fd, bytes([first[0] & ~_FLAC_LAST]), len(_FLAC_MAGIC))
        block = bytes([block[0] | _FLAC_LAST]) + block[1:]
    end = size
    while end > at:  # from the end, so that nothing is overwritten before it has moved
        start = max(at, end - _MOVED_BYTES)
        os.pwrite(fd, os.pread(fd, end - start, start), start + len(block))
        end = start
    os.pwrite(fd, block, at)
