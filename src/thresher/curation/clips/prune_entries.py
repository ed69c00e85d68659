"""The entries of the history that list pruned files: announced before files are moved, corrected afterwards.

A change of such an entry names a location and the path of its file. Its `after` is the path as long as the file may
still be there, and None once it has been moved.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import location
from thresher.catalog.decisions.journal import Change, Decision, correct_event, events, note_event
from thresher.catalog.files import paths
from thresher.catalog.recordings import locations
from thresher.curation.clips.trash import PlannedFile
from thresher.formatting import counted

VERB = "prune"
"""The verb of these entries."""


def unfinished_prunes(connection: Connection) -> list[Decision]:
    """Return the entries whose prune was interrupted, the latest first."""
    return [entry for entry in events(connection, VERB) if announced_locations(entry)]


def announced_locations(entry: Decision) -> set[int]:
    """Return the locations of an entry whose files may not have been moved yet."""
    return {change.id for change in entry.changes if change.after is not None}


def announce(connection: Connection, files: Sequence[PlannedFile]) -> list[Decision]:
    """Mark the locations of files as missing before they are moved, and list them in the history.

    Return the entry, if one is needed: files that an interrupted prune has listed are not listed again.
    """
    new = [file for file in files if not file.is_marked]
    if not new:
        return []
    # `after` becomes None when the file has been moved
    changes = [
        Change("location", location_id, "file", shown, shown)
        for file, shown in ((file, paths.display_text(file.path)) for file in new)
        for location_id in file.location_ids
    ]
    locations.mark_missing(connection, [change.id for change in changes], time.time())
    return [note_event(connection, VERB, f"prune {counted(len(new), 'file')}", changes)]


def conclude(
    catalog: Catalog,
    entries: Sequence[Decision],
    gone: Sequence[PlannedFile],
    left_alone: Collection[int] = (),
) -> None:
    """State in entries of the history what was moved. Files that are still there count as present again.

    Files of the locations `left_alone` stay announced: their prune may still run, or a later one moves them. So do
    files below roots that this machine lacks, of which only another machine knows whether they were moved.
    """
    moved = {location_id for file in gone for location_id in file.location_ids}
    for entry in entries:
        with catalog.reading() as connection:
            places = _places(connection, [change.id for change in entry.changes])
        roots = catalog.roots.as_now()
        known = {id_: roots.absolute(*place) for id_, place in places.items()}
        announced = announced_locations(entry) - moved
        elsewhere = {id_ for id_, path in known.items() if path is None}
        there = {id_ for id_, path in known.items() if path is not None and os.path.lexists(path)}
        waiting = announced & (elsewhere | there.intersection(left_alone))
        stay = announced & there - waiting
        done = [
            change if change.id in waiting else replace(change, after=None)
            for change in entry.changes
            if change.id not in stay
        ]
        catalog.write(partial(_conclude, entry=entry.id, done=done, moved=moved, stay=stay))


def _conclude(
    connection: Connection,
    *,
    entry: int,
    done: Sequence[Change],
    moved: Collection[int],
    stay: Collection[int],
) -> None:
    # an ingest may have found a file just before it was moved
    found_again = locations.not_missing(connection, {change.id for change in done}.intersection(moved))
    locations.mark_missing(connection, sorted(found_again), time.time())
    for location_id in sorted(stay):
        locations.unmark_missing(connection, location_id)
    files = len({change.before for change in done})
    correct_event(connection, entry, f"prune {counted(files, 'file')}", done)


def _places(connection: Connection, location_ids: Sequence[int]) -> dict[int, paths.Place]:
    """Return the places of those of these locations that the catalog still knows."""
    found: dict[int, paths.Place] = {}
    for chunk in chunks(location_ids):
        statement = select(location.c.id, location.c.root, location.c.path).where(location.c.id.in_(chunk))
        found.update((row.id, locations.place_of(row)) for row in connection.execute(statement))
    return found
