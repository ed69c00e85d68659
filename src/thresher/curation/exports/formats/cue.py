"""Cue sheets: the start of each clip in the song's own file.

Times are minutes:seconds:frames with 75 frames per second, rounded down, so that no track starts after its
clip. Minutes can exceed 99, which some players do not support. The format cannot express a double quote inside
text, so it becomes a single quote. Players do not find an audio file whose path contains a double quote, a
control character or bytes that are not UTF-8.

Syntax: the CDRWIN user's guide, appendix A.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator

from thresher.curation.exports.formats.text import checkpoint_in_words, one_line, path_text, relative_path
from thresher.curation.exports.formats.timeline import Entry, Timeline
from thresher.errors import UsageError
from thresher.formatting import counted

MOST_TRACKS = 99
FRAMES_A_SECOND = 75

# the format has no names for FLAC and Ogg; players expect "WAVE"
_FILE_TYPES = {".mp3": "MP3", ".aif": "AIFF", ".aiff": "AIFF"}


def cue_sheet(timeline: Timeline, folder: bytes) -> str:
    """The text of a cue sheet. Raises UsageError for more than 99 clips."""
    if len(timeline.entries) > MOST_TRACKS:
        raise UsageError(
            f"a cue sheet can hold {MOST_TRACKS} tracks, but this song has "
            f"{counted(len(timeline.entries), 'clip')}; "
            "export it as .txt, .m3u8, .rpp or .json"
        )
    return "".join(f"{line}\n" for line in _lines(timeline, folder))


def _lines(timeline: Timeline, folder: bytes) -> Iterator[str]:
    # comments first, because some readers accept them only there
    if timeline.comment:
        yield f"REM COMMENT {_quoted(one_line(timeline.comment))}"
    yield f"TITLE {_quoted(one_line(timeline.title))}"
    suffix = os.path.splitext(timeline.audio)[1].lower().decode("ascii", "replace")
    yield f"FILE {_quoted(path_text(relative_path(timeline.audio, folder)))} {_FILE_TYPES.get(suffix, 'WAVE')}"
    for number, entry in enumerate(timeline.entries, 1):
        yield from _track(number, entry)


def _track(number: int, entry: Entry) -> Iterator[str]:
    yield f"  TRACK {number:02} AUDIO"
    yield f"    TITLE {_quoted(one_line(entry.title))}"
    if entry.run is not None:
        yield f"    PERFORMER {_quoted(one_line(entry.run))}"
    yield f"    REM CLIP {entry.clip}"
    if checkpoint := checkpoint_in_words(entry):
        yield f"    REM CHECKPOINT {_quoted(checkpoint)}"
    yield f"    INDEX 01 {_time(entry.start)}"


def _time(seconds: float) -> str:
    # a start at a whole frame may be stored slightly below it
    frames = math.floor(round(seconds * FRAMES_A_SECOND, 6))
    whole, frame = divmod(frames, FRAMES_A_SECOND)
    return f"{whole // 60:02}:{whole % 60:02}:{frame:02}"


def _quoted(text: str) -> str:
    # libcue reads \" as a quote inside the text and continues into the next line
    end = " " if text.endswith("\\") else ""
    return '"' + text.replace('"', "'") + end + '"'
