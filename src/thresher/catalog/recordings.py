"""Recordings and the locations they were seen at: identity by content, history kept.

The functions here run inside the caller's transaction and look at the catalog as it is there, so two ingests
at once end where one after the other would.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from thresher.catalog.database import insert_row
from thresher.catalog.paths import StoredPath, from_stored
from thresher.catalog.provenance import Provenance
from thresher.catalog.schema import attribute, checkpoint, clip, location, recording


class Arrival(Enum):
    """What a file meant to the catalog when it was seen."""

    ADDED = "added"
    COPY = "copies"
    MOVED = "moved"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Sighting:
    """One file as it was seen: where, how large, when changed (nanoseconds), and what its name says.

    `folder_run` is the run where nothing ever said one: the name of the folder that was ingested.
    """

    stored: StoredPath
    size: int
    mtime_ns: int
    provenance: Provenance
    folder_run: str | None


@dataclass(frozen=True)
class WholeClip:
    """What the catalog keeps of a recording's whole clip; fields as the columns of `clip`."""

    start_frame: int
    end_frame: int
    trim: str
    fingerprint: bytes | None
    fingerprint_backend: str | None
    fingerprint_version: str | None
    loudness: float | None
    peak: float | None

    def columns(self) -> dict[str, Any]:
        """Values by column name, the checksum included."""
        crc32 = None if self.fingerprint is None else zlib.crc32(self.fingerprint)
        return {**asdict(self), "fingerprint_crc32": crc32}


@dataclass(frozen=True)
class Content:
    """What the catalog keeps of a recording; fields as the columns of `recording`."""

    status: str
    reason: str | None
    container: str | None
    subtype: str | None
    sample_rate: int | None
    channels: int | None
    frames: int | None
    mono_channel: int | None
    whole: WholeClip

    def columns(self) -> dict[str, Any]:
        """Values by column name."""
        return {key: value for key, value in asdict(self).items() if key != "whole"}


def trim_key(settings: object) -> str:
    """Trim settings as the canonical JSON that clips keep, so that equal settings are equal text."""
    values = {name: getattr(settings, name) for name in ("top_db", "frame_length", "hop_length", "floor_db")}
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def find_recording(connection: Connection, sha256: str) -> int | None:
    """Id of the recording with this content, if the catalog knows it."""
    return connection.scalar(select(recording.c.id).where(recording.c.sha256 == sha256))


def add_recording(connection: Connection, batch_id: int, sha256: str, role: str, content: Content) -> int:
    """A new recording with its whole clip; its id."""
    values = {"sha256": sha256, "batch_id": batch_id, "role": role, **content.columns()}
    recording_id = insert_row(connection, recording, values)
    connection.execute(
        insert(clip).values(recording_id=recording_id, kind="whole", ordinal=0, **content.whole.columns())
    )
    return recording_id


def replace_content(connection: Connection, recording_id: int, content: Content) -> list[int]:
    """Store a new analysis of a known recording; ids of the clips whose span or fingerprint changed by it."""
    old = connection.execute(
        select(clip).where(clip.c.recording_id == recording_id, clip.c.kind == "whole")
    ).one()
    connection.execute(update(recording).where(recording.c.id == recording_id).values(content.columns()))
    connection.execute(update(clip).where(clip.c.id == old.id).values(content.whole.columns()))
    whole = content.whole
    same = (old.start_frame, old.end_frame, old.fingerprint) == (
        whole.start_frame,
        whole.end_frame,
        whole.fingerprint,
    )
    return [] if same else [old.id]


def arrive(
    connection: Connection, root: Path, batch_id: int, recording_id: int, sighting: Sighting, now: float
) -> Arrival:
    """Record that known content was seen at a path: there already, moved there, or one more copy."""
    here = connection.execute(
        select(location).where(location.c.path == sighting.stored.path, location.c.missing_since.is_(None))
    ).one_or_none()
    if here is not None and here.recording_id in (recording_id, None):
        _touch(connection, here.id, sighting, recording_id)
        known = here.recording_id is not None
        _keep_provenance(connection, here.id, sighting.provenance, sighting.folder_run)
        refresh_checkpoint(connection, recording_id)
        return Arrival.UNCHANGED if known else Arrival.COPY
    if here is not None:  # other content at a known path: the old recording is missing, its history stays
        mark_missing(connection, [here.id], now)
    former = _place_left(connection, root, recording_id, sighting.stored.path)
    if former is not None:
        _touch(connection, former, sighting, recording_id)
        location_id, arrival = former, Arrival.MOVED
    else:
        location_id, arrival = _add_location(connection, batch_id, recording_id, sighting), Arrival.COPY
    _keep_provenance(connection, location_id, sighting.provenance, sighting.folder_run)
    refresh_checkpoint(connection, recording_id)
    return arrival


def note_unopened(connection: Connection, batch_id: int, sighting: Sighting, reason: str) -> bool:
    """Record a file that could not be read; whether that is news."""
    here = connection.execute(
        select(location).where(location.c.path == sighting.stored.path, location.c.missing_since.is_(None))
    ).one_or_none()
    if here is not None and here.recording_id is None:
        connection.execute(update(location).where(location.c.id == here.id).values(reason=reason))
        return bool(here.reason != reason)
    if here is not None:
        # what was there may still be there behind its permissions: its location stays as it was
        return True
    connection.execute(
        insert(location).values(
            batch_id=batch_id,
            path=sighting.stored.path,
            path_text=sighting.stored.path_text,
            size=sighting.size,
            mtime_ns=sighting.mtime_ns,
            reason=reason,
        )
    )
    return True


