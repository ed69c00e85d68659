"""What a program needs to know about an export format in order to list it and to write it."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from thresher.curation.exports.formats.timeline import Timeline


@dataclass(frozen=True)
class ExportFormat:
    """A format of files with this `suffix` (with the dot) in which songs can be exported.

    `description` is a short phrase for the help text and the documentation. `path` is "module:name" of a
    function that makes the text of the file from a Timeline and the absolute path of the file's folder; the
    text can always be encoded as UTF-8. `names_audio` says that the file refers to the song's own audio file.
    """

    suffix: str
    description: str
    path: str
    names_audio: bool = False

    def text(self, timeline: Timeline, folder: bytes) -> str:
        """The text of the file. Only now is the module of the format imported."""
        write: Callable[[Timeline, bytes], str] = pkgutil.resolve_name(self.path)
        return write(timeline, folder)
