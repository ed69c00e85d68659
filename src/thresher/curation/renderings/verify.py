"""Verify a rendering: its source files, its own file, and whether the stored plan is consistent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import FileState, content_state, known_files
from thresher.curation.renderings.history import frozen
from thresher.curation.renderings.plan import faults
from thresher.progress import Progress, no_progress

State = Literal["unchanged", "changed", "missing"]


@dataclass(frozen=True)
class SongReport:
    """The state of a rendering: paths of source files that are `missing` or `changed`, the state of its own
    `file`, and the `faults` of the stored plan as sentences."""

    song: str
    number: int
    clips: int
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    path: str
    file: State
    faults: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing changed and nothing is missing."""
        return not (self.missing or self.changed or self.faults) and self.file == "unchanged"


def verify_song(
    catalog: Catalog, name: str, number: int | None = None, progress: Progress = no_progress
) -> SongReport:
    """Check a rendering of a song, by default the last one. All its source files are read."""
    plan, then = frozen(catalog, name, number)
    sources = {track.recording_sha256: track for track in plan.tracks}
    states: dict[State, list[str]] = {"unchanged": [], "changed": [], "missing": []}
    for done, (sha256, known) in enumerate(known_files(catalog, list(sources)).items(), start=1):
        states[_state([(each.path, each.sha256) for each in known])].append(sources[sha256].path)
        progress("verifying", done, len(sources))
    path = catalog.absolute_of_text(then.path, then.root)
    found = faults(plan, then.container, then.subtype, frames=then.frames, expected_sha256=then.plan_sha256)
    return SongReport(
        name,
        then.number,
        len(plan.tracks),
        tuple(states["missing"]),
        tuple(states["changed"]),
        then.path,
        _state([] if path is None else [(path, then.sha256)]),
        tuple(found),
    )


def _state(files: Sequence[tuple[bytes, str]]) -> State:
    """Whether one of these files has its content, only other contents are there, or no file is."""
    found = [content_state(path, sha256) for path, sha256 in files]
    if FileState.INTACT in found:
        return "unchanged"
    return "missing" if all(state is FileState.MISSING for state in found) else "changed"
