"""Parse audio containers to recognise truncated files, and write the container parts that libsndfile can't write.

If a header promises more audio than the file holds, libsndfile corrects it silently and reads a truncated file
without an error. The functions here parse just enough of each container to recognise that. They take a file
descriptor that is open for reading and the size of the file. They use `os.pread` only, so the position of the
descriptor does not change, and they never decode audio. All offsets and sizes are in bytes.

An MP3 without a Xing, Info or VBRI header that was cut between two frames cannot be recognised.

The parts that are written here are the ID3 tag of an MP3 and the serial number of an Ogg stream.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

_MAXIMAL_OGG_PAGE = 27 + 255 + 255 * 255
_MAXIMAL_CHUNKS = 4096
_WINDOW = 1 << 20
_ID3_FOOTER_PRESENT = 0x10


@dataclass(frozen=True)
class DataExtent:
    """The number of audio bytes that the header has `claimed`, and the number that is `present` in the file."""

    claimed: int
    present: int


@dataclass(frozen=True)
class MpegFrames:
    """The frames of an MPEG audio stream; each has `samples` samples.

    `whole` counts the complete frames, including the one with the Xing header. `promised` is the count in that
    header. `cut` is true if the file ends inside a frame. `followed` is true if each frame header led to the next
    one up to the end of the audio.
    """

    whole: int
    samples: int
    promised: int | None
    cut: bool
    followed: bool


def audio_start(fd: int) -> int:
    """Return the offset of the container, after the ID3v2 tags that some programs write before it."""
    start = 0
    while (head := os.pread(fd, 10, start))[:3] == b"ID3" and len(head) == 10:
        footer = 10 if head[5] & _ID3_FOOTER_PRESENT else 0
        start += (
            10
            + footer
            + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        )
    return start


# Containers made of chunks


def data_extent(fd: int, size: int) -> DataExtent | None:
    """Return the audio bytes that a WAV, RF64, W64, AIFF, AU or CAF header claims, and those that are present.

    Return None for another container, for a file without a data chunk, and for a header without a length, as
    programs write it into a pipe: 0, all bits set, or a size close to 2³¹ or 2³².
    """
    start = audio_start(fd)
    parser = _PARSERS.get(os.pread(fd, 4, start))
    found = parser(fd, start, size) if parser else None
    if found is None:
        return None
    data_start, claimed = found
    if _is_unknown(claimed):
        return None
    return DataExtent(claimed, max(0, min(claimed, size - data_start)))


def _is_unknown(claimed: int) -> bool:
    return not 0 < claimed < 1 << 60 or any(abs(claimed - limit) <= 4096 for limit in (1 << 31, 1 << 32))


def _chunks(fd: int, offset: int, size: int, header: str, alignment: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, offset of the payload, size) of each chunk; `header` is the struct format of name and size."""
    length = struct.calcsize(header)
    for _ in range(_MAXIMAL_CHUNKS):
        head = os.pread(fd, length, offset)
        if len(head) < length:
            return
        name, payload = struct.unpack(header, head)
        if length == 24:
            payload -= length  # a W64 size counts its own header
        yield name, offset + length, payload
        if payload < 0 or offset + length + payload > size:
            return
        offset += length + payload + -payload % alignment


def _riff(fd: int, start: int, size: int) -> tuple[int, int] | None:
    big_endian = os.pread(fd, 4, start) == b"RIFX"
    wide: int | None = None
    for name, offset, claimed in _chunks(fd, start + 12, size, ">4sI" if big_endian else "<4sI", 2):
        if name == b"ds64" and len(sizes := os.pread(fd, 16, offset)) == 16:
            wide = struct.unpack("<qq", sizes)[1]
        if name == b"data":
            return offset, wide if wide is not None and claimed == 0xFFFFFFFF else claimed
    return None


