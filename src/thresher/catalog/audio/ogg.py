"""Walk the pages of an Ogg file, to learn which streams it has, and which of their pages are damaged or missing.

RFC 3533 describes the pages. Nothing is decoded. A page with a wrong checksum is ignored, as by every decoder.
Offsets and sizes are in bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple

from thresher.catalog.audio.containers import ogg_checksum
from thresher.catalog.audio.windows import Windows

_SIGNATURE = b"OggS\0"
_HEADER = 27
_LONGEST_FORMAT = 40  # bytes at the start of a stream that say what it holds
_BEGINS, _ENDS = 0x02, 0x04
_NO_PACKET_ENDS = -1  # the granule position of a page in the middle of a packet
_OPUS_RATE = 48_000  # of granule positions, whatever the sample rate
_FLAC_RATE_AT = 27
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
    "ends at 1.00 s, …", None if it is not. `seconds` is the length that the last page of a single Vorbis, Opus or
    FLAC stream states, None if it is not known. `holes` says which pages before the end are damaged or missing, as
    a sentence without its period; None if there are none.
    """

    codecs: tuple[str, ...]
    is_chained: bool
    differs_at: int | None
    fault: str | None
    seconds: Fraction | None
    holes: str | None = None


class _Page(NamedTuple):
    """A page with a correct checksum. `is_next` says that it follows the page before without foreign bytes."""

    number: int
    granule: int
    flags: int
    serial: bytes
    offset: int
    body: int
    is_next: bool


class _Hole(NamedTuple):
    """Pages that are missing in a row: how many, and the granule positions before and after them."""

    pages: int
    before: int
    after: int


@dataclass
class _Link:
    """One stream of audio: its first bytes, and its pages in the order of the file."""

    head: bytes
    pages: list[_Page] = field(default_factory=list)

    @property
    def has_ended(self) -> bool:
        """Whether the page that ends the stream was found."""
        return bool(self.pages) and bool(self.pages[-1].flags & _ENDS)

    @property
    def seconds(self) -> Fraction | None:
        """The length that the last page states."""
        ends = [page.granule for page in self.pages if page.granule != _NO_PACKET_ENDS]
        return _seconds(self.head, ends[-1]) if ends else None

    @property
    def starts_late(self) -> bool:
        """Whether the audio begins in the middle of a broadcast: recorders write its headers, and what follows."""
        first = next((page for page in self.pages if page.granule > 0), None)
        headers = [page.number for page in self.pages if page.granule == 0]
        return first is not None and first.is_next and bool(headers) and first.number > max(headers) + 1

    def holes(self) -> list[_Hole]:
        """Return the pages that are missing. Pages in a wrong order or twice are none."""
        pages = sorted({page.number: page for page in self.pages}.values(), key=attrgetter("number"))
        found, granule = [], 0
        late = self.starts_late
        for index, (page, following) in enumerate(pairwise(pages), 1):
            granule = page.granule if page.granule != _NO_PACKET_ENDS else granule
            missing = following.number - page.number - 1
            if missing and not (late and granule == 0):
                later = (pages[number].granule for number in range(index, len(pages)))
                after = next((position for position in later if position > granule), granule)
                found.append(_Hole(missing, granule, after))
        return found


def ogg_streams(fd: int, start: int, size: int) -> OggStreams:
    """Walk the pages of the file from `start` on. Bytes between and after pages are allowed."""
    walk = _Walk(Windows(fd, size), start)
    codecs: list[str] = []
    formats: list[bytes] = []
    links: list[_Link] = []
    current: dict[bytes, _Link] = {}
    is_chained = False
    differs_at = None
    flags, pages, strays = 0, 0, 0
    for page in walk.pages():
        pages += 1
        flags = page.flags
        if flags & _BEGINS:
            # The first packets of streams come before all other pages; a later one begins another link.
            head = walk.file.at(page.body, _LONGEST_FORMAT)
            links.append(_Link(head))
            current[page.serial] = links[-1]
            if len(codecs) == pages - 1:
                codecs.append(_codec(head))
                formats.append(_format(head))
            elif differs_at is None and _format(head) in formats:
                is_chained = True
            elif differs_at is None:
                differs_at = page.offset
        link = current.get(page.serial)
        if link is None:
            strays += 1
        elif link.has_ended:
            # The first page of another link is damaged: what follows can be decoded with the headers before.
            current[page.serial] = _Link(link.head, [page])
            links.append(current[page.serial])
            is_chained = True
        else:
            link.pages.append(page)
    audio = [link for link in links if _codec(link.head)]
    is_single = len(codecs) == 1 and not is_chained and differs_at is None
    fault = walk.fault(pages, flags)
    if strays and codecs:
        fault = f"but {strays:,} Ogg pages of a stream follow, the beginning of which is missing"
    seconds = audio[0].seconds if is_single and audio and not audio[0].starts_late else None
    return OggStreams(tuple(codecs), is_chained, differs_at, fault, seconds, _holes(audio))


