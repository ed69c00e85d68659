"""Clips as files to download: one clip, or several as a ZIP file, made piece by piece.

The files are those that `export_clips` writes in the form "copy": the file of a whole, byte for byte, and the span
of a part or a mark. Memory does not grow with the clips. A span is written to a temporary file first.
"""

from __future__ import annotations

import hashlib
import os
import time
import zipfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import all_elsewhere, intact_file, keep_looks
from thresher.catalog.files.files import sha256_file
from thresher.catalog.files.temporary_files import temporary_folder
from thresher.catalog.queries.text import Terms
from thresher.curation.clips.reach import no_match
from thresher.curation.exports.clip_file import Item, encode, not_here
from thresher.curation.exports.clips import export_items
from thresher.curation.exports.file_names import distinct_names, portable_name
from thresher.errors import AudioError, NotFoundError, ThresherError

LEFT_OUT = "not exported.txt"
"""The file of an archive that names the clips without a file, and why."""

_PIECE = 1 << 18  # bytes
_EARLIEST, _LATEST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)  # what ZIP can state

Pieces = Generator[bytes, None, None]


@dataclass(frozen=True)
class Download:
    """A file to download: its name, its size in bytes if it is known, and its bytes, which can be read once.

    The generator raises AudioError if the file changes while it is read.
    """

    name: str
    size: int | None
    pieces: Pieces


def clip_download(catalog: Catalog, clip_id: int) -> Download:
    """Return one clip as a file.

    Raises NotFoundError if there is no such clip or its file is gone or has changed, AudioError if a part or a mark
    can't be decoded.
    """
    (item,), (name,) = _items(catalog, [str(clip_id), *_EVERY])
    if item.elsewhere is not None:
        raise NotFoundError(f"clip {clip_id} is {item.elsewhere}")
    if item.source is None:
        raise NotFoundError(
            f"the file of clip {clip_id} is gone or has changed; `thresher ingest` its folder"
        )
    if item.form == "copy":
        return Download(name, os.stat(item.source.path).st_size, _copied(item))
    with ExitStack() as stack:
        opened = open(_encoded(item, stack), "rb")  # noqa: SIM115  the open file outlives its name
    return Download(name, os.fstat(opened.fileno()).st_size, _read(opened))


def clip_archive(catalog: Catalog, terms: Terms) -> Download:
    """Return the clips that match the terms as a ZIP file, in the order of the query.

    Clips without a file, or with one that can't be read, are named in LEFT_OUT. Raises NotFoundError if no clip
    matches or no file exists, and QueryError.
    """
    items, names = _items(catalog, terms)
    if all(item.source is None for item in items):
        raise not_here(items) or NotFoundError(
            "no file of these clips exists unchanged; `thresher ingest` their folders"
        )
    return Download("clips.zip", None, _archived(items, names))


_EVERY = ("rejected+", "status+")
"""Terms that name the fields by which a query leaves out clips otherwise."""


def _items(catalog: Catalog, terms: Terms) -> tuple[list[Item], list[str]]:
    """Return the files of clips with their sources, and a name for each that differs from the others."""
    with catalog.reading() as connection:
        items = export_items(catalog, connection, terms, "copy", catalog.settings.song.fade)
        if not items:
            raise no_match(catalog, connection, terms)
    requests = [replace(each.name_request, own=_portable(each)) for each in items]
    names = [os.fsdecode(name) for name in distinct_names(requests)]
    sources = {item.sha256: intact_file(catalog, item.locations) for item in items}
    keep_looks(catalog)
    absent = all_elsewhere(catalog, [sha256 for sha256, source in sources.items() if source is None])
    found = [
        replace(
            item,
            source=sources[item.sha256],
            elsewhere=absent.get(item.sha256),
            target=os.fsencode(name),
        )
        for item, name in zip(items, names, strict=True)
    ]
    return found, names


def _portable(item: Item) -> bytes:
    return portable_name(item.name_request.own).encode()


def _copied(item: Item) -> Pieces:
    """Yield the bytes of the file of a clip; the last ones only if the file has the contents that are known."""
    assert item.source is not None
    digest = hashlib.sha256()
    with open(item.source.path, "rb", buffering=0) as source:
        before = b""
        while piece := source.read(_PIECE):
            digest.update(piece)
            if before:
                yield before
            before = piece
    if digest.hexdigest() != item.source.sha256:
        raise AudioError("the file has changed; `thresher ingest` its folder")
    yield before


def _encoded(item: Item, stack: ExitStack) -> str:
    """Write the span of a clip to a temporary file, which is removed when the stack is closed."""
    file = str(stack.enter_context(temporary_folder()) / "clip")
    encode(item, os.fsencode(file))
    return file


def _read(opened: BinaryIO) -> Pieces:
    with opened:
        while piece := opened.read(_PIECE):
            yield piece


class _Sink:
    """A file that can only be written, and from which the bytes are taken while it grows."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


def _archived(items: Sequence[Item], names: Sequence[str]) -> Pieces:
    sink: Any = _Sink()
    left_out: list[str] = []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for item, name in zip(items, names, strict=True):
            try:
                with ExitStack() as stack, closing(_entry(archive, item, name, stack)) as steps:
                    for _ in steps:
                        yield from _taken(sink)
            except (ThresherError, OSError) as error:
                reason = error.strerror if isinstance(error, OSError) else None
                left_out.append(f"{name} (clip {item.clip}): {reason or error}")
            yield from _taken(sink)
        if left_out:
            archive.writestr(LEFT_OUT, "\n".join([*left_out, ""]))
    yield from _taken(sink)


def _taken(sink: _Sink) -> Iterator[bytes]:
    if piece := sink.take():
        yield piece


def _entry(archive: zipfile.ZipFile, item: Item, name: str, stack: ExitStack) -> Generator[None, None, None]:
    """Add a clip to an archive; each step has written a piece. A file that has changed is not begun."""
    if item.source is None:
        raise NotFoundError(item.why_missing)
    if item.form == "copy":
        file: str | bytes = item.source.path
        if sha256_file(file) != item.source.sha256:
            raise NotFoundError("the file has changed")
    else:
        file = _encoded(item, stack)
    state = os.stat(item.source.path)
    entry = zipfile.ZipInfo(name, _zip_time(state.st_mtime))
    entry.external_attr = 0o644 << 16
    entry.file_size = os.stat(file).st_size
    with open(file, "rb") as source, archive.open(entry, "w") as target:
        while piece := source.read(_PIECE):
            target.write(piece)
            yield


def _zip_time(seconds: float) -> tuple[int, int, int, int, int, int]:
    try:
        found = time.localtime(seconds)[:6]
    except (OverflowError, ValueError, OSError):
        return _EARLIEST
    return min(max(found, _EARLIEST), _LATEST)
