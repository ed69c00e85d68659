"""Attribution: the checkpoint that wrote a recording, its role and its attributes.

Each location keeps what its path, its sidecar and the flags of an ingest say. A recording's checkpoint is the
corrected one, else that of its earliest location that names an epoch or a step, else of the earliest that names a
run. The functions run inside the caller's transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, func, insert, select, update

from thresher.catalog.database.database import chunks, insert_row
from thresher.catalog.database.digests import removed_digests
from thresher.catalog.database.portable_sql import upsert
from thresher.catalog.database.schema import attribute, checkpoint, location, recording
from thresher.catalog.provenance.provenance import Provenance
from thresher.catalog.text.normal_form import forms_of, nfc
from thresher.catalog.text.values import UnfitError, number_of

# Statements that run for every new file are built once: building one costs more than running it.
_FIND_CHECKPOINT = select(checkpoint.c.id).where(
    func.coalesce(checkpoint.c.run, "") == bindparam("run"),
    func.coalesce(checkpoint.c.epoch, -1) == bindparam("epoch"),
    func.coalesce(checkpoint.c.step, -1) == bindparam("step"),
)
_ADD_ATTRIBUTES = upsert(attribute)
_SET_ATTRIBUTES = {
    pinned: _ADD_ATTRIBUTES.on_conflict_do_update(
        index_elements=["location_id", "key"],
        set_={
            **{name: _ADD_ATTRIBUTES.excluded[name] for name in ("text", "number", "pinned")},
            **removed_digests(attribute),
        },
        where=None if pinned else ~attribute.c.pinned,
    )
    for pinned in (False, True)
}


# -- checkpoints -------------------------------------------------------------------------------------------


def checkpoint_id(connection: Connection, run: str | None, epoch: int | None, step: int | None) -> int | None:
    """Return the id of a checkpoint, which is added if it is new; None if run, epoch and step are all None."""
    if run is None and epoch is None and step is None:
        return None
    numbers = {"epoch": -1 if epoch is None else epoch, "step": -1 if step is None else step}
    for form in forms_of(run or ""):  # earlier versions stored the form that the file system had
        found = connection.scalar(_FIND_CHECKPOINT, {"run": form, **numbers})
        if found is not None:
            return int(found)
    return insert_row(connection, checkpoint, {"run": run or None, "epoch": epoch, "step": step})


def refresh_checkpoint(connection: Connection, recording_id: int) -> None:
    """Set a recording's checkpoint to that of its earliest location that names one, unless it is pinned.

    A location that names an epoch or a step comes before one that names a run only: most runs are names of folders,
    and a copy in a folder such as `best` does not take the epoch from its recording.
    """
    names_run_only = checkpoint.c.epoch.is_(None) & checkpoint.c.step.is_(None)
    earliest = (
        select(location.c.checkpoint_id)
        .join(checkpoint, checkpoint.c.id == location.c.checkpoint_id)
        .where(location.c.recording_id == recording_id)
        .order_by(case((names_run_only, 1), else_=0), location.c.id)
        .limit(1)
        .scalar_subquery()
    )
    connection.execute(
        update(recording)
        .where(recording.c.id == recording_id, ~recording.c.checkpoint_pinned)
        .values(checkpoint_id=earliest)
    )


# -- attributes --------------------------------------------------------------------------------------------


def set_attributes(
    connection: Connection, location_id: int, values: Mapping[str, str], *, pinned: bool
) -> None:
    """Store attributes of a location. Only a pinned value replaces a pinned one."""
    if not values:
        return
    connection.execute(_SET_ATTRIBUTES[pinned], _attribute_rows(location_id, values, pinned=pinned))


def add_attributes(connection: Connection, of_locations: Mapping[int, Mapping[str, str]]) -> None:
    """Store the attributes of new locations, by their ids, in one statement."""
    rows = [
        row
        for location_id, values in of_locations.items()
        for row in _attribute_rows(location_id, values, pinned=False)
    ]
    if rows:
        connection.execute(insert(attribute), rows)


def copy_pinned_attributes(connection: Connection, location_id: int, recording_id: int) -> None:
    """Give a new location of a recording the attributes that were corrected: they hold at every location."""
    pins = connection.execute(
        select(attribute.c.key, attribute.c.text)
        .join(location, location.c.id == attribute.c.location_id)
        .where(location.c.recording_id == recording_id, attribute.c.pinned)
        .order_by(location.c.id)
    ).all()
    set_attributes(connection, location_id, {row.key: row.text for row in pins}, pinned=True)


def remove_squeezed(connection: Connection, location_id: int, values: Mapping[str, str]) -> set[int]:
    """Delete attributes under the names that earlier versions made of these keys: `lora_` of `lora2`.

    Return the location's id if there were any. Corrected values and other values are kept.
    """
    former: dict[str, set[str]] = {}
    for key, text in values.items():
        squeezed = re.sub("[^a-z_]", "_", key.lower())
        for name in {squeezed, f"sidecar_{squeezed}"} - set(values):
            former.setdefault(name, set()).add(_plain_text(text))
    of_location = (attribute.c.location_id == location_id) & ~attribute.c.pinned
    stored = connection.execute(select(attribute.c.key, attribute.c.text).where(of_location)).all()
    gone = [row.key for row in stored if _plain_text(row.text) in former.get(row.key, ())]
    if gone:
        connection.execute(delete(attribute).where(of_location, attribute.c.key.in_(gone)))
    return {location_id} if gone else set()


def _plain_text(text: str) -> str:
    """Return a number as earlier versions wrote it, and other text as it is."""
    number = as_number(text)
    return text if number is None else repr(number)


def as_number(text: str) -> float | None:
    """Return the finite number that `text` spells, or None."""
    try:
        number = number_of(text.strip())
    except UnfitError:
        return None
    return float(number) if abs(number) < float("inf") else None


def _attribute_rows(location_id: int, values: Mapping[str, str], *, pinned: bool) -> list[dict[str, Any]]:
    return [
        {"location_id": location_id, "key": key, "text": text, "number": as_number(text), "pinned": pinned}
        for key, text in values.items()
    ]


# -- the provenance of a location --------------------------------------------------------------------------


def overwrite_provenance(
    connection: Connection, location_id: int, provenance: Provenance, folder_run: str | None
) -> None:
    """Store the provenance of a location. Where `provenance` has no value, the stored one is kept."""
    _name_checkpoint(connection, location_id, provenance, _checkpoint_of(connection, location_id), folder_run)
    set_attributes(connection, location_id, provenance.attributes, pinned=False)


def complete_provenance(
    connection: Connection,
    location_id: int,
    provenance: Provenance,
    flags: Provenance,
    folder_run: str | None,
) -> None:
    """Store only those values of `provenance` that are not known yet; `flags` replace known values.

    This is for a file that was seen before under the same name.
    """
    known = _checkpoint_of(connection, location_id)
    _name_checkpoint(connection, location_id, _filled(flags, known), provenance, folder_run)
    rows = _attribute_rows(location_id, provenance.attributes, pinned=False)
    if rows:
        connection.execute(upsert(attribute).on_conflict_do_nothing(), rows)
    set_attributes(connection, location_id, flags.attributes, pinned=False)


def _name_checkpoint(
    connection: Connection, location_id: int, first: Provenance, second: Provenance, folder_run: str | None
) -> None:
    named = _filled(first, second)
    run = folder_run if named.run is None else named.run
    found = checkpoint_id(connection, run, named.epoch, named.step)
    connection.execute(update(location).where(location.c.id == location_id).values(checkpoint_id=found))


def read_provenance(connection: Connection, location_ids: Sequence[int]) -> dict[int, Provenance]:
    """Return what is stored about locations, by their ids."""
    found: dict[int, Provenance] = {}
    for chunk in chunks(location_ids):
        here = location.c.id.in_(chunk)
        attributes: dict[int, dict[str, str]] = {}
        for row in connection.execute(
            select(attribute.c.location_id, attribute.c.key, attribute.c.text)
            .join(location, location.c.id == attribute.c.location_id)
            .where(here)
            .order_by(attribute.c.key)
        ):
            attributes.setdefault(row.location_id, {})[row.key] = row.text
        for at in connection.execute(
            select(location.c.id, checkpoint.c.run, checkpoint.c.epoch, checkpoint.c.step)
            .outerjoin_from(location, checkpoint, checkpoint.c.id == location.c.checkpoint_id)
            .where(here)
        ):
            found[at.id] = Provenance(at.run, at.epoch, at.step, attributes.get(at.id, {}))
    return found


def stored_run(connection: Connection, location_id: int) -> tuple[str | None, int]:
    """Return the run that is stored for a location, and the batch that added the location."""
    added = connection.scalar(select(location.c.batch_id).where(location.c.id == location_id))
    return _checkpoint_of(connection, location_id).run, int(added or 0)


def _checkpoint_of(connection: Connection, location_id: int) -> Provenance:
    row = connection.execute(
        select(checkpoint.c.run, checkpoint.c.epoch, checkpoint.c.step)
        .join(location, location.c.checkpoint_id == checkpoint.c.id)
        .where(location.c.id == location_id)
    ).one_or_none()
    return Provenance() if row is None else Provenance(row.run, row.epoch, row.step)


def _filled(first: Provenance, second: Provenance) -> Provenance:
    """Return run, epoch and step of `first`, with those of `second` where `first` has None."""
    return Provenance(
        second.run if first.run is None else first.run,
        second.epoch if first.epoch is None else first.epoch,
        second.step if first.step is None else first.step,
    )


# -- corrections by an ingest ------------------------------------------------------------------------------


def correct(
    connection: Connection, location_ids: Sequence[int], stated: Provenance, role: str | None
) -> set[int]:
    """Replace what is known about locations by what is `stated`, and the role of their recordings by `role`.

    Values that `stated` does not have are kept; a `role` of None keeps the roles. Return the ids of the
    locations that changed.
    """
    changed = set(_disagreeing(connection, location_ids, stated))
    for location_id in sorted(changed):
        overwrite_provenance(connection, location_id, stated, None)
        recording_id = connection.scalar(select(location.c.recording_id).where(location.c.id == location_id))
        if recording_id is not None:
            refresh_checkpoint(connection, recording_id)
    return changed if role is None else changed | _correct_role(connection, location_ids, role)


def set_role(connection: Connection, recording_ids: Sequence[int], role: str) -> None:
    """Set the role of recordings."""
    for recording_id in recording_ids:
        connection.execute(update(recording).where(recording.c.id == recording_id).values(role=role))


def _correct_role(connection: Connection, location_ids: Sequence[int], role: str) -> set[int]:
    changed: dict[int, int] = {}
    for chunk in chunks(location_ids):
        statement = (
            select(location.c.id, recording.c.id.label("recording_id"))
            .join(recording, recording.c.id == location.c.recording_id)
            .where(location.c.id.in_(chunk), recording.c.role != role)
        )
        changed.update((row.id, row.recording_id) for row in connection.execute(statement))
    set_role(connection, sorted(set(changed.values())), role)
    return set(changed)


def _disagreeing(connection: Connection, location_ids: Sequence[int], stated: Provenance) -> Iterator[int]:
    """Find the locations that contradict what is stated, without a query for each location."""
    if stated == Provenance():
        return
    for chunk in chunks(location_ids):
        here = location.c.id.in_(chunk)
        stored: dict[int, dict[str, str]] = {}
        for row in connection.execute(
            select(attribute.c.location_id, attribute.c.key, attribute.c.text, attribute.c.pinned)
            .join(location, location.c.id == attribute.c.location_id)
            .where(here, attribute.c.key.in_(list(stated.attributes)))
        ):
            # an ingest never replaces a pinned value, so a pinned value never disagrees
            text = stated.attributes[row.key] if row.pinned else row.text
            stored.setdefault(row.location_id, {})[row.key] = text
        for row in connection.execute(
            select(location.c.id, checkpoint.c.run, checkpoint.c.epoch, checkpoint.c.step)
            .outerjoin_from(location, checkpoint, checkpoint.c.id == location.c.checkpoint_id)
            .where(here)
        ):
            run = None if row.run is None else nfc(row.run)
            names = (
                (stated.run and nfc(stated.run), run),
                (stated.epoch, row.epoch),
                (stated.step, row.step),
            )
            agrees = all(wanted in (None, known) for wanted, known in names)
            if not agrees or stored.get(row.id, {}) != dict(stated.attributes):
                yield int(row.id)
