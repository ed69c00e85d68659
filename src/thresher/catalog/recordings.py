"""Recordings and the locations they were seen at: identity by content, history kept.

The functions here run inside the caller's transaction and look at the catalog as it is there, so two ingests
at once end where one after the other would.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from thresher.catalog import measures
from thresher.catalog.database import chunks, insert_row
from thresher.catalog.paths import StoredPath, display_text, from_stored
from thresher.catalog.provenance import Provenance
from thresher.catalog.schema import (
    USABLE_STATUSES,
    attribute,
    checkpoint,
    clip,
    location,
    recording,
)
from thresher.catalog.values import UnfitError, number_of
from thresher.errors import AudioError

# Statements that run for every new file are built once: building them costs more than running them.
_PRESENT_AT = select(location).where(location.c.path == bindparam("path"), location.c.missing_since.is_(None))
_FIND_CHECKPOINT = select(checkpoint.c.id).where(
    func.coalesce(checkpoint.c.run, "") == bindparam("run"),
    func.coalesce(checkpoint.c.epoch, -1) == bindparam("epoch"),
    func.coalesce(checkpoint.c.step, -1) == bindparam("step"),
)
_ADD_ATTRIBUTES = upsert(attribute)
_SET_ATTRIBUTES = {
    pinned: _ADD_ATTRIBUTES.on_conflict_do_update(
        index_elements=["location_id", "key"],
        set_={name: _ADD_ATTRIBUTES.excluded[name] for name in ("text", "number", "pinned")},
        where=None if pinned else ~attribute.c.pinned,
    )
    for pinned in (False, True)
}


class Arrival(Enum):
    """What a file meant to the catalog when it was seen."""

    COPY = "copies"
    MOVED = "moved"
    CORRECTED = "corrected"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Sighting:
    """One file as it was seen: where, how large, when changed (nanoseconds), and what is said of it.

    `provenance` is what its name, its sidecar and the command's flags say together, `stated` what of it stands
    over all that was said before: the flags alone, as a rule. `role` is what the flags say, or None.
    `folder_run` is the run where nothing ever said one: the name of the folder that was ingested.
    """

    stored: StoredPath
    size: int
    mtime_ns: int
    provenance: Provenance
    stated: Provenance
    role: str | None
    folder_run: str | None


@dataclass(frozen=True)
class WholeClip:
    """What the catalog keeps of a recording's whole clip; fields as the columns of `clip`, `measures` by
    name, None where nothing can be measured."""

    start_frame: int
    end_frame: int
    trim: str
    fingerprint: bytes | None
    fingerprint_backend: str | None
    fingerprint_version: str | None
    loudness: float | None
    peak: float | None
    descriptor: bytes | None = None
    descriptor_version: int | None = None
    measures: Mapping[str, float | None] | None = None

    def columns(self) -> dict[str, Any]:
        """Values by column name of `clip`, the checksums included."""
        return {
            **{name: value for name, value in vars(self).items() if name != "measures"},
            "fingerprint_crc32": None if self.fingerprint is None else zlib.crc32(self.fingerprint),
            "descriptor_crc32": None if self.descriptor is None else zlib.crc32(self.descriptor),
        }


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
        return {key: value for key, value in vars(self).items() if key != "whole"}


def trim_key(settings: object) -> str:
    """Trim settings as the canonical JSON that clips keep, so that equal settings are equal text."""
    values = {name: getattr(settings, name) for name in ("top_db", "frame_length", "hop_length", "floor_db")}
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def find_recordings(connection: Connection, sha256s: Iterable[str]) -> dict[str, int]:
    """Ids of the recordings with these contents, of those that the catalog knows."""
    wanted = list(sha256s)
    found: dict[str, int] = {}
    for chunk in chunks(wanted):
        of_content = recording.c.sha256.in_(chunk)
        rows = connection.execute(select(recording.c.sha256, recording.c.id).where(of_content))
        found.update((row.sha256, row.id) for row in rows)
    return found


def status_and_trim(connection: Connection, recording_id: int) -> tuple[str, str]:
    """A recording's status, and the trim settings that its whole clip came from."""
    row = connection.execute(
        select(recording.c.status, clip.c.trim)
        .join(clip, clip.c.recording_id == recording.c.id)
        .where(recording.c.id == recording_id, clip.c.kind == "whole")
    ).one()
    return row.status, row.trim


