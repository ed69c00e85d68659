"""The registry of export formats: one entry each, with its suffix, what it is, and where its code is.

Reading the registry imports no format, so that help texts, messages and tables can be derived from it.
docs/extending.md lists the steps for adding a format.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from thresher.curation.exports.formats.export_format import ExportFormat

_PACKAGE = __name__.rpartition(".")[0]

_ENTRIES = (
    ExportFormat(
        ".cue",
        "cue sheet of the song's audio file, 99 clips at most",
        f"{_PACKAGE}.cue:cue_sheet",
        names_audio=True,
    ),
    ExportFormat(".json", "manifest, to reproduce the audio elsewhere", f"{_PACKAGE}.manifest_json:manifest"),
    ExportFormat(".m3u8", "playlist of the clips' own files", f"{_PACKAGE}.m3u8:playlist"),
    ExportFormat(".rpp", "REAPER project with one item per clip", f"{_PACKAGE}.reaper:project"),
    ExportFormat(".txt", "label track for Audacity, one label per clip", f"{_PACKAGE}.audacity:label_track"),
)

FORMATS: Mapping[str, ExportFormat] = MappingProxyType({entry.suffix: entry for entry in _ENTRIES})
"""Every export format by its suffix."""
