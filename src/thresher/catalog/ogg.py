"""Walk the pages of an Ogg file, to learn which streams it has and whether it is complete.

RFC 3533 describes the pages. Nothing is decoded. Offsets and sizes are in bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from thresher.catalog.windows import Windows

_SIGNATURE = b"OggS\0"
_HEADER = 27
_LONGEST_HEADER = _HEADER + 255
_BEGINS, _ENDS = 0x02, 0x04
_NO_PACKET_ENDS = -1  # the granule position of a page in the middle of a packet
_OPUS_RATE = 48_000  # of granule positions, whatever the sample rate
_CODECS = (
    (b"\x01vorbis", "vorbis"),
    (b"OpusHead", "opus"),
    (b"\x7fFLAC", "flac"),
    (b"Speex   ", "speex"),
)


@dataclass(frozen=True)
class OggStreams:
    """The streams of an Ogg file.

    `codecs` are those of the streams that begin at the start of the file, "" for one that is not audio.
    `is_chained` says that more streams of the same format begin later; `differs_at` is the offset of the first one
    of another format, which no decoder reads on. `fault` says why the file is truncated, as the continuation of
    "ends at 1.00 s, …", None if it is not. `seconds` is the length that the last page of a single Vorbis or Opus
    stream states, None if it is not known.
    """

    codecs: tuple[str, ...]
    is_chained: bool
    differs_at: int | None
    fault: str | None
    seconds: Fraction | None


def ogg_streams(fd: int, start: int, size: int) -> OggStreams:
    """Walk the pages of the file from `start` on. Bytes between and after pages are allowed."""
    codecs: list[str] = []
    formats: list[bytes] = []
    is_chained = is_cut = False
    differs_at = None
    flags, pages, granule = 0, 0, 0
    first = b""
    file = Windows(fd, size)
    offset = file.find(_SIGNATURE, start)
    while offset >= 0:
        head = file.at(offset, _LONGEST_HEADER)
        body = offset + _HEADER + (head[_HEADER - 1] if len(head) >= _HEADER else 0)
        end = body + sum(head[_HEADER : body - offset])
        is_cut = len(head) < _HEADER or end > size
        if is_cut:
            break
        pages += 1
        flags = head[5]
        position = int.from_bytes(head[6:14], "little", signed=True)
        granule = granule if position == _NO_PACKET_ENDS else position
        if flags & _BEGINS:
            # The first packets of streams come before all other pages; a later one begins another link.
            first = file.at(body, 16)
            if len(codecs) == pages - 1:
                codecs.append(_codec(first))
                formats.append(_format(first))
            elif differs_at is None and _format(first) in formats:
                is_chained = True
            elif differs_at is None:
                differs_at = offset
        offset = file.find(_SIGNATURE, end)
    fault = None
    if pages == 0 and not is_cut:
        fault = "where it holds no Ogg page"
    elif is_cut:
        fault = "where its last Ogg page is cut off"
    elif not flags & _ENDS:
        fault = "without the mark that ends an Ogg stream"
    is_single = len(codecs) == 1 and not is_chained and differs_at is None
    seconds = _seconds(first, granule) if is_single else None
    return OggStreams(tuple(codecs), is_chained, differs_at, fault, seconds)


def _seconds(head: bytes, granule: int) -> Fraction | None:
    """Return the length of a stream from its first packet and its last granule position."""
    codec = _codec(head)
    rate = skipped = 0
    if codec == "opus":
        rate, skipped = _OPUS_RATE, int.from_bytes(head[10:12], "little")
    elif codec == "vorbis":
        rate = int.from_bytes(head[12:16], "little")
    return Fraction(granule - skipped, rate) if rate and granule > skipped else None


def _format(head: bytes) -> bytes:
    """Return the codec, channels and sample rate (Hz) in the first packet of a stream."""
    codec = _codec(head)
    if codec == "vorbis":
        return head[:16]
    return head[:10] if codec == "opus" else codec.encode()


def _codec(head: bytes) -> str:
    return next((name for signature, name in _CODECS if head.startswith(signature)), "")
