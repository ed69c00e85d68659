"""Recognise overwritten frames of MPEG layer III by their side information.

The side information of a frame (ISO 11172-3, 2.4.1.7) states how many bits of compressed sound the frame has, and
how many bytes before the frame they begin. Values that no encoder can write are damage. In doubt a frame is intact,
so that joined, cut and tagged files never count as damaged. Offsets and sizes are in bytes.
"""

from __future__ import annotations

import os

LONGEST_SIDE = 40
"""Bytes of a frame's header, checksum and side information, at most."""

SAME_STREAM = 0xFFFE0C00
"""The bits of a frame header that are the same in a stream: sync, version, layer and sample rate."""

_MOST_PAIRS = 288  # a granule has 576 values, coded in pairs
_NO_SOUND = (b"TAG", b"APETAGEX", b"LYRICS", b"ID3", b"RIFF")
_TEXT = bytes([9, 10, 13, *range(32, 127)])
_LONGEST_GAP = 1 << 20


def is_impossible(head: bytes, header: int, length: int) -> bool:
    """Return whether the side information of a frame contradicts its length; `head` are its first bytes.

    It does if it claims more bits than there are up to the end of the frame, or more values than a granule has.
    """
    side = _side_information(head, header)
    if side is None:
        return False
    main_data_begin, bits, pairs, end = side
    return bits > 8 * (main_data_begin + length - end) or pairs > _MOST_PAIRS


def needs_lost_bytes(fd: int, header: int, end: int, begin: int) -> bool:
    """Return whether frames that end at `end` and continue at `begin` are one stream with damage between them.

    The frame at `begin` then uses bytes of the frames before it, which are lost, and the bytes between are neither
    zeros nor text nor a tag, which programs write between joined files.
    """
    head = os.pread(fd, LONGEST_SIDE, begin)
    following = int.from_bytes(head[:4], "big")
    side = _side_information(head, following)
    if side is None or side[0] == 0 or (following ^ header) & SAME_STREAM:
        return False
    between = os.pread(fd, min(begin - end, _LONGEST_GAP), end).strip(b"\0")
    return bool(between.translate(None, _TEXT)) and not between.startswith(_NO_SOUND)


def side_bytes(header: int) -> int:
    """Return the size of the side information of a frame of layer III with this header."""
    mono, mpeg_1 = header >> 6 & 3 == 3, header >> 19 & 3 == 3
    return (17 if mono else 32) if mpeg_1 else (9 if mono else 17)


def _side_information(head: bytes, header: int) -> tuple[int, int, int, int] | None:
    """Return (bytes before the frame, bits of sound, most pairs of values, end of the side information) of a frame.

    None for another layer, or if `head` is too short.
    """
    if header >> 17 & 3 != 1:
        return None
    mono, mpeg_1 = header >> 6 & 3 == 3, header >> 19 & 3 == 3
    start = 4 if header >> 16 & 1 else 6
    size = side_bytes(header)
    if len(head) < start + size:
        return None
    value = int.from_bytes(head[start : start + size], "big")
    left = 8 * size - (9 if mpeg_1 else 8)
    main_data_begin = value >> left
    channels = 1 if mono else 2
    granules, width = (2, 59) if mpeg_1 else (1, 63)
    left = granules * channels * width  # what precedes are private bits and the shared scale factors
    bits = pairs = 0
    for _ in range(granules * channels):
        bits += value >> left - 12 & 0xFFF
        pairs = max(pairs, value >> left - 21 & 0x1FF)
        left -= width
    return main_data_begin, bits, pairs, start + size
