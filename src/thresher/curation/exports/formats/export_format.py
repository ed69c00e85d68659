"""What a format is to those who choose one and write it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from thresher.curation.exports.formats.timeline import Sheet


@dataclass(frozen=True)
class ExportFormat:
    """A format of files with this `suffix`, with the dot.

    `description` is a short phrase for --help. `text` makes the file's text from a sheet and the absolute
    folder that the file will lie in; it can always be written as UTF-8. `names_audio` says that it names the
    song's own file, which then should be there.
    """

    suffix: str
    description: str
    text: Callable[[Sheet, bytes], str]
    names_audio: bool = False
