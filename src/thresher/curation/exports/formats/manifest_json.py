"""The manifest of the song, see docs/manifest.md."""

from __future__ import annotations

from thresher.curation.exports.formats.timeline import Timeline


def manifest(timeline: Timeline, _folder: bytes) -> str:
    """The text of the manifest."""
    return timeline.manifest
