"""Cue sheets: where each clip begins in the song's own file.

Times are minutes:seconds:frames with 75 frames a second, rounded down, so that no track starts after its clip;
minutes may pass 99, which some players do not read. The format has no way to write a double quote inside text, so
it becomes a single one; a file whose path holds one, a control character or bytes that are not UTF-8 is not found.

Syntax: the CDRWIN user's guide, appendix A.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator

from thresher.curation.exports.formats.export_format import ExportFormat
from thresher.curation.exports.formats.text import beside, checkpoint_text, one_line, readable
from thresher.curation.exports.formats.timeline import Entry, Sheet
from thresher.errors import UsageError
from thresher.formatting import counted

MOST_TRACKS = 99
FRAMES_A_SECOND = 75

# the format has no words for FLAC and Ogg; players go by "WAVE" there
_FILE_TYPES = {".mp3": "MP3", ".aif": "AIFF", ".aiff": "AIFF"}


def _text(sheet: Sheet, folder: bytes) -> str:
    if len(sheet.entries) > MOST_TRACKS:
        raise UsageError(
            f"a cue sheet holds {MOST_TRACKS} tracks and this song has {counted(len(sheet.entries), 'clip')}; "
            ".txt, .m3u8, .rpp and .json hold more"
        )
    return "".join(f"{line}\n" for line in _lines(sheet, folder))


def _lines(sheet: Sheet, folder: bytes) -> Iterator[str]:
    # comments first: some readers know them nowhere else
    if sheet.comment:
        yield f"REM COMMENT {_quoted(one_line(sheet.comment))}"
    yield f"TITLE {_quoted(one_line(sheet.title))}"
    suffix = os.path.splitext(sheet.audio)[1].lower().decode("ascii", "replace")
    yield f"FILE {_quoted(readable(beside(sheet.audio, folder)))} {_FILE_TYPES.get(suffix, 'WAVE')}"
    for number, entry in enumerate(sheet.entries, 1):
        yield from _track(number, entry)


def _track(number: int, entry: Entry) -> Iterator[str]:
    yield f"  TRACK {number:02} AUDIO"
    yield f"    TITLE {_quoted(one_line(entry.title))}"
    if entry.run is not None:
        yield f"    PERFORMER {_quoted(one_line(entry.run))}"
    yield f"    REM CLIP {entry.clip}"
    if checkpoint := checkpoint_text(entry):
        yield f"    REM CHECKPOINT {_quoted(checkpoint)}"
    yield f"    INDEX 01 {_time(entry.start)}"


def _time(seconds: float) -> str:
    # a start that is a whole frame may be stored a hair below it
    frames = math.floor(round(seconds * FRAMES_A_SECOND, 6))
    whole, frame = divmod(frames, FRAMES_A_SECOND)
    return f"{whole // 60:02}:{whole % 60:02}:{frame:02}"


def _quoted(text: str) -> str:
    # libcue takes \" for a quote in the text and reads on into the next line
    end = " " if text.endswith("\\") else ""
    return '"' + text.replace('"', "'") + end + '"'


FORMAT = ExportFormat(".cue", "cue sheet of the song's file, up to 99 clips", _text, names_audio=True)
