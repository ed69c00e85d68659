"""Find the audio in WAV, RF64, W64, AIFF, AU and CAF files whose headers state wrong sizes or none.

Programs that are stopped, or that write into a pipe, leave sizes of 0 or placeholders; sizes of 32 bits overflow;
files are joined. The functions compare the header with the size of the file and with the bytes after the declared
end. They take a descriptor that is read by `os.pread` only, and never decode. Offsets and sizes are in bytes.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from thresher.catalog.audio.pieces import Piece, overlaid

_MAXIMAL_CHUNKS = 4096
_WIDE = 1 << 32
_LEAST_AUDIO = 4096
"""A shorter rest after the declared end is not audio that the header leaves out."""

_PLACEHOLDERS = ((1 << 31) - (1 << 16), (1 << 31) + 4096), (_WIDE - (1 << 16), _WIDE + 4096)
"""Sizes close to 2³¹ and 2³² with which programs say that they do not know the size yet."""

_KNOWN_CHUNKS = frozenset(
    name.encode()
    for name in (
        *(
            "LIST",
            "list",
            "id3 ",
            "ID3 ",
            "bext",
            "JUNK",
            "junk",
            "PAD ",
            "FLLR",
            "fact",
            "cue ",
            "smpl",
            "inst",
        ),
        *(
            "iXML",
            "axml",
            "chna",
            "_PMX",
            "afsp",
            "minf",
            "elm1",
            "regn",
            "umid",
            "DISP",
            "PEAK",
            "acid",
            "SNDM",
        ),
        *("NAME", "AUTH", "ANNO", "(c) ", "COMT", "MARK", "INST", "APPL", "CHAN", "COMM"),
    )
)
_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN")
_AIFF_WIDTHS = {b"ulaw": 1, b"ULAW": 1, b"alaw": 1, b"ALAW": 1}
_AIFF_PCM = (b"NONE", b"sowt", b"twos", b"in24", b"in32", b"fl32", b"FL32", b"fl64", b"FL64", b"raw ")


@dataclass(frozen=True)
class Chunked:
    """The audio of a file made of chunks.

    `promised` is its size in the header, None where the header has no usable size; `present` is the size of what
    the file holds. `pieces` are the file with a corrected header, None if a decoder can trust its header.
    `foreign_rest` is the size of another audio file of another format that follows.
    """

    promised: int | None
    present: int
    pieces: tuple[Piece, ...] | None = None
    foreign_rest: int = 0


@dataclass(frozen=True)
class _Data:
    """Where audio starts, its size in the header, the size of the whole container there, and the format.

    `fields` are the sizes to correct: (offset, format of struct, what to add to the size of the audio).
    `chunk` is the format of a chunk's header, "" where audio is not in chunks. `form` are the bytes that describe
    the samples. `frame_count` is a count of frames to correct: (offset, bytes of a frame).
    """

    start: int
    claimed: int
    container: int
    fields: tuple[tuple[int, str, int], ...]
    chunk: str
    form: bytes = b""
    frame_count: tuple[int, int] | None = None


def chunked_audio(fd: int, start: int, size: int) -> Chunked | None:
    """Return the audio of the container at `start`; None for another container and for one without audio data."""
    magic = os.pread(fd, 4, start)
    parser = _PARSERS.get(magic)
    found = parser(fd, start, size) if parser else None
    if found is None:
        return None
    present = max(0, size - found.start)
    promised: int | None
    if _is_placeholder(fd, found, present):
        real = 0 if _is_end(fd, found.start, size, found.chunk, least=1) else present
        promised = None
    elif found.claimed > present:
        real, promised = present, found.claimed
    else:
        real = _real_size(fd, found, size)
        promised = real
    parts, foreign_rest = _joined(fd, found, real, size)
    total = real + sum(length for _, length in parts)
    is_cut = promised is not None and promised > present
    trusted = found.claimed == total or (is_cut and magic != b"caff")
    if trusted and not foreign_rest and magic != b"BW64" and not _counts_wrongly(fd, found, total):
        return Chunked(promised, total, None, foreign_rest)
    promised = promised if is_cut else None if promised is None else total
    pieces = _corrected(fd, start, magic, found, total, [(found.start, real), *parts])
    return Chunked(promised, total, tuple(pieces), foreign_rest)


def _is_placeholder(fd: int, data: _Data, present: int) -> bool:
    """Return whether the declared size says nothing: 0, close to 2³¹ or 2³², or larger than the whole container."""
    claimed = data.claimed
    if not 0 < claimed < 1 << 60:
        return True
    is_large = any(low <= claimed <= high for low, high in _PLACEHOLDERS)
    if claimed <= present:
        following = os.pread(fd, 4, data.start + claimed + claimed % 2)
        return is_large and claimed != present and following not in _KNOWN_CHUNKS
    return is_large or 0 < data.container < claimed


def _real_size(fd: int, data: _Data, size: int) -> int:
    """Return the size of the audio, which may be larger than the declared one."""
    present = size - data.start
    # A size of 32 bits that overflowed lacks a multiple of 2³².
    overflowed = range(data.claimed + _WIDE, present + 1, _WIDE)
    for candidate in (*reversed(overflowed), data.claimed):
        if _is_end(fd, data.start + candidate, size, data.chunk):
            return candidate
    return present


def _is_end(fd: int, offset: int, size: int, chunk: str, least: int = _LEAST_AUDIO) -> bool:
    """Return whether the audio ends at `offset`: what follows are chunks, tags, text, zeros, or almost nothing."""
    rest = size - offset
    if rest < least:
        return True
    head = os.pread(fd, _LEAST_AUDIO, offset)
    padded = head[1:] if offset % 2 and chunk.endswith("I") else head
    if any(each.startswith(_TAGS) for each in (head, padded)):
        return True
    if chunk and (padded[:4] in _KNOWN_CHUNKS or padded[:4] in (b"data", *_PARSERS)):
        return True
    if chunk and _leads_to_the_end(fd, offset + len(head) - len(padded), size, chunk):
        return True
    if rest >= _LEAST_AUDIO and least > 1:
        samples = [head, *(os.pread(fd, 256, offset + rest * part // 5) for part in range(1, 5))]
        if not any(map(any, samples)):
            return True
        return all(byte in _TEXT for byte in head)
    return False


_TEXT = frozenset(b"\t\r\n") | frozenset(range(32, 127))


def _leads_to_the_end(fd: int, offset: int, size: int, chunk: str) -> bool:
    """Return whether the chunks from `offset` on have plausible names and end with the file."""
    alignment = 8 if chunk.startswith("<16s") else 1 if chunk.endswith("q") else 2
    end = offset
    for name, payload, length in _chunks(fd, offset, size, chunk, alignment):
        if length < 0 or not all(32 <= byte < 127 for byte in name[:4]):
            return False
        end = payload + length + -length % alignment
    return offset < end and size - 8 <= end <= size + 1


def _joined(fd: int, data: _Data, real: int, size: int) -> tuple[list[tuple[int, int]], int]:
    """Return the (offset, size) of audio in further WAV files or data chunks, and the size of one that differs."""
    parts: list[tuple[int, int]] = []
    end = data.start + real
    if data.chunk not in ("<4sI", ">4sI") or not data.form:
        return parts, 0
    for _ in range(_MAXIMAL_CHUNKS):
        end += end % 2 if os.pread(fd, 1, end) == b"\0" else 0
        head = os.pread(fd, 12, end)
        if len(head) < 8:
            return parts, 0
        name, length = struct.unpack(data.chunk, head[:8])
        if name in (b"RIFF", b"RIFX") and head[8:12] == b"WAVE":
            follower = _riff(fd, end, size)
            if follower is None:
                return parts, 0
            if follower.form != data.form or follower.chunk != data.chunk:
                return parts, size - end
            start, claimed = follower.start, follower.claimed
        elif name == b"data":
            start, claimed = end + 8, length
        elif name in _KNOWN_CHUNKS:
            end += 8 + length
            continue
        else:
            return parts, 0
        real = min(claimed, size - start)
        if claimed == 0 or claimed > size - start:
            real = size - start
        parts.append((start, real))
        end = start + real
    return parts, 0


def _counts_wrongly(fd: int, data: _Data, total: int) -> bool:
    """Return whether the header counts fewer frames than the audio has."""
    if data.frame_count is None:
        return False
    offset, width = data.frame_count
    return int.from_bytes(os.pread(fd, 4, offset), "big") < total // width


def _corrected(
    fd: int, start: int, magic: bytes, data: _Data, total: int, parts: Sequence[tuple[int, int]]
) -> list[Piece]:
    """Return the file from `start` on with a header that states the size of all `parts`."""
    audio: list[Piece] = [part for part in parts if part[1]]
    head = os.pread(fd, 12, start)
    if data.chunk == "<4sI" and magic != b"RIFX" and total + data.start - start >= _WIDE - 8:
        sizes = struct.pack("<4sIQQQI", b"ds64", 28, total + data.start - start + 28, total, 0, 0)
        middle: list[Piece] = [(start + 12, data.start - 4 - start - 12)]
        return [b"RF64\xff\xff\xff\xffWAVE", sizes, *middle, b"\xff\xff\xff\xff", *audio]
    patches = []
    if magic == b"BW64":
        patches.append((start, b"RF64"))
    for offset, form, added in data.fields:
        largest = (1 << 8 * struct.calcsize(form) - (form[-1] == "q")) - 1
        patches.append((offset, struct.pack(form, min(total + added, largest))))
    if data.frame_count is not None:
        offset, width = data.frame_count
        patches.append((offset, struct.pack(">I", min(total // width, _WIDE - 1))))
    header = overlaid(data.start, sorted(patches), start)
    return [*(piece for piece in header if isinstance(piece, bytes) or piece[1]), *audio] if head else audio


def _chunks(fd: int, offset: int, size: int, header: str, alignment: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, offset of the payload, size) of each chunk; `header` is the format of name and size."""
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


