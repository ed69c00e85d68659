"""Whether a rendering can be trusted and made again: its sources, its file, and its own account of itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select

from thresher.catalog.audio import sha256_file
from thresher.catalog.catalog import Catalog
from thresher.catalog.schema import location, recording
from thresher.curation.execution import Progress, no_progress
from thresher.curation.renderings import faults, frozen
from thresher.errors import AudioError

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
    for done, (sha256, places) in enumerate(_places(catalog, list(sources)).items(), start=1):
        states[_state(places, sha256)].append(sources[sha256].path)
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


def _places(catalog: Catalog, sha256s: Sequence[str]) -> dict[str, list[bytes]]:
    """Where each content was seen, the places where it is said to be now first."""
    places: dict[str, list[bytes]] = {sha256: [] for sha256 in sha256s}
    with catalog.reading() as connection:
        statement = (
            select(recording.c.sha256, location.c.path)
            .join(location, location.c.recording_id == recording.c.id)
            .order_by(location.c.missing_since.is_not(None), location.c.id)
        )
        for row in connection.execute(statement):
            if row.sha256 in places:
                places[row.sha256].append(catalog.absolute(row.path))
    return places


def _state(places: Sequence[bytes], sha256: str) -> State:
    """Whether one of these files has that content, another one, or there is none."""
    state: State = "missing"
    for path in places:
        try:
            if sha256_file(path) == sha256:
                return "unchanged"
        except FileNotFoundError:
            continue
        except (OSError, AudioError):
            pass
        state = "changed"
    return state
