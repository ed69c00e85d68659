"""REAPER projects: one track, with one item for each clip, which can be moved, trimmed and faded there.

Times are in seconds. What overlaps is crossfaded in equal power; other fades rise as an S, like the song's own.
A mono song takes REAPER's down-mix of wider clips; a stereo song hears the first two channels of those with more.
Each checkpoint has a colour of its own. A path is written as REAPER quotes text, which leaves three kinds that it
will not find and asks for: with bytes that are not UTF-8, with control characters, and with all three of " ' and `.

Fields: "State Chunk Definitions" of github.com/ReaTeam/Doc; of fades, `GetItemFadeIn` of the Ultraschall API;
quotes: `makeEscapedConfigString` of WDL, which REAPER is made with.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterator, Sequence
from itertools import chain, repeat

from thresher.curation.exports.formats.export_format import ExportFormat
from thresher.curation.exports.formats.text import one_line, readable
from thresher.curation.exports.formats.timeline import Entry, Sheet

_EQUAL_POWER = 1
_S_CURVE = 5
_MONO_DOWNMIX = 2

# by libsndfile's words for containers; "WAVE" reads all that is left, AIFF as well
_SOURCES = {"FLAC": "FLAC", "OGG": "VORBIS", "MP3": "MP3"}

_CUSTOM_COLOUR = 0x1000000
_GOLDEN_SECTION = (5**0.5 - 1) / 2


def _text(sheet: Sheet, _folder: bytes) -> str:
    return "".join(f"{line}\n" for line in _project(sheet))


def _project(sheet: Sheet) -> Iterator[str]:
    # an old version: REAPER warns of projects that are newer than itself
    yield '<REAPER_PROJECT 0.1 "6.0" 0'
    yield "  AUTOXFADE 1"
    yield "  PANLAW 1"
    yield f"  SAMPLERATE {sheet.sample_rate} 1 0"
    yield f"  RENDER_FMT 0 {sheet.channels} {sheet.sample_rate}"
    yield "  <TRACK"
    yield f"    NAME {_quoted(one_line(sheet.title))}"
    yield "    NCHAN 2"
    colours = _colours(sheet.entries)
    overlaps = chain((entry.crossfade for entry in sheet.entries[1:]), repeat(0.0))
    for entry, overlap in zip(sheet.entries, overlaps, strict=False):
        yield from _item(entry, overlap, sheet.channels, colours.get(_checkpoint(entry)))
    yield "  >"
    yield ">"


def _item(entry: Entry, overlap: float, song_channels: int, colour: int | None) -> Iterator[str]:
    """`overlap` is how long the next item overlaps with this one."""
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
    yield f"        FILE {_quoted(readable(entry.path))}"
    yield "      >"
    yield "    >"


def _fade(alone: float, overlap: float) -> str:
    """Shape, length, length of the crossfade (which goes before the other), shape again, and no curvature."""
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
    """A colour for each checkpoint; clips of unknown origin have none.

    Each that is new is 222° of hue on from the last one: the golden section of the circle, which comes
    close to an earlier hue as late as can be.
    """
    new = dict.fromkeys(_checkpoint(entry) for entry in entries)
    new.pop((None, None, None), None)
    return {checkpoint: _colour(index * _GOLDEN_SECTION % 1) for index, checkpoint in enumerate(new)}


def _colour(hue: float) -> int:
    """As REAPER keeps it on Linux and Windows, red in the lowest byte; macOS swaps red and blue."""
    red, green, blue = (round(255 * level) for level in colorsys.hls_to_rgb(hue, 0.6, 0.6))
    return red | green << 8 | blue << 16 | _CUSTOM_COLOUR


def _quoted(text: str) -> str:
    for quote in "\"'`":
        if quote not in text:
            return f"{quote}{text}{quote}"
    return "`" + text.replace("`", "'") + "`"


FORMAT = ExportFormat(".rpp", "REAPER project, each clip an item of its own", _text)
