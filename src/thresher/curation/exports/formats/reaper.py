"""REAPER projects: one track with one item per clip, which can be moved, trimmed and faded there.

Times are in seconds. Overlapping items have an equal-power crossfade; other fades are S-shaped, like those of
the song. A mono song uses REAPER's down-mix of clips with more channels; a stereo song uses their first two
channels. Each checkpoint has its own colour. Paths are relative to the project where possible, and quoted as
REAPER does it. REAPER does not find files whose paths contain bytes that are not UTF-8, control characters, or
all three of " ' and `, and asks for them.

Fields: "State Chunk Definitions" of github.com/ReaTeam/Doc; of fades, `GetItemFadeIn` of the Ultraschall API;
quotes: `makeEscapedConfigString` of WDL, which REAPER is made with.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterator, Sequence
from itertools import chain, repeat

from thresher.curation.exports.formats.text import one_line, path_text, relative_path
from thresher.curation.exports.formats.timeline import Entry, Timeline

_EQUAL_POWER = 1
_S_CURVE = 5
_MONO_DOWNMIX = 2

# by the catalog's names of containers; "WAVE" reads all others, including AIFF
_SOURCES = {"FLAC": "FLAC", "OGG": "VORBIS", "MP3": "MP3"}
_SOURCES |= dict.fromkeys(("MP4", "MATROSKA", "ADTS", "ASF", "AVI"), "VIDEO")

_CUSTOM_COLOUR = 0x1000000
_GOLDEN_SECTION = (5**0.5 - 1) / 2


def project(timeline: Timeline, folder: bytes) -> str:
    """The text of a project."""
    return "".join(f"{line}\n" for line in _project(timeline, folder))


def _project(timeline: Timeline, folder: bytes) -> Iterator[str]:
    # an old version, because REAPER warns about projects that are newer than itself
    yield '<REAPER_PROJECT 0.1 "6.0" 0'
    yield "  AUTOXFADE 1"
    yield "  PANLAW 1"
    yield f"  SAMPLERATE {timeline.sample_rate} 1 0"
    yield f"  RENDER_FMT 0 {timeline.channels} {timeline.sample_rate}"
    yield "  <TRACK"
    yield f"    NAME {_quoted(one_line(timeline.title))}"
    yield "    NCHAN 2"
    colours = _colours(timeline.entries)
    overlaps = chain((entry.crossfade for entry in timeline.entries[1:]), repeat(0.0))
    for entry, overlap in zip(timeline.entries, overlaps, strict=False):
        yield from _item(entry, folder, overlap, timeline.channels, colours.get(_checkpoint(entry)))
    yield "  >"
    yield ">"


def _item(
    entry: Entry, folder: bytes, overlap: float, song_channels: int, colour: int | None
) -> Iterator[str]:
    """`overlap` is the time that the next item overlaps with this one."""
    yield "    <ITEM"
    yield f"      POSITION {entry.start:.9f}"
    yield f"      LENGTH {entry.seconds:.9f}"
    yield "      LOOP 0"
    if colour is not None:
        yield f"      COLOR {colour}"
    yield f"      FADEIN {_fade(entry.fade_in, entry.crossfade)}"
    yield f"      FADEOUT {_fade(entry.fade_out, overlap)}"
    yield f"      NAME {_quoted(one_line(entry.title))}"
    yield f"      VOLPAN {entry.gain:.9f} 0 1 -1"
    yield f"      SOFFS {entry.offset:.9f}"
    yield "      PLAYRATE 1 1 0 -1 0 0.0025"
    yield f"      CHANMODE {_MONO_DOWNMIX if song_channels == 1 and entry.channels > 1 else 0}"
    yield f"      <SOURCE {_source(entry)}"
    yield f"        FILE {_quoted(_file(entry.path, folder))}"
    yield "      >"
    yield "    >"


def _file(path: bytes, folder: bytes) -> str:
    """The path of a clip: relative to the project where possible, unless REAPER could misread it."""
    relative = path_text(relative_path(path, folder))
    is_clear = relative == relative.strip() and not set(relative) & set(":\\~")
    return relative if is_clear else path_text(path)


def _fade(alone: float, overlap: float) -> str:
    """Shape, length, length of the crossfade (which takes precedence), shape again, and no curvature."""
    if overlap > 0:
        return f"{_EQUAL_POWER} {overlap:.9f} {overlap:.9f} {_EQUAL_POWER} 0 0 0"
    return f"{_S_CURVE} {alone:.9f} 0 {_S_CURVE} 0 0 0"


def _source(entry: Entry) -> str:
    if entry.container == "OGG" and entry.path.lower().endswith(b".opus"):
        return "OPUS"
    return _SOURCES.get(entry.container, "WAVE")


def _checkpoint(entry: Entry) -> tuple[str | None, int | None, int | None]:
    return entry.run, entry.epoch, entry.step


def _colours(entries: Sequence[Entry]) -> dict[tuple[str | None, int | None, int | None], int]:
    """A colour for each checkpoint; clips without a checkpoint have none.

    Each new hue is 222° (the golden section of the circle) after the one before, which keeps the hues of any number
    of checkpoints far apart.
    """
    new = dict.fromkeys(_checkpoint(entry) for entry in entries)
    new.pop((None, None, None), None)
    return {checkpoint: _colour(index * _GOLDEN_SECTION % 1) for index, checkpoint in enumerate(new)}


def _colour(hue: float) -> int:
    """The colour as REAPER stores it on Linux and Windows: red in the lowest byte. macOS swaps red and blue."""
    red, green, blue = (round(255 * level) for level in colorsys.hls_to_rgb(hue, 0.6, 0.6))
    return red | green << 8 | blue << 16 | _CUSTOM_COLOUR


def _quoted(text: str) -> str:
    for quote in "\"'`":
        if quote not in text:
            return f"{quote}{text}{quote}"
    return "`" + text.replace("`", "'") + "`"
