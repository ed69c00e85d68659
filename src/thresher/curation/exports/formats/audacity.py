"""Audacity label tracks: one line per clip with its start, its end and its title, separated by tabs.

Times are in seconds of the song. Format: https://manual.audacityteam.org/man/importing_and_exporting_labels.html
"""

from __future__ import annotations

from thresher.curation.exports.formats.text import one_line
from thresher.curation.exports.formats.timeline import Timeline


def label_track(timeline: Timeline, _folder: bytes) -> str:
    """The text of a label track."""
    return "".join(
        f"{entry.start:.6f}\t{entry.start + entry.seconds:.6f}\t{one_line(entry.title)}\n"
        for entry in timeline.entries
    )
