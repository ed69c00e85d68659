"""Whether a rendering can be trusted and made again: its sources, its file, and its own account of itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import FileState, check_file, known_files
from thresher.curation.renderings.history import faults, frozen
from thresher.curation.workers import Progress, no_progress

State = Literal["unchanged", "changed", "missing"]


@dataclass(frozen=True)
class SongReport:
    """What became of a rendering: paths of `sources` that are "missing" or "changed", the state of its `file`, and
    what is wrong with its `account`, in sentences."""

    song: str
    number: int
    clips: int
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    path: str
    file: State
    account: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Whether all is as it was."""
        return not (self.missing or self.changed or self.account) and self.file == "unchanged"


def verify_song(
    catalog: Catalog, name: str, number: int | None = None, progress: Progress = no_progress
) -> SongReport:
    """Check a rendering of a song, by default the last one; every file it is made of is read."""
    plan, then = frozen(catalog, name, number)
    sources = {track.recording_sha256: track for track in plan.tracks}
    states: dict[State, list[str]] = {"unchanged": [], "changed": [], "missing": []}
    for done, (sha256, places) in enumerate(known_files(catalog, list(sources)).items(), start=1):
        states[_state([place.path for place in places], sha256)].append(sources[sha256].path)
        progress("verifying", done, len(sources))
    return SongReport(
        name,
        then.number,
        len(plan.tracks),
        tuple(states["missing"]),
        tuple(states["changed"]),
        then.path,
        _state([catalog.absolute(os.fsencode(then.path))], then.sha256),
        tuple(faults(plan, then)),
    )


def _state(paths: Sequence[bytes], sha256: str) -> State:
    """Whether one of these files has that content, another one, or there is none."""
    found = [check_file(path, sha256).state for path in paths]
    if FileState.INTACT in found:
        return "unchanged"
    return "missing" if all(state is FileState.MISSING for state in found) else "changed"