def mark_missing(connection: Connection, location_ids: Iterable[int], now: float) -> None:
    """Note that nothing is at these locations any more; nothing else about them changes."""
    for location_id in location_ids:
        connection.execute(update(location).where(location.c.id == location_id).values(missing_since=now))


def correct_provenance(connection: Connection, location_id: int, stated: Provenance) -> None:
    """Let what a command's flags state stand over what the location's name said."""
    _keep_provenance(connection, location_id, stated, None)
    recording_id = connection.scalar(select(location.c.recording_id).where(location.c.id == location_id))
    if recording_id is not None:
        refresh_checkpoint(connection, recording_id)


def refresh_checkpoint(connection: Connection, recording_id: int) -> None:
    """Set a recording's checkpoint to that of its earliest location that names one, unless it is pinned."""
    earliest = (
        select(location.c.checkpoint_id)
        .where(location.c.recording_id == recording_id, location.c.checkpoint_id.is_not(None))
        .order_by(location.c.id)
        .limit(1)
        .scalar_subquery()
    )
    connection.execute(
        update(recording)
        .where(recording.c.id == recording_id, ~recording.c.checkpoint_pinned)
        .values(checkpoint_id=earliest)
    )


def checkpoint_id(connection: Connection, run: str | None, epoch: int | None, step: int | None) -> int | None:
    """Id of a checkpoint, made if it is new; None where nothing names one."""
    if run is None and epoch is None and step is None:
        return None
    same = (
        func.coalesce(checkpoint.c.run, "") == (run or ""),
        func.coalesce(checkpoint.c.epoch, -1) == (-1 if epoch is None else epoch),
        func.coalesce(checkpoint.c.step, -1) == (-1 if step is None else step),
    )
    found = connection.scalar(select(checkpoint.c.id).where(*same))
    if found is not None:
        return int(found)
    return insert_row(connection, checkpoint, {"run": run or None, "epoch": epoch, "step": step})


def set_attributes(
    connection: Connection, location_id: int, values: Mapping[str, str], *, pinned: bool
) -> None:
    """Store attributes of a location; a pinned one gives way only to another pin."""
    if not values:
        return
    statement = upsert(attribute)
    given = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["location_id", "key"],
            set_={"text": given.text, "number": given.number, "pinned": given.pinned},
            where=None if pinned else ~attribute.c.pinned,
        ),
        [
            {
                "location_id": location_id,
                "key": key,
                "text": text,
                "number": as_number(text),
                "pinned": pinned,
            }
            for key, text in values.items()
        ],
    )


def as_number(text: str) -> float | None:
    """The finite number that `text` is, if it is one."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def _touch(connection: Connection, location_id: int, sighting: Sighting, recording_id: int) -> None:
    connection.execute(
        update(location)
        .where(location.c.id == location_id)
        .values(
            recording_id=recording_id,
            path=sighting.stored.path,
            path_text=sighting.stored.path_text,
            size=sighting.size,
            mtime_ns=sighting.mtime_ns,
            reason=None,
            missing_since=None,
        )
    )


def _add_location(connection: Connection, batch_id: int, recording_id: int, sighting: Sighting) -> int:
    pins = connection.execute(
        select(attribute.c.key, attribute.c.text)
        .join(location, location.c.id == attribute.c.location_id)
        .where(location.c.recording_id == recording_id, attribute.c.pinned)
    ).all()
    values = {
        "recording_id": recording_id,
        "batch_id": batch_id,
        "path": sighting.stored.path,
        "path_text": sighting.stored.path_text,
        "size": sighting.size,
        "mtime_ns": sighting.mtime_ns,
    }
    location_id = insert_row(connection, location, values)
    set_attributes(connection, location_id, {row.key: row.text for row in pins}, pinned=True)
    return location_id


def _place_left(connection: Connection, root: Path, recording_id: int, path: bytes) -> int | None:
    """The location that this recording left: the one at the same path, else the earliest with no file now."""
    known = connection.execute(
        select(location.c.id, location.c.path, location.c.missing_since)
        .where(location.c.recording_id == recording_id)
        .order_by(location.c.path != path, location.c.id)
    ).all()
    for row in known:
        if row.missing_since is not None or not os.path.lexists(from_stored(row.path, root)):
            return int(row.id)
    return None


def _keep_provenance(
    connection: Connection, location_id: int, stated: Provenance, folder_run: str | None
) -> None:
    """What is stated now stands; what is not stated stays as it was known."""
    old: Any = connection.execute(
        select(checkpoint.c.run, checkpoint.c.epoch, checkpoint.c.step)
        .join(location, location.c.checkpoint_id == checkpoint.c.id)
        .where(location.c.id == location_id)
    ).one_or_none()
    run, epoch, step = stated.run, stated.epoch, stated.step
    if old is not None:
        run = old.run if run is None else run
        epoch = old.epoch if epoch is None else epoch
        step = old.step if step is None else step
    found = checkpoint_id(connection, folder_run if run is None else run, epoch, step)
    connection.execute(update(location).where(location.c.id == location_id).values(checkpoint_id=found))
    set_attributes(connection, location_id, stated.attributes, pinned=False)


def forget_locations(connection: Connection, location_ids: Iterable[int]) -> None:
    """Take locations out of the catalog, with their attributes."""
    for location_id in location_ids:
        connection.execute(delete(location).where(location.c.id == location_id))
