"""Locations: the paths at which recordings were seen.

The functions run inside the caller's transaction and decide by what the catalog holds at that moment, so that two
ingests at once end like two ingests one after the other. They never touch the file system: the caller says which
files are gone (`content_files.vacated_locations`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, LargeBinary, bindparam, delete, func, select, update

from thresher.catalog.database.database import chunks, insert_row
from thresher.catalog.database.schema import USABLE_STATUSES, location, recording
from thresher.catalog.files.paths import Place, StoredPath
from thresher.catalog.files.stamps import Look, Stamp
from thresher.catalog.provenance.provenance import Provenance
from thresher.catalog.recordings.attribution import (
    complete_provenance,
    copy_pinned_attributes,
    correct,
    overwrite_provenance,
    refresh_checkpoint,
    remove_squeezed,
    set_role,
    stored_run,
)
from thresher.catalog.text.normal_form import nfc

# This statement runs for every file and is built once: building it costs more than running it.
_PRESENT_AT = select(location).where(
    location.c.root == bindparam("root"),
    location.c.path == bindparam("path"),
    location.c.missing_since.is_(None),
)


class Arrival(Enum):
    """How the catalog changed because known content was seen at a path."""

    COPY = "copies"
    MOVED = "moved"
    RETURNED = "returned"
    CORRECTED = "corrected"
    RETAGGED = "retagged"
    UNCHANGED = "unchanged"


class Arrived(NamedTuple):
    """What an arrival changed, and the location of other content whose place the file took, if it did."""

    arrival: Arrival
    displaced: int | None = None


@dataclass(frozen=True)
class Rereading:
    """Which stored runs are kept when names are read again and none of them names a run.

    These are the names of `folders` between the root and the file, and the runs that `--run` `stated`, each with
    the last ingest that did: it may have stated the run of the locations that were added before. Every other run
    came from a folder that has another name now, or from a name that has changed.
    """

    folders: frozenset[str]
    stated: Mapping[str, int]

    def keeps(self, run: str, added_by: int) -> bool:
        """Return whether the run of a location stays that was added by the batch `added_by`."""
        return nfc(run) in self.folders or self.stated.get(nfc(run), 0) >= added_by


@dataclass(frozen=True)
class Sighting:
    """One file as an ingest saw it: its path, its stamp, when its reading began, its provenance.

    `sha256` is that of its bytes; it and `looked_at` are None if the file was not read. `provenance` combines
    the file's name, its sidecar and the command's flags. `stated` is the part of it that replaces known values:
    normally the flags alone. `role` comes from the flags, else it is None. `folder_run` is the run if nothing
    else names one (`provenance.run_of_folder`). `rereading` is not None when names are read again.
    """

    stored: StoredPath
    stamp: Stamp
    provenance: Provenance
    stated: Provenance
    role: str | None
    folder_run: str | None = None
    rereading: Rereading | None = None
    sha256: str | None = None
    looked_at: float | None = None

    def look(self) -> dict[str, Any]:
        """Return the columns of a location that say what was read, and when."""
        return {**self.stamp._asdict(), "looked_at": self.looked_at, "sha256": self.sha256}


class LocationState(NamedTuple):
    """A location as it was read from the catalog. It differs after any change of the row."""

    id: int
    place: Place
    sha256: str | None
    look: Look


def arrive(
    connection: Connection,
    recording_id: int,
    sighting: Sighting,
    *,
    vacated: Collection[LocationState],
    new_batch: Callable[[], int],
    now: float,
) -> Arrived:
    """Record that known content was seen at a path: there as before or again, moved there, or as another copy.

    `vacated` holds the locations whose files are known to hold their content no longer. A file that moves with
    its folder keeps its provenance, whatever the folder is called now; a new file name adds what it says.
    `new_batch` returns the id of this ingest's batch. It is called only if more than the stamp changes.
    """
    here = present_at(connection, sighting.stored.place)
    if here is not None and here.recording_id == recording_id:
        return Arrived(_seen_again(connection, here, sighting, new_batch))
    batch_id = new_batch()
    displaced = None
    if here is not None and here.recording_id is not None:
        # the path holds other content now: the old recording is missing, and its history stays
        displaced = int(here.id)
        mark_missing(connection, [displaced], now)
    former = _left_location(connection, recording_id, sighting.stored.place, vacated)
    was_unreadable = here is not None and here.recording_id is None
    if former is not None:
        if was_unreadable:
            forget_locations(connection, [here.id])
        occupy(connection, former.id, sighting, recording_id)
        if os.path.basename(former.path) == os.path.basename(sighting.stored.path):
            _complete(connection, former.id, sighting)
        else:
            overwrite_provenance(connection, former.id, sighting.provenance, sighting.folder_run)
    elif was_unreadable:
        occupy(connection, here.id, sighting, recording_id)
        copy_pinned_attributes(connection, here.id, recording_id)
        _complete(connection, here.id, sighting)
    else:
        location_id = _add_location(connection, batch_id, recording_id, sighting)
        copy_pinned_attributes(connection, location_id, recording_id)
        overwrite_provenance(connection, location_id, sighting.provenance, sighting.folder_run)
    if sighting.role is not None:
        set_role(connection, [recording_id], sighting.role)
    refresh_checkpoint(connection, recording_id)
    return Arrived(_arrival_from(former, sighting.stored.place), displaced)


def _arrival_from(former: Any, place: Place) -> Arrival:
    """Return how a file arrived at a place, from the row of the location that it left, if it left one."""
    if former is None:
        return Arrival.COPY
    is_back = place_of(former) == place and former.missing_since is not None
    return Arrival.RETURNED if is_back else Arrival.MOVED


def _seen_again(
    connection: Connection, here: Any, sighting: Sighting, new_batch: Callable[[], int]
) -> Arrival:
    """Update the location `here`, whose file still holds its recording.

    Its name and sidecar add values that were unknown only if its time of change differs.
    """
    corrected = correct_by(connection, here.id, sighting)
    occupy(connection, here.id, sighting, here.recording_id)
    if here.mtime_ns != sighting.stamp.mtime_ns:
        _complete(connection, here.id, sighting)
        refresh_checkpoint(connection, here.recording_id)
    is_retagged = here.sha256 != sighting.sha256
    if corrected or is_retagged:
        new_batch()
    if is_retagged:
        return Arrival.RETAGGED
    return Arrival.CORRECTED if corrected else Arrival.UNCHANGED


def correct_by(connection: Connection, location_id: int, sighting: Sighting) -> set[int]:
    """Replace what is known about a location by what was stated; return the ids of changed locations."""
    stated = sighting.stated
    if sighting.rereading is None:
        return correct(connection, [location_id], stated, sighting.role)
    if stated.run is None:
        run, added_by = stored_run(connection, location_id)
        if run is None or not sighting.rereading.keeps(run, added_by):
            stated = replace(stated, run=sighting.folder_run)
    changed = correct(connection, [location_id], stated, sighting.role)
    return changed | remove_squeezed(connection, location_id, stated.attributes)


def _complete(connection: Connection, location_id: int, sighting: Sighting) -> None:
    complete_provenance(connection, location_id, sighting.provenance, sighting.stated, sighting.folder_run)


def note_unopened(
    connection: Connection, sighting: Sighting, reason: str, *, new_batch: Callable[[], int]
) -> bool:
    """Record a file that could not be read; return whether the catalog did not know that already."""
    here = present_at(connection, sighting.stored.place)
    if here is not None and here.recording_id is not None:
        # the known content may still be there behind its permissions: its location stays as it was
        return True
    if here is not None:
        if here.reason == reason:
            return False
        connection.execute(update(location).where(location.c.id == here.id).values(reason=reason))
        return True
    location_id = _add_location(connection, new_batch(), None, sighting, reason)
    overwrite_provenance(connection, location_id, sighting.provenance, sighting.folder_run)
    return True


def mark_place_missing(connection: Connection, place: Place, now: float) -> int | None:
    """Mark the location at a place missing: a file that is not a clip has replaced it.

    Return its id; None if no recording was known there.
    """
    here = present_at(connection, place)
    if here is None:
        return None
    mark_missing(connection, [here.id], now)
    return None if here.recording_id is None else int(here.id)


def mark_missing(connection: Connection, location_ids: Iterable[int], now: float) -> None:
    """Mark locations missing; nothing else about them changes."""
    for chunk in chunks(list(location_ids)):
        connection.execute(update(location).where(location.c.id.in_(chunk)).values(missing_since=now))


def unmark_missing(connection: Connection, location_id: int) -> None:
    """Mark a location as present again, unless another one has its path now."""
    row = connection.execute(select(location).where(location.c.id == location_id)).one_or_none()
    if row is not None and present_at(connection, place_of(row)) is None:
        connection.execute(update(location).where(location.c.id == location_id).values(missing_since=None))


def refile(connection: Connection, location_id: int, former: Place, stored: StoredPath, now: float) -> None:
    """Store the path of a location again, because it starts at another root, unless the location left `former`.

    If another location is present at the new place, it stays, and this one goes: it is the same file.
    """
    row = connection.execute(select(location).where(location.c.id == location_id)).one_or_none()
    if row is None or place_of(row) != former:
        return
    there = None if row.missing_since is not None else present_at(connection, stored.place)
    if there is not None and row.recording_id in (None, there.recording_id):
        forget_locations(connection, [location_id])
        if row.recording_id is not None:
            refresh_checkpoint(connection, row.recording_id)
        return
    if there is not None:
        mark_missing(connection, [location_id], now)
    connection.execute(update(location).where(location.c.id == location_id).values(stored._asdict()))


def forget_locations(connection: Connection, location_ids: Iterable[int]) -> None:
    """Delete locations from the catalog, with their attributes."""
    for chunk in chunks(list(location_ids)):
        connection.execute(delete(location).where(location.c.id.in_(chunk)))


def present_at(connection: Connection, place: Place) -> Any:
    """Return the row of the location at a place that is not missing, or None."""
    return connection.execute(_PRESENT_AT, place._asdict()).one_or_none()


def present_among(connection: Connection, places: Sequence[Place]) -> dict[Place, Any]:
    """Return the rows of the locations at these places that are not missing, by place."""
    found: dict[Place, Any] = {}
    by_root: dict[str, list[bytes]] = {}
    for root, path in places:
        by_root.setdefault(root, []).append(path)
    for root, paths in by_root.items():
        for chunk in chunks(paths):
            at = (location.c.root == root, location.c.path.in_(chunk))
            statement = select(location).where(*at, location.c.missing_since.is_(None))
            found.update((place_of(row), row) for row in connection.execute(statement))
    return found


def not_missing(connection: Connection, location_ids: Iterable[int]) -> set[int]:
    """Return those of these locations that are not marked missing."""
    return {
        location_id
        for chunk in chunks(list(location_ids))
        for location_id in connection.scalars(
            select(location.c.id).where(location.c.id.in_(chunk), location.c.missing_since.is_(None))
        )
    }


def occupy(connection: Connection, location_id: int, sighting: Sighting, recording_id: int) -> None:
    """Make an existing location that of the file that was seen, with this recording as its content."""
    connection.execute(
        update(location)
        .where(location.c.id == location_id)
        .values(
            recording_id=recording_id,
            **sighting.stored._asdict(),
            reason=None,
            missing_since=None,
            **sighting.look(),
        )
    )


def location_values(
    batch_id: int,
    recording_id: int | None,
    sighting: Sighting,
    reason: str | None = None,
    checkpoint_id: int | None = None,
) -> dict[str, Any]:
    """Return the columns of a new location."""
    return {
        "checkpoint_id": checkpoint_id,
        "recording_id": recording_id,
        "batch_id": batch_id,
        **sighting.stored._asdict(),
        "reason": reason,
        **sighting.look(),
    }


def _add_location(
    connection: Connection,
    batch_id: int,
    recording_id: int | None,
    sighting: Sighting,
    reason: str | None = None,
) -> int:
    return insert_row(connection, location, location_values(batch_id, recording_id, sighting, reason))


def may_have_moved(status: str, former: bytes, names: Collection[bytes]) -> bool:
    """Return whether one of the files with these `names` may be the one at `former`, all holding the same content.

    Silence is the same whatever wrote it, and so are files that can't be used: there, only an equal file name
    is a sign that the file was moved.
    """
    return bool(names) and (status in USABLE_STATUSES or os.path.basename(former) in names)


def _left_location(
    connection: Connection, recording_id: int, place: Place, vacated: Collection[LocationState]
) -> Any:
    """Return the row of the location that this recording left, or None.

    If it left several: the one at the same place, else one with the same file name, else the earliest.
    """
    name = os.path.basename(place.path)
    here = {"recording_id": recording_id, **place._asdict(), "name": name, "end": b"/" + name}
    left = list(connection.execute(_MISSING_OF.limit(1), here))
    for chunk in chunks([state.id for state in vacated]):
        present = connection.execute(_PRESENT_OF.where(location.c.id.in_(chunk)), here)
        left += [row for row in present if state_of(row) in vacated]
    return min(
        left,
        key=lambda row: (place_of(row) != place, os.path.basename(row.path) != name, row.id),
        default=None,
    )


def _has_name() -> ColumnElement[bool]:
    """Whether the path of a location ends with the file name `name`; `end` is the name with a slash before it.

    Paths are compared as bytes: LIKE would ignore the case of letters.
    """
    end = bindparam("end", type_=LargeBinary)
    tail = func.substr(location.c.path, func.length(location.c.path) - func.length(end) + 1)
    return (location.c.path == bindparam("name")) | (tail == end)


_OF_RECORDING = (
    select(location)
    .join(recording, recording.c.id == location.c.recording_id)
    .where(
        location.c.recording_id == bindparam("recording_id"),
        recording.c.status.in_(USABLE_STATUSES) | _has_name(),  # as `may_have_moved`
    )
)
_MISSING_OF = _OF_RECORDING.where(location.c.missing_since.is_not(None)).order_by(
    ((location.c.root == bindparam("root")) & (location.c.path == bindparam("path"))).desc(),
    _has_name().desc(),
    location.c.id,
)
_PRESENT_OF = _OF_RECORDING.where(location.c.missing_since.is_(None))


def state_of(row: Any) -> LocationState:
    """Return the state of a location from its row."""
    return LocationState(row.id, place_of(row), row.sha256, look_at(row))


def place_of(row: Any) -> Place:
    """Return the place of a location from its row."""
    return Place(row.root, row.path)


def look_at(row: Any) -> Look:
    """Return the stored look of a location's row."""
    return Look(row.size, row.mtime_ns, row.ctime_ns, row.inode, row.looked_at)
