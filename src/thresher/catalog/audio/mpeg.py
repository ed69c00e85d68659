"""Follow the frames of MPEG audio from header to header, to learn where the audio begins and ends.

Nothing is decoded, and descriptors are read by `os.pread` only. Offsets and sizes are in bytes. Frames of "free"
bit rate cannot be followed. An MP3 without a Xing, Info or VBRI header that was cut between two frames cannot be
recognised. Damage to the compressed sound itself cannot be recognised either, only damage to headers and side
information.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from thresher.catalog.audio.containers import audio_start, tag_length
from thresher.catalog.audio.mpeg_damage import (
    LONGEST_SIDE,
    SAME_STREAM,
    is_impossible,
    needs_lost_bytes,
    side_bytes,
)

_WINDOW = 1 << 20
_SEARCH = 1 << 22
_CERTAIN_FRAMES = 4
"""That many frames in a row, or frames up to the end of the file, are not a coincidence."""
_UNCOUNTED_FRAMES = 2
"""Some encoders do not count the frame of the Xing header, or the last one."""


@dataclass(frozen=True)
class MpegFrames:
    """The frames of the MPEG audio in a file; each has `samples` samples.

    They begin at `begin` and end at `end`. `whole` counts the complete frames, including the one with the Xing
    header. `promised` is the count in that header. `cut` is true if the file ends inside a frame. `followed` is
    true if each frame header led to the next one up to the end of the audio; `has_more` if there are further frames
    after other bytes, or more than the Xing header promises, because files were joined. `damaged` counts the
    places where a frame was overwritten; the first one is `damaged_at` seconds after the beginning.
    """

    whole: int
    samples: int
    promised: int | None
    cut: bool
    followed: bool
    begin: int
    end: int
    has_more: bool
    damaged: int = 0
    damaged_at: float | None = None


@dataclass(frozen=True)
class _Chain:
    """Frames that follow one another from `begin`: their number, where the last one ends, and what comes there.

    `damaged` are the numbers of those with impossible side information.
    """

    begin: int
    whole: int
    end: int
    cut: bool
    followed: bool
    damaged: tuple[int, ...]


_BIT_RATES = {  # kbit/s by (MPEG version is 1, layer)
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def mpeg_frames(fd: int, size: int) -> MpegFrames | None:
    """Follow the frames of an MP3 from header to header; return None if no first frame is found.

    Tags before, between and after the frames are allowed. Frames after other bytes are followed, too.
    """
    start = audio_start(fd)
    first = _next_frame(fd, start, size, 1 << 16)
    if first is None:
        return None
    begin, header = first
    chain = _follow(fd, size, begin, header)
    if begin != start and not _is_certain(chain, size):
        return None
    samples, promised = frame_size(header)[1], _promised_frames(fd, begin, header)
    whole, chains, last, damaged = chain.whole, 1, chain, list(chain.damaged)
    while (found := _next_chain(fd, last.end, size)) is not None:
        if needs_lost_bytes(fd, header, last.end, found.begin):
            damaged.append(whole)
        damaged += [whole + number for number in found.damaged]
        last = found
        whole, chains = whole + last.whole, chains + 1
    has_more = chains > 1 or (promised is not None and whole > promised + _UNCOUNTED_FRAMES)
    damaged_at = damaged[0] * samples / sample_rate(header) if damaged else None
    return MpegFrames(
        whole,
        samples,
        promised,
        last.cut,
        chain.followed,
        begin,
        last.end,
        has_more,
        len(damaged),
        damaged_at,
    )


def _next_chain(fd: int, end: int, size: int) -> _Chain | None:
    """Return the next frames after tags and foreign bytes, if it is certain that they are frames."""
    position = end
    while position < size and (found := _next_frame(fd, position, size, _SEARCH)) is not None:
        chain = _follow(fd, size, *found)
        if _is_certain(chain, size) and chain.whole > 1:
            return chain
        position = found[0] + 1
        if position > end + _SEARCH:
            break
    return None


def _is_certain(chain: _Chain, size: int) -> bool:
    return chain.whole >= _CERTAIN_FRAMES or (chain.whole > 1 and chain.end == size)


def _follow(fd: int, size: int, offset: int, header: int) -> _Chain:
    """Follow frames from the one at `offset`, whose header is known."""
    begin, whole = offset, 0
    window, window_start = b"", offset
    damaged: list[int] = []
    while True:
        if offset + LONGEST_SIDE > window_start + len(window):
            window, window_start = os.pread(fd, _WINDOW, offset), offset
        at = offset - window_start
        tail = window[at : at + 4]
        value = int.from_bytes(tail, "big")
        if len(tail) < 4:
            cut = len(tail) > 0 and header.to_bytes(4, "big")[:2].startswith(tail[:2])
            return _Chain(begin, whole, offset, cut, followed=True, damaged=tuple(damaged))
        length = frame_size(value)[0] if (value ^ header) & SAME_STREAM == 0 else 0
        if length == 0:
            tagged = tail[:3] == b"TAG" or tail in (b"APET", b"LYRI") or not any(tail)
            return _Chain(begin, whole, offset, cut=False, followed=tagged, damaged=tuple(damaged))
        if offset + length > size:
            return _Chain(begin, whole, offset, cut=True, followed=True, damaged=tuple(damaged))
        if is_impossible(window[at : at + LONGEST_SIDE], value, length):
            damaged.append(whole)
        whole += 1
        offset += length


def frame_size(header: int) -> tuple[int, int]:
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


def sample_rate(header: int) -> int:
    """Return the sample rate of the frame with this header, in Hz."""
    return _SAMPLE_RATES[header >> 19 & 3][header >> 10 & 3]


def _next_frame(fd: int, start: int, size: int, search: int) -> tuple[int, int] | None:
    """Return (offset, header) of the first frame that another frame or the end of the file follows."""
    while (length := tag_length(fd, start)) > 0:
        start += length
    head = os.pread(fd, search, start)
    position = head.find(b"\xff")
    while 0 <= position <= len(head) - 4:
        header = int.from_bytes(head[position : position + 4], "big")
        length = frame_size(header)[0]
        if length:
            following = os.pread(fd, 4, start + position + length)
            if start + position + length >= size - 3:
                return start + position, header
            if (int.from_bytes(following, "big") ^ header) & SAME_STREAM == 0:
                return start + position, header
        position = head.find(b"\xff", position + 1)
    return None


def _promised_frames(fd: int, offset: int, header: int) -> int | None:
    """Return the number of frames that the Xing, Info or VBRI header in the first frame promises, or None."""
    xing = os.pread(fd, 12, offset + 4 + side_bytes(header))
    if len(xing) == 12 and xing[:4] in (b"Xing", b"Info") and xing[7] & 1:
        return int.from_bytes(xing[8:], "big")
    vbri = os.pread(fd, 18, offset + 4 + 32)
    if len(vbri) == 18 and vbri[:4] == b"VBRI":
        return int.from_bytes(vbri[14:], "big")
    return None
