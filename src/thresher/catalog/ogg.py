"""Walk the pages of an Ogg file, to learn which streams it has and whether it is complete.

RFC 3533 describes the pages. Nothing is decoded. Offsets and sizes are in bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from thresher.catalog.windows import Windows

_SIGNATURE = b"OggS\0"
_HEADER = 27
_LONGEST_HEADER = _HEADER + 255
_BEGINS, _ENDS = 0x02, 0x04
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
    "ends at 1.00 s, …", None if it is not.
    """

    codecs: tuple[str, ...]
    is_chained: bool
    differs_at: int | None
    fault: str | None


def ogg_streams(fd: int, start: int, size: int) -> OggStreams:
    """Walk the pages of the file from `start` on. Bytes between and after pages are allowed."""
    codecs: list[str] = []
    formats: list[bytes] = []
    is_chained = is_cut = False
    differs_at = None
    flags, pages = 0, 0
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
    return OggStreams(tuple(codecs), is_chained, differs_at, fault)


def _format(head: bytes) -> bytes:
    """Return what the first packet of a stream says of its codec, channels and sample rate."""
    codec = _codec(head)
    if codec == "vorbis":
        return head[:16]
    return head[:10] if codec == "opus" else codec.encode()


def _codec(head: bytes) -> str:
    return next((name for signature, name in _CODECS if head.startswith(signature)), "")
