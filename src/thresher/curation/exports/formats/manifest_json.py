"""The song's manifest, as it is kept in the catalog."""

from __future__ import annotations

from thresher.curation.exports.formats.export_format import ExportFormat
from thresher.curation.exports.formats.timeline import Sheet


def _text(sheet: Sheet, _folder: bytes) -> str:
    return sheet.manifest


FORMAT = ExportFormat(".json", "the manifest: all that is known of the song and its clips", _text)
