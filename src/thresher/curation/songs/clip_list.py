"""Read the sequence of a song's clips from a text file or a playlist."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import unquote_to_bytes

from sqlalchemy import Connection

from thresher.catalog.catalog import Catalog
from thresher.catalog.files.paths import display_text
from thresher.curation.clips.selection import clip_at_path, find_clip
from thresher.errors import NotFoundError, QueryError, ThresherError, UsageError


def read_sequence(catalog: Catalog, file: str | os.PathLike[str]) -> tuple[int, ...]:
    """The clips that a file lists, one per line.

    A line holds a clip's id, or a path relative to the file's folder, as in a playlist (M3U, M3U8, PLS or XSPF).
    The times of VLC's options in front of a path say which part or mark of the file is meant.
    Paths may be percent-encoded, `file:` addresses, or contain backslashes; of a path with a drive letter, the
    longest end counts that leads to a clip. The file may begin with a byte order mark.
    Empty lines and lines that begin with # are ignored. Raises NotFoundError for a line that names no clip of the
    catalog and UsageError for a clip that is listed twice; the error names the line.
    """
    seen: dict[int, int] = {}
    lines = list(_lines(Path(file)))  # a pipe can wait for another program: no transaction is open yet
    with catalog.reading() as connection:
        for number, line, span in lines:
            try:
                clip_id = _clip_on_line(catalog, connection, Path(file).parent, line, span)
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


_Span = tuple[float, float] | None
"""The start and the end of a clip in its file, in seconds; None if a playlist does not say them."""


def _lines(file: Path) -> Iterator[tuple[int, bytes, _Span]]:
    """Yield the lines that name clips, with their numbers, and with the spans that playlists say."""
    try:
        content = _without_byte_order_mark(file.read_bytes())
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {file}; give another --from FILE") from error
    except OSError as error:
        raise ThresherError(f"{file} can't be read: {error.strerror}; give another --from FILE") from error
    if re.match(rb"\s*<(?:\?xml|playlist)\b", content):
        for number, path in _locations(content):
            yield number, os.fsencode(unescape(os.fsdecode(path))), None
        return
    lines = content.splitlines()
    is_pls = any(line.strip().lower() == b"[playlist]" for line in lines[:1])
    times: dict[bytes, float] = {}
    for number, line in enumerate(lines, start=1):
        if is_pls:
            entry = re.match(rb"\s*file[0-9]+\s*=", line, re.IGNORECASE)
            if entry is not None:
                yield number, line[entry.end() :], None
        elif (option := _TIME.match(line)) is not None:
            times[option[1]] = float(option[2])
        elif line.strip() and not line.startswith(b"#"):
            yield number, line, (times[b"start"], times[b"stop"]) if len(times) == 2 else None
            times.clear()


def _locations(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the paths of an XSPF playlist, with their lines, in a time that grows with its length alone."""
    opening, closing = b"<location>", b"</location>"
    at, number = 0, 1
    while (start := content.find(opening, at)) >= 0:
        end = content.find(closing, start)
        if end < 0:
            return
        number += content.count(b"\n", at, start)
        yield number, content[start + len(opening) : end].strip()
        number += content.count(b"\n", start, end)
        at = end


_TIME = re.compile(rb"#EXTVLCOPT:(start|stop)-time=([0-9]+(?:\.[0-9]*)?)\s*$")


def _without_byte_order_mark(content: bytes) -> bytes:
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace").encode("utf-8", "replace")
    return content.removeprefix(codecs.BOM_UTF8)


LONGEST_LINE = 32_768
"""Bytes of a line that can be a path: systems take 4,096, which may be percent-encoded."""


def _clip_on_line(catalog: Catalog, connection: Connection, folder: Path, line: bytes, span: _Span) -> int:
    if len(line) > LONGEST_LINE:
        raise NotFoundError(f"a line of {len(line):,} bytes is not a path (at most {LONGEST_LINE:,})")
    if line.strip().isdigit():
        return find_clip(catalog, connection, line.strip().decode())
    readings = list(_readings(line))
    if not readings:
        raise NotFoundError("the line names no file; delete it")
    for path in readings:
        for name in dict.fromkeys((os.path.join(folder, path), path)):
            found = clip_at_path(catalog, connection, name, span)
            if found is not None:
                return found
    existing = [
        os.path.join(folder, path) for path in readings if os.path.lexists(os.path.join(folder, path))
    ]
    try:
        return find_clip(catalog, connection, existing[0] if existing else readings[0])
    except QueryError as error:  # a line is a path, not a query
        name = display_text(os.fsencode(readings[0]))
        raise NotFoundError(f'no clip is at "{name}"; `thresher ingest` adds files') from error


def _readings(line: bytes) -> Iterator[str]:
    """Yield the paths that a line of a playlist may mean, the most literal first.

    Programs write percent-encoded paths, `file:` addresses, backslashes, and texts in Windows' Latin-1.
    """
    seen: set[str] = set()
    for entry in dict.fromkeys((line, line.strip())):
        text = re.sub(rb"(?i)^file:(?://(?:localhost)?(?=/)|//)?", b"", entry)
        is_address = text != entry
        decoded = unquote_to_bytes(text)
        for path in (decoded, text) if is_address else (text, decoded):
            for form in (path, path.replace(b"\\", b"/"), *_behind_drive(path)):
                for name in _decoded(form):
                    if name and name not in seen and "\0" not in name:
                        seen.add(name)
                        yield name


def _behind_drive(path: bytes) -> Iterator[bytes]:
    """Yield the ends of a path of Windows with a drive letter, the longest first: the drive may be mounted here."""
    match = re.match(rb"/?[A-Za-z]:(?=[\\/])", path)
    if match is None:
        return
    rest = path[match.end() :].replace(b"\\", b"/")
    yield rest
    while (slash := rest.find(b"/")) >= 0:
        rest = rest[slash + 1 :]
        yield rest


def _decoded(path: bytes) -> Iterator[str]:
    yield os.fsdecode(path)
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        yield path.decode("cp1252", "replace")
