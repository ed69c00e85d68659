"""Extended M3U playlists in UTF-8: the clips' own files, in order.

Seconds are within the clip's file: a player that knows `#EXTVLCOPT` plays its span, others play the whole file;
gain and fades are not carried. Format: https://en.wikipedia.org/wiki/M3U; options: `vlc --help --advanced`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote_from_bytes

from thresher.curation.exports.formats.export_format import ExportFormat
from thresher.curation.exports.formats.text import beside, one_line
from thresher.curation.exports.formats.timeline import Entry, Sheet

# What some player takes for more than a path: a comment, a scheme, an escape, a query, the other slash; and a
# space at an end, which is stripped. VLC resolves each line as a URI reference, after escaping what cannot be one.
_MORE_THAN_A_PATH = re.compile("^\\s|[#%?:\\\\\x00-\x1f\x7f-\x9f\u2028\u2029]|\\s$|^//|^RTSPtext")


def _text(sheet: Sheet, folder: bytes) -> str:
    return "".join(f"{line}\n" for line in _lines(sheet, folder))


def _lines(sheet: Sheet, folder: bytes) -> Iterator[str]:
    yield "#EXTM3U"
    yield f"#PLAYLIST:{one_line(sheet.title)}"
    for entry in sheet.entries:
        yield from _clip(entry, folder)


def _clip(entry: Entry, folder: bytes) -> Iterator[str]:
    yield f"#EXTINF:{entry.seconds:.3f},{one_line(entry.title)}"
    yield f"#EXTVLCOPT:start-time={entry.offset:.6f}"
    yield f"#EXTVLCOPT:stop-time={entry.offset + entry.seconds:.6f}"
    yield _place(entry.path, folder)


def _place(path: bytes, folder: bytes) -> str:
    """A path where it can only be read as one, relative to `folder` where it lies under it; else a file:// URI."""
    try:
        text = beside(path, folder).decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if not text or _MORE_THAN_A_PATH.search(text):
        return "file:///" + quote_from_bytes(path.lstrip(b"/"))  # a second slash would begin a host
    return text


FORMAT = ExportFormat(".m3u8", "playlist of the clips' own files", _text)