def replace_content(connection: Connection, recording_id: int, content: Content) -> list[int]:
    """Store a new analysis of a known recording; ids of the clips by which other scores come out now: those whose
    span, fingerprint or descriptor changed.

    A descriptor and measures that were not made this time stay while the span is the same. A recording that was
    forgotten meanwhile stays so.
    """
    old = connection.execute(
        select(clip).where(clip.c.recording_id == recording_id, clip.c.kind == "whole")
    ).one_or_none()
    if old is None:
        return []
    connection.execute(update(recording).where(recording.c.id == recording_id).values(content.columns()))
    whole = content.whole
    same_span = (old.start_frame, old.end_frame) == (whole.start_frame, whole.end_frame)
    if same_span and whole.descriptor is None:
        whole = replace(whole, descriptor=old.descriptor, descriptor_version=old.descriptor_version)
    connection.execute(update(clip).where(clip.c.id == old.id).values(whole.columns()))
    if whole.measures is not None or not same_span:
        measures.remove(connection, old.id)
    _store_measures(connection, [(old.id, whole)])
    same = same_span and old.fingerprint == whole.fingerprint and old.descriptor in (None, whole.descriptor)
    return [] if same else [old.id]


@dataclass(frozen=True)
class FirstSight:
    """Content that the catalog does not know yet, and where it was seen."""

    sha256: str
    content: Content
    sighting: Sighting


def add_first_seen(
    connection: Connection, batch_id: int, seen: Sequence[FirstSight], now: float
) -> list[int]:
    """Record new content at the places where it was seen, all in a few statements; ids, in the order given.

    The contents are distinct, and so are the places. As `add_recording` and `arrive`, without what can't be: a
    new recording has left no place, holds no corrections, and counts under the checkpoint of its one location.
    """
    here = _present_among(connection, [each.sighting.stored.path for each in seen])
    mark_missing(connection, [row.id for row in here.values() if row.recording_id is not None], now)
    checkpoints = {
        names: checkpoint_id(connection, *names)
        for names in dict.fromkeys(_named(each.sighting) for each in seen)
    }
    recording_ids = connection.scalars(
        insert(recording).returning(recording.c.id, sort_by_parameter_order=True),
        [
            {
                "sha256": each.sha256,
                "batch_id": batch_id,
                "role": each.sighting.role or "generated",
                "checkpoint_id": checkpoints[_named(each.sighting)],
                **each.content.columns(),
            }
            for each in seen
        ],
    ).all()
    clip_ids = connection.scalars(
        insert(clip).returning(clip.c.id, sort_by_parameter_order=True),
        [
            {"recording_id": recording_id, "kind": "whole", "ordinal": 0, **each.content.whole.columns()}
            for recording_id, each in zip(recording_ids, seen, strict=True)
        ],
    ).all()
    _store_measures(connection, zip(clip_ids, (each.content.whole for each in seen), strict=True))
    _add_locations(connection, batch_id, recording_ids, seen, checkpoints, here)
    return list(recording_ids)


def _store_measures(connection: Connection, clips: Iterable[tuple[int, WholeClip]]) -> None:
    measured = ((clip_id, whole.measures) for clip_id, whole in clips)
    measures.store(connection, ((clip_id, values) for clip_id, values in measured if values is not None))


def _add_locations(
    connection: Connection,
    batch_id: int,
    recording_ids: Sequence[int],
    seen: Sequence[FirstSight],
    checkpoints: Mapping[_Names, int | None],
    here: Mapping[bytes, Any],
) -> None:
    """Locations of new recordings; one that could not be read before, and so had none, becomes its own."""
    fresh = []
    for recording_id, each in zip(recording_ids, seen, strict=True):
        known = here.get(each.sighting.stored.path)
        if known is not None and known.recording_id is None:
            _touch(connection, known.id, each.sighting, recording_id)
            _fill_provenance(connection, known.id, each.sighting)
            refresh_checkpoint(connection, recording_id)
        else:
            fresh.append((recording_id, each.sighting))
    if not fresh:
        return
    location_ids = connection.scalars(
        insert(location).returning(location.c.id, sort_by_parameter_order=True),
        [
            _location_values(batch_id, recording_id, sighting, None, checkpoints[_named(sighting)])
            for recording_id, sighting in fresh
        ],
    ).all()
    attributes = [
        row
        for location_id, (_, sighting) in zip(location_ids, fresh, strict=True)
        for row in _attribute_rows(location_id, sighting.provenance.attributes, pinned=False)
    ]
    if attributes:
        connection.execute(insert(attribute), attributes)