def _riff(fd: int, start: int, size: int) -> _Data | None:
    head = os.pread(fd, 12, start)
    if head[8:12] != b"WAVE":
        return None
    chunk = ">4sI" if head[:4] == b"RIFX" else "<4sI"
    order = chunk[0]
    wide_at, form = 0, b""
    for name, offset, claimed in _chunks(fd, start + 12, size, chunk, 2):
        if name == b"ds64":
            wide_at = offset
        elif name == b"fmt ":
            form = os.pread(fd, min(claimed, 64), offset)
        elif name == b"data":
            if wide_at and len(sizes := os.pread(fd, 16, wide_at)) == 16:
                container, wide = struct.unpack("<qq", sizes)
                fields = ((wide_at, "<q", offset - start - 8), (wide_at + 8, "<q", 0))
                # The 32 bits hold a placeholder, unless a program that knows no ds64 changed them.
                real = wide if claimed == _WIDE - 1 or wide >= _WIDE else claimed
                return _Data(offset, real, container, (*fields, (offset - 4, "<I", _WIDE)), chunk, form)
            container = struct.unpack(order + "I", head[4:8])[0]
            fields = ((start + 4, order + "I", offset - start - 8), (offset - 4, order + "I", 0))
            return _Data(offset, claimed, container, fields, chunk, form)
    return None