def _aiff(fd: int, start: int, size: int) -> tuple[int, int] | None:
    for name, offset, claimed in _chunks(fd, start + 12, size, ">4sI", 2):
        if name == b"SSND":
            return offset + 8, claimed - 8
    return None


def _wave64(fd: int, start: int, size: int) -> tuple[int, int] | None:
    for name, offset, claimed in _chunks(fd, start + 40, size, "<16sq", 8):
        if name[:4] == b"data":
            return offset, claimed
    return None


def _core_audio(fd: int, start: int, size: int) -> tuple[int, int] | None:
    for name, offset, claimed in _chunks(fd, start + 8, size, ">4sq", 1):
        if name == b"data":
            return offset + 4, claimed - 4
    return None


def _au(fd: int, start: int, size: int) -> tuple[int, int] | None:
    head = os.pread(fd, 12, start)
    if len(head) < 12 or size < 12:
        return None
    offset, claimed = struct.unpack(">II" if head[:4] == b".snd" else "<II", head[4:])
    return start + offset, claimed


_PARSERS: dict[bytes, Callable[[int, int, int], tuple[int, int] | None]] = {
    b"RIFF": _riff,
    b"RIFX": _riff,
    b"RF64": _riff,
    b"BW64": _riff,
    b"FORM": _aiff,
    b"riff": _wave64,
    b"caff": _core_audio,
    b".snd": _au,
    b"dns.": _au,
}


# Ogg


def ogg_fault(fd: int, size: int) -> str | None:
    """Return why an Ogg file is truncated, or None: its last page is cut, or does not end the stream.

    Bytes after the last page are allowed. The text continues "ends at 1.00 s, …".
    """
    offset = _last_ogg_page(fd, size)
    if offset is None:
        return "where it holds no Ogg page"
    head = os.pread(fd, 27 + 255, offset)
    if len(head) < 27 or len(head) < 27 + head[26]:
        return "where its last Ogg page is cut off"
    if offset + 27 + head[26] + sum(head[27 : 27 + head[26]]) > size:
        return "where its last Ogg page is cut off"
    if not head[5] & 0x04:
        return "without the mark that ends an Ogg stream"
    return None


def _last_ogg_page(fd: int, size: int) -> int | None:
    end = size
    while end > 0:
        start = max(0, end - _MAXIMAL_OGG_PAGE)
        # Four more bytes than the window, so that a signature across its border is found.
        found = os.pread(fd, end - start + 4, start).rfind(b"OggS\0")
        if found >= 0:
            return start + found
        end = start
    return None


# MPEG audio