def _present_among(connection: Connection, paths: Sequence[bytes]) -> dict[bytes, Any]:
    """The locations at these stored paths where something is said to be now."""
    found: dict[bytes, Any] = {}
    for chunk in chunks(paths):
        at = location.c.path.in_(chunk)
        statement = select(location).where(at, location.c.missing_since.is_(None))
        found.update((row.path, row) for row in connection.execute(statement))
    return found


def arrive(
    connection: Connection,
    root: Path,
    new_batch: Callable[[], int],
    recording_id: int,
    sighting: Sighting,
    now: float,
) -> Arrival:
    """Record that known content was seen at a path: there already, moved there, or one more copy.

    A file that moves with its folder stays what it is known to be, whatever that is called now; one that gets
    another name is what this says. `new_batch` is asked for the batch of this ingest where something changes
    but size and time.
    """
    here = _present_at(connection, sighting.stored.path)
    if here is not None and here.recording_id == recording_id:
        corrected = correct(connection, [here.id], sighting.stated, sighting.role)
        _touch(connection, here.id, sighting, recording_id)
        _fill_provenance(connection, here.id, sighting)
        refresh_checkpoint(connection, recording_id)
        if corrected:
            new_batch()
        return Arrival.CORRECTED if corrected else Arrival.UNCHANGED
    batch_id = new_batch()
    if here is not None and here.recording_id is not None:
        # other content at a known path: the old recording is missing, its history stays
        mark_missing(connection, [here.id], now)
    former = _place_left(connection, root, recording_id, sighting.stored.path)
    if former is not None:
        if here is not None and here.recording_id is None:
            forget_locations(connection, [here.id])
        _touch(connection, former.id, sighting, recording_id)
        if os.path.basename(former.path) == os.path.basename(sighting.stored.path):
            _fill_provenance(connection, former.id, sighting)
        else:
            _keep_provenance(connection, former.id, sighting.provenance, sighting.folder_run)
    elif here is not None and here.recording_id is None:  # what could not be read now can
        _touch(connection, here.id, sighting, recording_id)
        _keep_pins(connection, here.id, recording_id)
        _fill_provenance(connection, here.id, sighting)
    else:
        location_id = _add_location(connection, batch_id, recording_id, sighting)
        _keep_pins(connection, location_id, recording_id)
        _keep_provenance(connection, location_id, sighting.provenance, sighting.folder_run)
    if sighting.role is not None:
        _set_role(connection, [recording_id], sighting.role)
    refresh_checkpoint(connection, recording_id)
    return Arrival.COPY if former is None else Arrival.MOVED


def note_unopened(
    connection: Connection, new_batch: Callable[[], int], sighting: Sighting, reason: str
) -> bool:
    """Record a file that could not be read; whether that is news."""
    here = _present_at(connection, sighting.stored.path)
    if here is not None and here.recording_id is not None:
        # what was there may still be there behind its permissions: its location stays as it was
        return True
    if here is not None:
        if here.reason == reason:
            return False
        connection.execute(update(location).where(location.c.id == here.id).values(reason=reason))
        return True
    location_id = _add_location(connection, new_batch(), None, sighting, reason)
    _keep_provenance(connection, location_id, sighting.provenance, sighting.folder_run)
    return True


def leave(connection: Connection, path: bytes, now: float) -> None:
    """Note that what was known at a stored path is not there: something that is no clip took its place."""
    here = _present_at(connection, path)
    if here is not None:
        mark_missing(connection, [here.id], now)


def mark_missing(connection: Connection, location_ids: Iterable[int], now: float) -> None:
    """Note that nothing is at these locations any more; nothing else about them changes."""
    for location_id in location_ids:
        connection.execute(update(location).where(location.c.id == location_id).values(missing_since=now))


def correct(
    connection: Connection, location_ids: Sequence[int], stated: Provenance, role: str | None
) -> set[int]:
    """Let what is stated stand over what locations said before, and over their recordings' role; which changed."""
    changed = set(_disagreeing(connection, location_ids, stated))
    for location_id in sorted(changed):
        _keep_provenance(connection, location_id, stated, None)
        recording_id = connection.scalar(select(location.c.recording_id).where(location.c.id == location_id))
        if recording_id is not None:
            refresh_checkpoint(connection, recording_id)
    return changed if role is None else changed | _correct_role(connection, location_ids, role)


