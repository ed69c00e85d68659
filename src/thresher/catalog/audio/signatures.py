"""Recognise containers that libsndfile does not read, by the first bytes of a file.

Names are those of ffmpeg's demuxers. A file descriptor is read by `os.pread` only.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from types import MappingProxyType

CONTAINERS: Mapping[str, str] = MappingProxyType(
    {
        "aac": "ADTS",
        "ac3": "AC3",
        "aiff": "AIFF",
        "amr": "AMR",
        "ape": "APE",
        "asf": "ASF",
        "au": "AU",
        "avi": "AVI",
        "caf": "CAF",
        "dsf": "DSF",
        "dts": "DTS",
        "eac3": "EAC3",
        "flac": "FLAC",
        "flv": "FLV",
        "loas": "LOAS",
        "matroska": "MATROSKA",
        "mov": "MP4",
        "mp3": "MP3",
        "mpc": "MPC",
        "mpc8": "MPC",
        "mpeg": "MPEG",
        "mpegts": "MPEGTS",
        "nut": "NUT",
        "ogg": "OGG",
        "tak": "TAK",
        "tta": "TTA",
        "voc": "VOC",
        "w64": "W64",
        "wav": "WAV",
        "webm": "MATROSKA",
        "wv": "WAVPACK",
    }
)
"""The demuxers of ffmpeg that may read a file, and the names of their containers in the catalog.

Demuxers that open other files or addresses, such as those of playlists, are not among them.
"""

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftyp", "mov"),
    (4, b"moov", "mov"),
    (4, b"mdat", "mov"),
    (4, b"wide", "mov"),
    (4, b"free", "mov"),
    (4, b"skip", "mov"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (0, b"ADIF", "aac"),
    (0, b"MAC ", "ape"),
    (0, b"wvpk", "wv"),
    (0, b"TTA1", "tta"),
    (0, b"tBaK", "tak"),
    (0, b"#!AMR", "amr"),
    (0, b"MPCK", "mpc8"),
    (0, b"MP+", "mpc"),
    (0, b"DSD ", "dsf"),
    (0, b"FLV\x01", "flv"),
    (8, b"AVI ", "avi"),
    (0, b"\x00\x00\x01\xba", "mpeg"),
    (0, b"\x0b\x77", "ac3"),
)
"""Offset, bytes there, and demuxer."""

_LONGEST = 16
_LONGEST_TAG = 1 << 16
_TTA_HEADER = 22


def foreign_demuxer(fd: int, start: int) -> str | None:
    """Return ffmpeg's demuxer for the container at offset `start`, or None if it may be one of libsndfile's."""
    head = os.pread(fd, _LONGEST, start)
    for offset, signature, demuxer in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return demuxer
    # ADTS has the sync word of MPEG audio, with zero bits where MPEG audio has its layer.
    if len(head) >= 7 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "aac"
    return None


def missing_bytes(fd: int, start: int, size: int, demuxer: str) -> int:
    """Return how many bytes of a file its own header says are missing at its end; 0 if none or not known."""
    if demuxer == "mov":
        end = _mov_end(fd, start, size)
    elif demuxer == "matroska":
        end = _matroska_end(fd, start)
    elif demuxer == "asf":
        end = _asf_end(fd, start)
    elif demuxer == "aac":
        end = _adts_end(fd, start, size)
    else:
        return 0
    return max(0, end - size)


def joined_bytes(fd: int, start: int, size: int, demuxer: str) -> int:
    """Return how many bytes of another stream follow the first one, which ffmpeg does not read; 0 if none do."""
    if demuxer == "tta":
        end, signature = _tta_end(fd, start, size), b"TTA1"
    elif demuxer == "wv":
        end, signature = _wavpack_end(fd, start, size), b"wvpk"
    else:
        return 0
    found = os.pread(fd, _LONGEST_TAG, end).find(signature) if end else -1  # tags may end the first stream
    return size - end - found if found >= 0 else 0


def _tta_end(fd: int, start: int, size: int) -> int:
    """Return the end of the last frame by the table of their lengths; 0 if there is none."""
    rate, samples = struct.unpack("<II", os.pread(fd, 8, start + 10).ljust(8, b"\0"))
    frames = -(-samples // max(1, rate * 256 // 245))
    if not rate or 4 * frames > size:
        return 0
    table = os.pread(fd, 4 * frames, start + _TTA_HEADER)
    lengths: tuple[int, ...] = struct.unpack(f"<{len(table) // 4}I", table)
    return start + _TTA_HEADER + len(table) + 4 + sum(lengths)


def _wavpack_end(fd: int, start: int, size: int) -> int:
    """Return the end of the last block before one that counts samples from 0 again."""
    offset, has_begun = start, False
    while offset + 32 <= size:
        head = os.pread(fd, 32, offset)
        length, index, samples = (int.from_bytes(head[at : at + 4], "little") for at in (4, 16, 20))
        if head[:4] != b"wvpk" or (has_begun and index == 0 and samples):
            break
        has_begun |= index > 0
        offset += 8 + length
    return offset


def _mov_end(fd: int, start: int, size: int) -> int:
    """Return the end of the last atom, which ISO 14496-12 calls a box."""
    offset = start
    while offset + 8 <= size:
        head = os.pread(fd, 16, offset)
        length = int.from_bytes(head[:4], "big")
        if length == 1 and len(head) == 16:
            length = int.from_bytes(head[8:16], "big")
        if length < 8 or head[4:8] not in _ATOMS:
            return 0  # to the end of the file, or not an atom
        offset += length
    return offset


_ATOMS = frozenset(
    (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"mfra", b"sidx", b"styp", b"uuid")
)


def _matroska_end(fd: int, start: int) -> int:
    """Return the end of the segment; 0 if its size is not known. RFC 8794 describes the numbers."""
    offset = start
    for _ in range(2):  # the header of EBML, then the segment
        head = os.pread(fd, 12, offset)
        if len(head) < 12 or head[4] == 0:
            return 0
        width = 9 - head[4].bit_length()
        value = int.from_bytes(head[4 : 4 + width], "big") & (1 << 7 * width) - 1
        if value == (1 << 7 * width) - 1:
            return 0
        offset += 4 + width + value
    return offset


def _asf_end(fd: int, start: int) -> int:
    """Return the size of the file that the object of its properties states; 0 if it was broadcast."""
    head = os.pread(fd, 4096, start)
    found = head.find(_ASF_PROPERTIES)
    if found < 0 or len(head) < found + 92:
        return 0
    is_broadcast = head[found + 88] & 1
    return 0 if is_broadcast else start + int.from_bytes(head[found + 40 : found + 48], "little")


def _adts_end(fd: int, start: int, size: int) -> int:
    """Return the end of the last frame; 0 if a frame does not lead to the next one."""
    offset = start
    while offset + 7 <= size:
        head = os.pread(fd, 7, offset)
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        if head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or length < 7:
            return 0
        offset += length
    return offset


_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
