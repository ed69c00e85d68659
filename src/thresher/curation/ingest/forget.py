"""Forget: undo the ingest of a wrong folder. Files are never touched.

Locations are deleted, and each recording with its last location and with all its parts. A recording about which
there are decisions, in which there are marks, or which a rendering contains, is kept, and its locations are marked
missing: nobody's work is lost.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from thresher.catalog.catalog import Catalog
from thresher.catalog.catalog_backups import backup_before
from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import attribute, clip, location, recording, rendering_clip, score_row
from thresher.catalog.decisions.fields import judged_clips
from thresher.catalog.decisions.journal import note_event
from thresher.catalog.files.paths import Roots, absolute, display_text
from thresher.catalog.recordings import attribution, locations
from thresher.catalog.scores import scores
from thresher.catalog.text.normal_form import nfc
from thresher.catalog.text.values import whole_number
from thresher.errors import NotFoundError, ThresherError, UsageError
from thresher.formatting import counted


@dataclass(frozen=True)
class ForgetReport:
    """The numbers of forgotten locations, of recordings forgotten with them, and of recordings that were kept.

    `locations` includes those of kept recordings, which are marked missing. Kept recordings that were missing
    already are not counted.
    """

    locations: int
    recordings: int
    kept: int
    dry_run: bool


@dataclass(frozen=True)
class _Plan:
    """What to forget: locations of recordings that have others, and recordings with their `places`.

    `absent` are the locations of kept recordings that are to be marked missing.
    """

    locations: list[int]
    attributed_again: list[int]
    recordings: list[int]
    places: list[int]
    kept: list[int]
    absent: list[int]

    def report(self, *, dry_run: bool) -> ForgetReport:
        places = len(self.locations) + len(self.places) + len(self.absent)
        return ForgetReport(places, len(self.recordings), len(self.kept), dry_run)


def forget(catalog: Catalog, target: str, *, dry_run: bool = False) -> ForgetReport:
    """Forget all locations at or below a path, or those that `batch:N` added, after a backup.

    Nothing happens, and no backup is made, if all recordings there are kept and missing already. Raises
    NotFoundError if the catalog knows no file there, UsageError for an empty target or an invalid batch,
    CatalogError if no backup can be made.
    """
    if not target:
        raise UsageError("no path or batch given (expected a path, or batch:N)")
    path, roots = absolute(target), catalog.roots.as_now()  # which look at files, so before the transaction
    with catalog.reading() as connection:
        report = _plan(connection, _find(roots, connection, target, path)).report(dry_run=dry_run)
    if dry_run or report.locations == 0:
        return report
    backup_before(catalog, "nothing was forgotten")

    def carry_out(connection: Connection) -> ForgetReport:
        plan = _plan(connection, _find(roots, connection, target, path))
        _carry_out(connection, plan)
        report = plan.report(dry_run=False)
        note_event(connection, "forget", f"forget {target}: {counted(report.locations, 'file')}")
        return report

    return catalog.write(carry_out)


def _find(roots: Roots, connection: Connection, target: str, path: bytes) -> list[int]:
    """Return the locations that a target names, by its absolute path unless it is a batch.

    Raises NotFoundError or UsageError if it names none.
    """
    if target.startswith("batch:"):
        found = _batch_locations(connection, target)
    else:
        found = _locations(roots, connection, path)
    if not found:
        raise _nothing_there(connection, target)
    return found


def _nothing_there(connection: Connection, target: str) -> ThresherError:
    """The error for a target without files, which may be the id of a clip."""
    number = (whole_number(target) or 0) if target.isascii() and target.isdigit() else 0
    if connection.scalar(select(clip.c.id).where(clip.c.id == number)) is None:
        return NotFoundError(f'no file of "{target}" is in the catalog; `thresher batches` lists the ingests')
    return UsageError(
        f"{target} is a clip, and only files can be forgotten, with all their clips; give a path or batch:N, or "
        f"`thresher reject {target}` the clip"
    )


def _batch_locations(connection: Connection, target: str) -> list[int]:
    number = target.removeprefix("batch:")
    if not (number.isascii() and number.isdigit()):
        raise UsageError(f'"{target}" is not batch:N; `thresher batches` shows the numbers')
    of_batch = select(location.c.id).where(location.c.batch_id == (whole_number(number) or 0))
    return list(connection.scalars(of_batch.order_by(location.c.id)))


def _locations(roots: Roots, connection: Connection, path: bytes) -> list[int]:
    """Return the locations at and below a path: by its bytes, else by its text in one normal form of Unicode."""
    columns = (location.c.id, location.c.root, location.c.path)
    known = {
        row.id: here
        for row in connection.execute(select(*columns).order_by(location.c.id))
        if (here := roots.absolute(row.root, row.path)) is not None
    }
    prefix = path.rstrip(b"/") + b"/"
    found = [each for each, here in known.items() if here == path or here.startswith(prefix)]
    if found or path.isascii():
        return found
    text, start = nfc(display_text(path)), nfc(display_text(prefix))
    forms = {each: nfc(display_text(here)) for each, here in known.items()}
    return [each for each, here in forms.items() if here == text or here.startswith(start)]


def _plan(connection: Connection, location_ids: Sequence[int]) -> _Plan:
    touched = sorted(_recordings_at(connection, location_ids))
    all_locations = _all_locations(connection, touched)
    named = set(location_ids)
    without_location = [each for each in touched if named.issuperset(all_locations[each])]
    history = _history(connection, without_location)
    present = locations.not_missing(
        connection, [place for each in sorted(history) for place in all_locations[each]]
    )
    forgotten = [each for each in without_location if each not in history]
    for each in without_location:
        named.difference_update(all_locations[each])
    return _Plan(
        sorted(named),
        sorted(set(touched).difference(without_location)),
        forgotten,
        [place for each in forgotten for place in all_locations[each]],
        sorted(each for each in history if not present.isdisjoint(all_locations[each])),
        sorted(present),
    )


def _carry_out(connection: Connection, plan: _Plan) -> None:
    locations.mark_missing(connection, plan.absent, time.time())
    _forget_recordings(connection, plan.recordings)
    locations.forget_locations(connection, plan.locations)
    for recording_id in plan.attributed_again:
        attribution.refresh_checkpoint(connection, recording_id)


def _recordings_at(connection: Connection, location_ids: Sequence[int]) -> set[int]:
    found: set[int] = set()
    for chunk in chunks(location_ids):
        is_here = location.c.id.in_(chunk) & location.c.recording_id.is_not(None)
        found.update(connection.scalars(select(location.c.recording_id).where(is_here)))
    return found


def _all_locations(connection: Connection, recording_ids: Sequence[int]) -> dict[int, list[int]]:
    """Return the ids of all locations of each recording."""
    found: dict[int, list[int]] = {recording_id: [] for recording_id in recording_ids}
    for chunk in chunks(recording_ids):
        statement = select(location.c.recording_id, location.c.id).where(location.c.recording_id.in_(chunk))
        for row in connection.execute(statement.order_by(location.c.id)):
            found[row.recording_id].append(row.id)
    return found


def _history(connection: Connection, recording_ids: Sequence[int]) -> set[int]:
    """Return the recordings that decisions or renderings refer to."""
    history: set[int] = set()
    for chunk in chunks(recording_ids):
        of_clip = {
            row.id: row.recording_id
            for row in connection.execute(
                select(clip.c.id, clip.c.recording_id).where(clip.c.recording_id.in_(chunk))
            )
        }
        history.update(of_clip[clip_id] for clip_id in judged_clips(connection, list(of_clip)))
        for statement in (
            select(clip.c.recording_id).where(
                clip.c.recording_id.in_(chunk), clip.c.kind == "marked", ~clip.c.removed
            ),
            select(clip.c.recording_id)
            .join(rendering_clip, rendering_clip.c.clip_id == clip.c.id)
            .where(clip.c.recording_id.in_(chunk)),
            select(recording.c.id).where(recording.c.id.in_(chunk), recording.c.checkpoint_pinned),
            select(location.c.recording_id)
            .join(attribute, attribute.c.location_id == location.c.id)
            .where(location.c.recording_id.in_(chunk), attribute.c.pinned),
        ):
            history.update(connection.scalars(statement))
    return history


def _forget_recordings(connection: Connection, recording_ids: Sequence[int]) -> None:
    clip_ids = [
        int(clip_id)
        for chunk in chunks(recording_ids)
        for clip_id in connection.scalars(select(clip.c.id).where(clip.c.recording_id.in_(chunk)))
    ]
    scores.retire(connection, clip_ids)  # all at once, because each call reads the whole matrix
    for chunk in chunks(clip_ids):
        connection.execute(update(score_row).where(score_row.c.clip_id.in_(chunk)).values(clip_id=None))
    for chunk in chunks(recording_ids):
        connection.execute(delete(recording).where(recording.c.id.in_(chunk)))
