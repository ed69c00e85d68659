"""Extended M3U playlists in UTF-8: the clips' own files, in order.

Start and stop times are in seconds of the clip's file. A player that supports `#EXTVLCOPT` plays the span, others
play the whole file. Gains and fades are not included.

Format: https://en.wikipedia.org/wiki/M3U; options: `vlc --help --advanced`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote_from_bytes

from thresher.curation.exports.formats.text import one_line, relative_path
from thresher.curation.exports.formats.timeline import Entry, Timeline

# What a player may interpret instead of reading it as part of a path: a comment, a scheme, an escape, a query, a
# backslash, and a space at an end, which is stripped. VLC escapes invalid characters and then resolves each line as
# a URI reference.
_MORE_THAN_A_PATH = re.compile("^\\s|[#%?:\\\\\x00-\x1f\x7f-\x9f\u2028\u2029]|\\s$|^//|^RTSPtext")


def playlist(timeline: Timeline, folder: bytes) -> str:
    """The text of a playlist."""
    return "".join(f"{line}\n" for line in _lines(timeline, folder))


def _lines(timeline: Timeline, folder: bytes) -> Iterator[str]:
    yield "#EXTM3U"
    yield f"#PLAYLIST:{one_line(timeline.title)}"
    for entry in timeline.entries:
        yield from _clip(entry, folder)


def _clip(entry: Entry, folder: bytes) -> Iterator[str]:
    yield f"#EXTINF:{entry.seconds:.3f},{one_line(entry.title)}"
    yield f"#EXTVLCOPT:start-time={entry.offset:.6f}"
    yield f"#EXTVLCOPT:stop-time={entry.offset + entry.seconds:.6f}"
    yield _location(entry.path, folder)


def _location(path: bytes, folder: bytes) -> str:
    """A path, relative to `folder` where possible, or a file:// URI if players may not read it as a path."""
    try:
        text = relative_path(path, folder).decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if not text or _MORE_THAN_A_PATH.search(text):
        return "file:///" + quote_from_bytes(path.lstrip(b"/"))  # a second slash would start a host name
    return text