_BIT_RATES = {  # kbit/s by (MPEG version is 1, layer)
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_SAME_STREAM = (
    0xFFFE0C00  # sync, version, layer and sample rate are the same in a stream; bit rate and padding vary
)


def mpeg_frames(fd: int, size: int) -> MpegFrames | None:
    """Follow the frames of an MP3 from header to header; return None if no first frame is found.

    Frames of "free" bit rate cannot be followed. Tags after the audio are allowed.
    """
    first = _first_mpeg_frame(fd, size)
    if first is None:
        return None
    offset, header = first
    samples, promised = _frame_size(header)[1], _promised_frames(fd, offset, header)
    whole = 0
    window, window_start = b"", offset
    while True:
        if offset + 4 > window_start + len(window):
            window, window_start = os.pread(fd, _WINDOW, offset), offset
        tail = window[offset - window_start : offset - window_start + 4]
        value = int.from_bytes(tail, "big")
        if len(tail) < 4:
            cut = len(tail) > 0 and header.to_bytes(4, "big")[:2].startswith(tail[:2])
            return MpegFrames(whole, samples, promised, cut, followed=True)
        length = _frame_size(value)[0] if (value ^ header) & _SAME_STREAM == 0 else 0
        if length == 0:
            tagged = tail[:3] == b"TAG" or tail in (b"APET", b"LYRI") or not any(tail)
            return MpegFrames(whole, samples, promised, cut=False, followed=tagged)
        if offset + length > size:
            return MpegFrames(whole, samples, promised, cut=True, followed=True)
        whole += 1
        offset += length


def _frame_size(header: int) -> tuple[int, int]:
    """Return (bytes, samples) of the frame with this header; 0 bytes if no frame can be followed from it."""
    version, layer = header >> 19 & 3, 4 - (header >> 17 & 3)
    rate_index, bit_index, padding = header >> 10 & 3, header >> 12 & 15, header >> 9 & 1
    if header >> 21 != 0x7FF or version == 1 or layer == 4 or rate_index == 3 or bit_index == 15:
        return 0, 0
    samples = 384 if layer == 1 else 1152 if layer == 2 or version == 3 else 576
    bits = _BIT_RATES[version == 3, layer][bit_index] * 1000
    rate = _SAMPLE_RATES[version][rate_index]
    if bits == 0:
        return 0, samples
    if layer == 1:
        return (12 * bits // rate + padding) * 4, samples
    return samples // 8 * bits // rate + padding, samples


def _first_mpeg_frame(fd: int, size: int) -> tuple[int, int] | None:
    """Return (offset, header) of the first frame that another frame or the end of the file follows."""
    start = audio_start(fd)
    head = os.pread(fd, 1 << 16, start)
    position = head.find(b"\xff")
    while 0 <= position <= len(head) - 4:
        header = int.from_bytes(head[position : position + 4], "big")
        length = _frame_size(header)[0]
        if length:
            following = os.pread(fd, 4, start + position + length)
            if start + position + length >= size - 3:
                return start + position, header
            if (int.from_bytes(following, "big") ^ header) & _SAME_STREAM == 0:
                return start + position, header
        position = head.find(b"\xff", position + 1)
    return None


def _promised_frames(fd: int, offset: int, header: int) -> int | None:
    """Return the number of frames that the Xing, Info or VBRI header in the first frame promises, or None."""
    mono, mpeg_1 = header >> 6 & 3 == 3, header >> 19 & 3 == 3
    side_information = (17 if mono else 32) if mpeg_1 else (9 if mono else 17)
    xing = os.pread(fd, 12, offset + 4 + side_information)
    if len(xing) == 12 and xing[:4] in (b"Xing", b"Info") and xing[7] & 1:
        return int.from_bytes(xing[8:], "big")
    vbri = os.pread(fd, 18, offset + 4 + 32)
    if len(vbri) == 18 and vbri[:4] == b"VBRI":
        return int.from_bytes(vbri[14:], "big")
    return None


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
        page[22:26] = _ogg_checksum(page).to_bytes(4, "little")
        os.pwrite(fd, page[14:26], offset + 14)
        offset += len(page)


def _ogg_checksum(page: bytes | bytearray) -> int:
    """Return the CRC-32 of RFC 3533: zlib's polynomial with the bits of bytes and result reversed, from 0."""
    mirrored = zlib.crc32(page.translate(_MIRRORED_BYTES), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)


_MIRRORED_BYTES = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def id3_tag(tags: Mapping[str, str]) -> bytes:
    """Return an ID3v2.4 tag in UTF-8 for the start of an MP3: title, artist, album and comment."""
    bodies = [
        (frame, b"\x03" + tags[name].encode())
        for name, frame in (("title", b"TIT2"), ("artist", b"TPE1"), ("album", b"TALB"))
        if name in tags
    ]
    if "comment" in tags:
        bodies.append((b"COMM", b"\x03" + b"und" + b"\0" + tags["comment"].encode()))
    frames = b"".join(name + _syncsafe(len(body)) + b"\0\0" + body for name, body in bodies)
    return b"ID3\x04\x00\x00" + _syncsafe(len(frames)) + frames


def _syncsafe(number: int) -> bytes:
    """Return a size as ID3v2.4 writes it: four bytes of seven bits each, the highest first."""
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))
