"""Audacity label tracks: one line a clip, of its start, its end and its title, divided by tabs.

Times are in seconds of the song. Format: https://manual.audacityteam.org/man/importing_and_exporting_labels.html
"""

from __future__ import annotations

from thresher.curation.exports.formats.export_format import ExportFormat
from thresher.curation.exports.formats.text import one_line
from thresher.curation.exports.formats.timeline import Sheet


def _text(sheet: Sheet, _folder: bytes) -> str:
    return "".join(
        f"{entry.start:.6f}\t{entry.start + entry.seconds:.6f}\t{one_line(entry.title)}\n"
        for entry in sheet.entries
    )


FORMAT = ExportFormat(".txt", "labels for Audacity, one a clip", _text)
