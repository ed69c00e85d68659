"""Make decisions: assign values to fields, and add the assignments that changed one to the journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from thresher.catalog.decisions.fields import field_of
from thresher.catalog.decisions.journal import Assignment, Change, Decision, add_entry


def decide(
    connection: Connection, verb: str, summary: str, assignments: Iterable[Assignment]
) -> Decision | None:
    """Make assignments and add those that changed a value to the journal, as one decision; None if none did."""
    changes = []
    for new in assignments:
        kind = field_of(new.entity, new.field)
        before = kind.read(connection, new.id, new.field)
        if before != new.value:
            kind.write(connection, new.id, new.field, new.value)
            changes.append(Change(new.entity, new.id, new.field, before, new.value))
    follow(connection, changes)
    return add_entry(connection, verb, summary, changes) if changes else None


_OF_CLIPS = frozenset([("clip", "removed"), ("recording", "split")])


def changes_clips(changes: Iterable[Change]) -> bool:
    """Return whether changes remove clips, bring them back, or hide or show the wholes of recordings."""
    return any((change.entity, change.field) in _OF_CLIPS for change in changes)


def follow(connection: Connection, changes: Sequence[Change]) -> None:
    """Bring the score matrices up to date after changes."""
    if changes_clips(changes):
        from thresher.catalog.scores import scores  # loads numpy, which other decisions do not need

        removed = [change.id for change in changes if change.field == "removed" and change.after]
        if any(change.field == "split" for change in changes):
            scores.follow_clips(connection, removed)
        else:  # no clip is hidden or shown, so that only the nearest clips of the removed ones change
            scores.retire(connection, removed)
