"""Read the tags inside an audio file: ID3, Vorbis comments, MP4, ASF, AIFF and WAV chunks.

tinytag reads all of them but WAV chunks, which `riff_tags.py` reads. Any file is safe to read: at most
MOST_TAG_BYTES are read from it, in at most MOST_READS steps, and a damaged one gives fewer tags. Names are in lower
case, except those of chunks. Texts hold no control characters other than line feeds and tabs.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO

from thresher.catalog.provenance.riff_tags import is_plain_riff, is_riff, read_riff
from thresher.catalog.provenance.sidecars import storable

MOST_TAG_BYTES = 16 << 20
MOST_READS = 20_000
MOST_TAGS = 1_000
_BEGINNING = 512  # bytes
LONGEST_TAG_NAME = 200
LONGEST_TAG_TEXT = 4 << 20  # characters

_PROPERTIES = frozenset(
    ("filename", "filesize", "mime_type", "duration", "channels", "bitrate", "bitdepth", "samplerate")
) | {"is_lossless"}


@dataclass(frozen=True)
class FileTag:
    """One tag of a file."""

    name: str
    text: str


@dataclass(frozen=True)
class FileTags:
    """The tags of a file, and why they may be incomplete; `problem` is None if all of them were read."""

    tags: tuple[FileTag, ...] = ()
    problem: str | None = None
    is_supported: bool = True


def read_tags(path: bytes) -> FileTags:
    """Return the tags of the file at `path`. No file raises an error; a missing one is a problem like others.

    `is_supported` is False for a format without a reader.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # without this, opening a FIFO would block
    except OSError as error:
        return FileTags(problem=error.strerror or str(error))
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return FileTags(problem="it is not a regular file")
        # Most generators write WAV files without tags; this is several times faster than to walk through the file.
        if is_plain_riff(os.pread(fd, _BEGINNING, 0), status.st_size):
            return FileTags()
        with open(fd, "rb", closefd=False) as file:
            return _read(file)
    except OSError as error:
        return FileTags(problem=error.strerror or str(error))
    finally:
        os.close(fd)


def read_tags_thoroughly(path: bytes) -> FileTags:
    """Return what `read_tags` does, and use ffmpeg where no library reads the format.

    This starts a process for such a file: Matroska, WebM, CAF, W64, and MP4 with keys of its own.
    """
    from thresher.catalog.provenance.ffmpeg_tags import ffmpeg_tags

    found = read_tags(path)
    if found.is_supported and not any(tag.name.startswith("\\x") for tag in found.tags):
        return found
    others = ffmpeg_tags(path)
    return found if others is None else FileTags(_checked(others))


def _read(file: IO[bytes]) -> FileTags:
    head = file.read(12)
    if not is_riff(head):
        # Bare MPEG audio has no tags, unless an ID3v1 tag is at its end.
        is_bare = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0
        found = FileTags() if is_bare or not head else _of_library(file)
        is_last = (is_bare or not found.is_supported) and _ends_with_id3(file)
        return _of_library(file, ".mp3") if is_last else found
    chunks, id3 = read_riff(file)
    tags = _checked(chunks)
    problem = None
    for content in id3:
        inner = _of_library(io.BytesIO(content))
        tags += tuple(tag for tag in inner.tags if tag not in tags)
        problem = problem or inner.problem
    return FileTags(tags, problem)


def _ends_with_id3(file: IO[bytes]) -> bool:
    """Return whether an ID3v1 tag is at the end of a file."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - 128))
    return file.read(3) == b"TAG"


def _of_library(file: IO[bytes], suffix: str | None = None) -> FileTags:
    """Read tags with tinytag, which finds the format by the content unless a `suffix` is given."""
    from tinytag import ParseError, TinyTag, UnsupportedFormatError

    file.seek(0)
    limited = _Limited(file)
    try:
        read = TinyTag.get(suffix, limited, duration=False)  # type: ignore[arg-type]
    except UnsupportedFormatError:
        return FileTags(is_supported=False)
    except (ParseError, OSError) as error:
        return FileTags(problem=f"the tags are damaged: {storable(str(error))[:LONGEST_TAG_NAME]}")
    tags = _checked(
        (name.lstrip("_"), text)
        for name, values in read.as_dict().items()
        if name not in _PROPERTIES
        for text in (values if isinstance(values, list) else [str(values)])
    )
    return FileTags(tags, limited.problem)


def _checked(found: Iterable[tuple[str, str]]) -> tuple[FileTag, ...]:
    tags: dict[FileTag, None] = {}
    for name, raw in found:
        text = storable(raw.strip("\0 \r\n\t")[:LONGEST_TAG_TEXT])
        if text and len(tags) < MOST_TAGS:
            tags[FileTag(storable(name.strip("\0 "))[:LONGEST_TAG_NAME], text)] = None
    return tuple(tags)


class _Limited:
    """A file of which a limited number of bytes is read in a limited number of steps; then it seems to end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._bytes, self._reads = MOST_TAG_BYTES, MOST_READS
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if self._reads <= 0 or self._bytes <= 0:
            return b""
        self._reads -= 1
        data = self._file.read(self._bytes if size is None or size < 0 else min(size, self._bytes))
        self._bytes -= len(data)
        return data

    @property
    def problem(self) -> str | None:
        if self._reads > 0 and self._bytes > 0:
            return None
        return f"only the first {MOST_TAG_BYTES >> 20} MiB of the tags were read"
