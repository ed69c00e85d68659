"""Read the sequence of a song's clips from a text file or a playlist."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

from sqlalchemy import Connection

from thresher.catalog.catalog import Catalog
from thresher.curation.clips.selection import find_clip
from thresher.errors import NotFoundError, ThresherError, UsageError


def read_sequence(catalog: Catalog, file: str | os.PathLike[str]) -> tuple[int, ...]:
    """The clips that a file lists, one per line.

    A line holds a clip's id, or a path relative to the file's folder, as in a playlist (.m3u8). Empty lines and
    lines that begin with # are ignored. Raises NotFoundError for a line that names no clip of the catalog and
    UsageError for a clip that is listed twice; the error names the line.
    """
    seen: dict[int, int] = {}
    with catalog.reading() as connection:
        for number, line in _lines(Path(file)):
            try:
                clip_id = _clip_on_line(catalog, connection, Path(file).parent, line)
            except (NotFoundError, UsageError) as error:
                raise type(error)(f"{file}, line {number}: {error}") from error
            if clip_id in seen:
                raise UsageError(
                    f"{file}, line {number}: clip {clip_id} is already on line {seen[clip_id]}, and a song plays a "
                    "clip once; delete one of the lines"
                )
            seen[clip_id] = number
    if not seen:
        raise UsageError(f"{file} lists no clips; write one id or path per line")
    return tuple(seen)


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ThresherError(f"{file} can't be read: {error.strerror}; give another --from FILE") from error
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        if line.strip() and not line.startswith(b"#"):
            yield number, line


def _clip_on_line(catalog: Catalog, connection: Connection, folder: Path, line: bytes) -> int:
    if line.strip().isdigit():
        return find_clip(catalog, connection, line.strip().decode())
    if line.lower().startswith(b"file://"):
        line = unquote_to_bytes(line[len(b"file://") :].removeprefix(b"localhost"))
    path = os.fsdecode(line)
    in_folder = os.path.join(folder, path)
    return find_clip(catalog, connection, in_folder if os.path.lexists(in_folder) else path)