def _correct_role(connection: Connection, location_ids: Sequence[int], role: str) -> set[int]:
    changed: dict[int, int] = {}
    for chunk in chunks(location_ids):
        statement = (
            select(location.c.id, recording.c.id.label("recording_id"))
            .join(recording, recording.c.id == location.c.recording_id)
            .where(location.c.id.in_(chunk), recording.c.role != role)
        )
        changed.update((row.id, row.recording_id) for row in connection.execute(statement))
    _set_role(connection, sorted(set(changed.values())), role)
    return set(changed)


def _set_role(connection: Connection, recording_ids: Sequence[int], role: str) -> None:
    for recording_id in recording_ids:
        connection.execute(update(recording).where(recording.c.id == recording_id).values(role=role))


def _disagreeing(connection: Connection, location_ids: Sequence[int], stated: Provenance) -> Iterator[int]:
    """Those of the locations that say anything else than what is stated, found without a query for each."""
    if stated == Provenance():
        return
    for chunk in chunks(location_ids):
        here = location.c.id.in_(chunk)
        said: dict[int, dict[str, str]] = {}
        for row in connection.execute(
            select(attribute.c.location_id, attribute.c.key, attribute.c.text, attribute.c.pinned)
            .join(location, location.c.id == attribute.c.location_id)
            .where(here, attribute.c.key.in_(list(stated.attributes)))
        ):
            text = stated.attributes[row.key] if row.pinned else row.text  # a pin gives way to none of these
            said.setdefault(row.location_id, {})[row.key] = text
        for row in connection.execute(
            select(location.c.id, checkpoint.c.run, checkpoint.c.epoch, checkpoint.c.step)
            .outerjoin_from(location, checkpoint, checkpoint.c.id == location.c.checkpoint_id)
            .where(here)
        ):
            names = ((stated.run, row.run), (stated.epoch, row.epoch), (stated.step, row.step))
            agrees = all(wanted in (None, known) for wanted, known in names)
            if not agrees or said.get(row.id, {}) != dict(stated.attributes):
                yield int(row.id)


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
    same = {
        "run": run or "",
        "epoch": -1 if epoch is None else epoch,
        "step": -1 if step is None else step,
    }
    found = connection.scalar(_FIND_CHECKPOINT, same)
    if found is not None:
        return int(found)
    return insert_row(connection, checkpoint, {"run": run or None, "epoch": epoch, "step": step})


def set_attributes(
    connection: Connection, location_id: int, values: Mapping[str, str], *, pinned: bool
) -> None:
    """Store attributes of a location; a pinned one gives way only to another pin."""
    if not values:
        return
    connection.execute(_SET_ATTRIBUTES[pinned], _attribute_rows(location_id, values, pinned=pinned))


def _attribute_rows(location_id: int, values: Mapping[str, str], *, pinned: bool) -> list[dict[str, Any]]:
    return [
        {"location_id": location_id, "key": key, "text": text, "number": as_number(text), "pinned": pinned}
        for key, text in values.items()
    ]


def as_number(text: str) -> float | None:
    """The finite number that `text` is, if it is one."""
    try:
        number = number_of(text.strip())
    except UnfitError:
        return None
    return float(number) if abs(number) < float("inf") else None


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


def _add_location(
    connection: Connection,
    batch_id: int,
    recording_id: int | None,
    sighting: Sighting,
    reason: str | None = None,
) -> int:
    return insert_row(connection, location, _location_values(batch_id, recording_id, sighting, reason, None))


def _location_values(
    batch_id: int, recording_id: int | None, sighting: Sighting, reason: str | None, checkpoint_id: int | None
) -> dict[str, Any]:
    return {
        "checkpoint_id": checkpoint_id,
        "recording_id": recording_id,
        "batch_id": batch_id,
        "path": sighting.stored.path,
        "path_text": sighting.stored.path_text,
        "size": sighting.size,
        "mtime_ns": sighting.mtime_ns,
        "reason": reason,
    }


def _keep_pins(connection: Connection, location_id: int, recording_id: int) -> None:
    """What was corrected of a recording holds at each of its locations, the new one too."""
    pins = connection.execute(
        select(attribute.c.key, attribute.c.text)
        .join(location, location.c.id == attribute.c.location_id)
        .where(location.c.recording_id == recording_id, attribute.c.pinned)
    ).all()
    set_attributes(connection, location_id, {row.key: row.text for row in pins}, pinned=True)


