"""Read the tags of a WAV file: the chunks `LIST INFO`, `bext`, `iXML`, `axml` and `id3 `.

RF64 and BW64 files are read as well. Only the chunks that hold tags are read, each up to a limit. A damaged file
gives the tags before the damage. EBU Tech 3285 describes `bext`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO

LARGEST_CHUNK = 4 << 20
"""At most this many bytes of a chunk are read."""

MOST_CHUNKS = 1_000

INFO_NAMES = {
    b"IART": "artist",
    b"ICMT": "comment",
    b"ICOP": "copyright",
    b"ICRD": "date",
    b"IENG": "engineer",
    b"IGNR": "genre",
    b"IKEY": "keywords",
    b"INAM": "title",
    b"IPRD": "album",
    b"IPRT": "track",
    b"ISBJ": "subject",
    b"ISFT": "software",
    b"ISRC": "source",
    b"ITCH": "technician",
    b"ITRK": "track",
}
"""The four letters of the chunks in `LIST INFO` → the names of their tags. Others are named by their letters."""

_BEXT = (("description", 256), ("originator", 32), ("originator_reference", 32), ("date", 10), ("time", 8))
_BEXT_BEFORE_HISTORY = 602  # bytes before the coding history

Tag = tuple[str, str]


def is_riff(head: bytes) -> bool:
    """Return whether a file that begins with these 12 bytes is a WAV file."""
    return head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE"


def is_plain_riff(beginning: bytes, size: int) -> bool:
    """Return whether the beginning of a WAV file of `size` bytes shows that it has no tags.

    So it is if the samples reach to its end, and no chunk before them holds tags.
    """
    position = 12 if is_riff(beginning[:12]) else size
    while position + 8 <= len(beginning):
        name, length = (
            beginning[position : position + 4],
            struct.unpack_from("<I", beginning, position + 4)[0],
        )
        if name == b"data":
            return bool(position + 8 + length + 8 > size)
        if name in _READ:
            return False
        position += 8 + length + length % 2
    return False


def read_riff(file: IO[bytes]) -> tuple[list[Tag], list[bytes]]:
    """Return the tags of a WAV file as (name, text), and the contents of its `id3 ` chunks, which are ID3 tags."""
    tags: list[Tag] = []
    id3: list[bytes] = []
    for name, content in _chunks(file):
        if name == b"LIST" and content[:4] == b"INFO":
            tags += _info(content)
        elif name == b"bext":
            tags += _bext(content)
        elif name in (b"iXML", b"axml"):
            tags += _texts((name.decode(), content))
        elif name.lower() == b"id3 ":
            id3.append(content)
    return tags, id3


_READ = (b"LIST", b"bext", b"iXML", b"axml", b"id3 ", b"ID3 ")


def _chunks(file: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of the chunks that can hold tags."""
    position, long_data = 12, 0
    for _ in range(MOST_CHUNKS):
        file.seek(position)
        head = file.read(8)
        if len(head) < 8:
            return
        name, size = head[:4], struct.unpack("<I", head[4:])[0]
        if name == b"ds64":  # sizes of 64 bits: of the file, of the data, …
            long_data = int.from_bytes(file.read(16)[8:16], "little")
        elif name == b"data" and size == 0xFFFFFFFF:
            size = long_data or size
        elif name in _READ:
            yield name, file.read(min(size, LARGEST_CHUNK))
        position += 8 + size + size % 2


def _info(content: bytes) -> Iterator[Tag]:
    position = 4
    while position + 8 <= len(content):
        name, size = content[position : position + 4], struct.unpack_from("<I", content, position + 4)[0]
        text = content[position + 8 : position + 8 + size]
        yield from _texts((INFO_NAMES.get(name, name.decode("latin-1").strip()), text))
        position += 8 + size + size % 2


def _bext(content: bytes) -> Iterator[Tag]:
    position = 0
    for name, size in _BEXT:
        yield from _texts((f"bext_{name}", content[position : position + size]))
        position += size
    yield from _texts(("bext_coding_history", content[_BEXT_BEFORE_HISTORY:]))


def _texts(*tags: tuple[str, bytes]) -> Iterator[Tag]:
    """Yield the tags with a text. It is UTF-8, or Latin-1 if it is not valid UTF-8, and ends at the first zero."""
    for name, padded in tags:
        raw = padded.partition(b"\0")[0]
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
        if text.strip():
            yield name, text.strip()