class _Walk:
    """A walk over the pages of a file; `broken` says what is wrong with what looks like a page after the last."""

    def __init__(self, file: Windows, start: int) -> None:
        self.file = file
        self.broken: str | None = None
        self._start = start

    def pages(self) -> Iterator[_Page]:
        """Yield the pages with correct checksums."""
        file, end = self.file, self._start
        offset = file.find(_SIGNATURE, end)
        while offset >= 0:
            head = file.at(offset, _HEADER + 255)
            body = offset + _HEADER + (head[_HEADER - 1] if len(head) >= _HEADER else 0)
            after = body + sum(head[_HEADER : body - offset])
            if len(head) < _HEADER or after > file.size:
                self.broken = "cut off"
            elif not _is_intact(file.at(offset, after - offset)):
                self.broken = "damaged"
            else:
                self.broken = None
                number = int.from_bytes(head[18:22], "little")
                granule = int.from_bytes(head[6:14], "little", signed=True)
                yield _Page(number, granule, head[5], head[14:18], offset, body, offset == end)
                end = after
                offset = file.find(_SIGNATURE, end)
                continue
            # Decoders look for the next page inside of what a damaged one claims to be.
            offset = file.find(_SIGNATURE, offset + 1)

    def fault(self, pages: int, flags: int) -> str | None:
        """Return why the file is truncated, after a walk that found `pages` pages, the last with these `flags`."""
        if self.broken is not None:
            return f"where its last Ogg page is {self.broken}"
        if pages == 0:
            return "where it holds no Ogg page"
        return None if flags & _ENDS else "without the mark that ends an Ogg stream"


def _is_intact(page: bytes) -> bool:
    """Return whether the checksum of a page is correct; it was computed with zeros in its place."""
    return ogg_checksum(page[:22] + bytes(4) + page[26:]) == int.from_bytes(page[22:26], "little")


def _holes(links: Sequence[_Link]) -> str | None:
    """Say how many pages of these links are missing, and between which times of the file; None if none are."""
    lost = total = 0
    times: list[Fraction] = []
    begin = Fraction(0)
    for link in links:
        holes = link.holes()
        missing = sum(hole.pages for hole in holes)
        lost, total = lost + missing, total + missing + len(link.pages)
        for hole in holes:
            times += [begin + (_seconds(link.head, granule) or 0) for granule in (hole.before, hole.after)]
        begin += link.seconds or 0
    if not lost:
        return None
    are = "is" if lost == 1 else "are"
    where = f" (between {float(min(times)):.2f} and {float(max(times)):.2f} s)" if any(times) else ""
    return f"{lost:,} of {total:,} Ogg pages {are} damaged or missing{where}"


def _seconds(head: bytes, granule: int) -> Fraction | None:
    """Return the length of a stream from its first packet and its last granule position."""
    codec = _codec(head)
    rate = skipped = 0
    if codec == "opus":
        rate, skipped = _OPUS_RATE, int.from_bytes(head[10:12], "little")
    elif codec == "vorbis":
        rate = int.from_bytes(head[12:16], "little")
    elif codec == "flac":
        rate = int.from_bytes(head[_FLAC_RATE_AT : _FLAC_RATE_AT + 3], "big") >> 4
    return Fraction(granule - skipped, rate) if rate and granule > skipped else None


def _format(head: bytes) -> bytes:
    """Return the codec, channels and sample rate (Hz) in the first packet of a stream."""
    codec = _codec(head)
    if codec == "vorbis":
        return head[:16]
    return head[:10] if codec == "opus" else codec.encode()


def _codec(head: bytes) -> str:
    return next((name for signature, name in _CODECS if head.startswith(signature)), "")