def _present_at(connection: Connection, path: bytes) -> Any:
    """The location at a stored path where something is said to be now, or None."""
    return connection.execute(_PRESENT_AT, {"path": path}).one_or_none()


def _place_left(connection: Connection, root: Path, recording_id: int, path: bytes) -> Any:
    """The location that this recording left, or None: the one at the same path, else one whose file was
    called the same, else the earliest.

    Silence is the same wherever it comes from, and so is all that can't be used: that content was seen
    elsewhere once is no sign that a file of another name was moved.
    """
    name = os.path.basename(path)
    statement = (
        select(location, recording.c.sha256, recording.c.status)
        .join(recording, recording.c.id == location.c.recording_id)
        .where(
            location.c.recording_id == recording_id,
            recording.c.status.in_(USABLE_STATUSES)
            | location.c.path_text.endswith(display_text(name), autoescape=True),
        )
        .order_by(location.c.id)
    )
    known = sorted(
        (
            row
            for row in connection.execute(statement)
            if row.status in USABLE_STATUSES or os.path.basename(row.path) == name
        ),
        key=lambda row: (row.path != path, os.path.basename(row.path) != name),
    )
    return next((row for row in known if row.missing_since is not None or _has_left(row, root)), None)


def _has_left(row: Any, root: Path) -> bool:
    """Whether a location's content is clearly not at its path any more, though nobody has noted it."""
    from thresher.catalog.audio import sha256_file  # loads what listings and decisions don't need

    path = from_stored(row.path, root)
    try:
        now = os.stat(path)
        if (now.st_size, now.st_mtime_ns) == (row.size, row.mtime_ns):
            return False
        return sha256_file(path) != str(row.sha256)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, AudioError):
        return False


def _checkpoint_of(connection: Connection, location_id: int) -> Provenance:
    row = connection.execute(
        select(checkpoint.c.run, checkpoint.c.epoch, checkpoint.c.step)
        .join(location, location.c.checkpoint_id == checkpoint.c.id)
        .where(location.c.id == location_id)
    ).one_or_none()
    return Provenance() if row is None else Provenance(row.run, row.epoch, row.step)


def _keep_provenance(
    connection: Connection, location_id: int, stated: Provenance, folder_run: str | None
) -> None:
    """What is stated now stands; what is not stated stays as it was known."""
    _name_checkpoint(connection, location_id, stated, _checkpoint_of(connection, location_id), folder_run)
    set_attributes(connection, location_id, stated.attributes, pinned=False)


def _fill_provenance(connection: Connection, location_id: int, sighting: Sighting) -> None:
    """What was known of a file at this path stays – the same name says nothing new – but for the flags."""
    known, said = _checkpoint_of(connection, location_id), sighting.provenance
    first = _either(sighting.stated, known)
    _name_checkpoint(connection, location_id, first, said, sighting.folder_run)
    rows = _attribute_rows(location_id, said.attributes, pinned=False)
    if rows:
        connection.execute(upsert(attribute).on_conflict_do_nothing(), rows)
    set_attributes(connection, location_id, sighting.stated.attributes, pinned=False)


def _name_checkpoint(
    connection: Connection, location_id: int, first: Provenance, second: Provenance, folder_run: str | None
) -> None:
    named = _either(first, second)
    run = folder_run if named.run is None else named.run
    found = checkpoint_id(connection, run, named.epoch, named.step)
    connection.execute(update(location).where(location.c.id == location_id).values(checkpoint_id=found))


_Names = tuple[str | None, int | None, int | None]


def _named(sighting: Sighting) -> _Names:
    """Run, epoch and step of what was seen."""
    said = sighting.provenance
    return sighting.folder_run if said.run is None else said.run, said.epoch, said.step


def _either(first: Provenance, second: Provenance) -> Provenance:
    """Run, epoch and step of the first, and where it names none, of the second."""
    return Provenance(
        second.run if first.run is None else first.run,
        second.epoch if first.epoch is None else first.epoch,
        second.step if first.step is None else first.step,
    )


def forget_locations(connection: Connection, location_ids: Iterable[int]) -> None:
    """Take locations out of the catalog, with their attributes."""
    for location_id in location_ids:
        connection.execute(delete(location).where(location.c.id == location_id))