def _aiff(fd: int, start: int, size: int) -> _Data | None:
    count, sound = None, None
    for name, offset, claimed in _chunks(fd, start + 12, size, ">4sI", 2):
        if name == b"COMM":
            count = _frame_count(fd, offset, claimed)
        elif name == b"SSND":
            sound = (offset, claimed)
            if claimed == 0 or offset + claimed > size:
                break
    if sound is None:
        return None
    offset, claimed = sound
    skipped = int.from_bytes(os.pread(fd, 4, offset), "big")
    first = offset + 8 + (skipped if skipped < size else 0)
    extra = first - offset
    container = int.from_bytes(os.pread(fd, 4, start + 4), "big")
    fields = ((start + 4, ">I", first - start - 8), (offset - 4, ">I", extra))
    return _Data(first, max(0, claimed - extra), container, fields, ">4sI", b"", count)


def _frame_count(fd: int, offset: int, length: int) -> tuple[int, int] | None:
    """Return where a COMM chunk counts the frames, and the bytes of a frame; None if they vary."""
    head = os.pread(fd, 22, offset)
    if len(head) < 18:
        return None
    channels, _, bits = struct.unpack(">HIH", head[:8])
    kind = head[18:22] if length >= 22 else b"NONE"
    width = _AIFF_WIDTHS.get(kind, (bits + 7) // 8 if kind in _AIFF_PCM else 0) * channels
    return (offset + 2, width) if width else None


def _wave64(fd: int, start: int, size: int) -> _Data | None:
    container = int.from_bytes(os.pread(fd, 8, start + 16), "little", signed=True)
    for name, offset, claimed in _chunks(fd, start + 40, size, "<16sq", 8):
        if name[:4] == b"data":
            fields = ((start + 16, "<q", offset - start), (offset - 8, "<q", 24))
            return _Data(offset, claimed, container, fields, "<16sq")
    return None


def _core_audio(fd: int, start: int, size: int) -> _Data | None:
    for name, offset, claimed in _chunks(fd, start + 8, size, ">4sq", 1):
        if name == b"data":
            return _Data(offset + 4, claimed - 4, 0, ((offset - 8, ">q", 4),), ">4sq")
    return None


def _au(fd: int, start: int, size: int) -> _Data | None:
    head = os.pread(fd, 12, start)
    if len(head) < 12 or size < 12:
        return None
    order = ">" if head[:4] == b".snd" else "<"
    offset, claimed = struct.unpack(order + "II", head[4:])
    return _Data(start + offset, claimed, 0, ((start + 8, order + "I", 0),), "")


_PARSERS: dict[bytes, Callable[[int, int, int], _Data | None]] = {
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
