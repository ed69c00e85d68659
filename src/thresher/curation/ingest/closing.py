"""Close an ingest: corrections of unchanged files, files that can't be opened, and files that are gone.

`prepare` looks at the file system; `close` then writes, in one transaction, without touching a file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, FromClause, exists, func, select, true

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import FAILED_STATUSES, batch, clip, location, recording
from thresher.catalog.files.paths import Place, Roots, display_text
from thresher.catalog.files.stamps import NO_STAMP
from thresher.catalog.provenance.provenance import Provenance
from thresher.catalog.recordings import attribution, locations
from thresher.catalog.recordings.clip_source import IS_SHOWN
from thresher.curation.comparison.suspects import UNEXAMINED
from thresher.curation.ingest.linked import linked_clips
from thresher.curation.ingest.overwritten import overwritten_files
from thresher.curation.ingest.reading import ReadFile, read_names
from thresher.curation.ingest.report import Failure, Tally
from thresher.curation.ingest.rereading import note_reread
from thresher.curation.ingest.run import WITHOUT_SCORES, IngestRun
from thresher.curation.ingest.scan import FoundFile, Scan
from thresher.curation.ingest.storing import note_unopened, warn
from thresher.errors import NotFoundError

FEWEST_GONE = 10
"""An unplugged drive is suspected if at least this many files, and more than half of a folder, are gone."""


@dataclass(frozen=True)
class Closing:
    """What the last transaction of an ingest has to store.

    `reread` maps the locations of unchanged files to what their names and sidecars say now. `unopened` are files
    that can't be opened, with the reasons. `absent` are the places below the scanned folders where a known file
    is gone; `roots` are those of the catalog as they were then.
    """

    reread: Mapping[int, ReadFile]
    unopened: Sequence[tuple[ReadFile, str]]
    absent: frozenset[Place]
    roots: Roots


def prepare(run: IngestRun) -> Closing:
    """Read the names and sidecars that matter, and find the known files that are gone."""
    reread = {}
    if run.options.reread:
        reread = {location_id: read_names(run, found) for location_id, found in run.known.unchanged.items()}
    unopened = [
        (read_names(run, FoundFile(problem.path, problem.root, NO_STAMP)), problem.reason)
        for problem in run.scan.problems
        if not problem.is_folder
    ]
    roots = run.catalog.roots.as_now()
    return Closing(reread, unopened, _absent_paths(run, roots), roots)


def close(run: IngestRun, connection: Connection, closing: Closing, tally: Tally) -> None:
    """Store what `prepare` found, and finish the batch."""
    changed = _correct(run, connection, closing, tally)
    if changed:
        run.batch.begin(connection)
    # the others have been counted when they were stored
    corrected = len(changed & run.known.unchanged.keys())
    tally.counts["corrected"] += corrected
    tally.counts["unchanged"] -= corrected
    for problem in run.scan.problems:
        if problem.is_folder:
            tally.failures.append(Failure(display_text(problem.path), "unreadable folder", problem.reason))
    for file, reason in closing.unopened:
        note_unopened(run, connection, file, reason, tally)
    earlier = _unreported(run, connection, tally)
    if earlier:
        run.batch.begin(connection)  # when it is finished, they are reported
        tally.failures += earlier
    gone = _gone(run, connection, closing, tally) if closing.absent else []
    if gone:
        run.batch.begin(connection)
        locations.mark_missing(connection, gone, time.time())
        tally.counts["missing"] = len(gone)
    if tally.displaced:
        tally.overwritten = overwritten_files(connection, tally.displaced, tally.songs or {})
        tally.counts["overwritten"] = len(tally.overwritten)
    if tally.keys:
        tally.linked = linked_clips(connection, tally.keys)
    roots = {found.root: run.catalog.stored_absolute(found.root) for found in run.scan.files}
    tally.warnings += run.stability.store(connection, roots)
    run.batch.record(connection, tally.counts, finished_at=time.time(), failed=len(tally.failures))


def _unreported(run: IngestRun, connection: Connection, tally: Tally) -> list[Failure]:
    """Return the unusable files that an interrupted ingest of the same paths has found and never reported."""
    is_reported, later = _is_reported(connection), batch.alias()
    is_reported_later = (later.c.id > batch.c.id) & (later.c.paths == batch.c.paths) & is_reported(later)
    rows = connection.execute(
        select(
            location.c.root,
            location.c.path,
            location.c.path_text,
            location.c.reason,
            recording.c.status,
            recording.c.reason.label("unusable"),
        )
        .select_from(location.join(batch).outerjoin(recording, recording.c.id == location.c.recording_id))
        .where(
            ~is_reported(batch),
            batch.c.id != (run.batch.id or 0),
            batch.c.paths == run.batch.paths,
            ~exists().where(is_reported_later),
            location.c.missing_since.is_(None),
            recording.c.id.is_(None) | recording.c.status.in_(FAILED_STATUSES),
        )
        .order_by(location.c.id)
    )
    paths = [found.path for found in run.scan.files] + [problem.path for problem in run.scan.problems]
    scanned = {run.catalog.stored_absolute(path).place for path in paths}
    told = {failure.path for failure in tally.failures}
    return [
        Failure(row.path_text, row.status or "unreadable", row.unusable or row.reason or "")
        for row in rows
        if locations.place_of(row) in scanned and row.path_text not in told
    ]


def _is_reported(connection: Connection) -> Callable[[FromClause], ColumnElement[bool]]:
    """Return a condition for batches: the ingest ended, and reported what it had found.

    At its end an ingest examines all clips, unless it was not to score them.
    """
    first_unexamined = connection.scalar(
        select(func.min(recording.c.batch_id))
        .join(clip, clip.c.recording_id == recording.c.id)
        .where(UNEXAMINED, IS_SHOWN, recording.c.role == "generated", clip.c.kind == "whole")
    )  # parts and marks may have been made since

    def is_reported(of: FromClause) -> ColumnElement[bool]:
        is_examined = true() if first_unexamined is None else of.c.id < first_unexamined
        return of.c.finished_at.is_not(None) & (of.c.options.contains(WITHOUT_SCORES) | is_examined)

    return is_reported


def check_vanished(catalog: Catalog, scan: Scan) -> None:
    """Raise NotFoundError for a given path that does not exist and at which the catalog knows no file."""
    if not scan.vanished:
        return
    with catalog.reading() as connection:
        known = _present_files(catalog.roots.as_now(), connection)
    occupied = {above for path in known.values() for above in _with_folders(path)}
    for path in scan.vanished:
        if _bare(path) not in occupied:
            raise NotFoundError(
                f'"{display_text(path)}" can\'t be ingested: there is no such file or folder, and no file of the '
                "catalog was there; give another path"
            )


def _present_files(roots: Roots, connection: Connection) -> dict[Place, bytes]:
    """Return the absolute paths of files that are not marked missing, as far as this machine has their roots."""
    rows = connection.execute(
        select(location.c.root, location.c.path).where(location.c.missing_since.is_(None))
    )
    return {
        Place(root, stored): path
        for root, stored in rows
        if (path := roots.absolute(root, stored)) is not None
    }


def _absent_paths(run: IngestRun, roots: Roots) -> frozenset[Place]:
    folders = set(map(_bare, (*run.scan.folders, *run.scan.vanished)))
    if not folders:
        return frozenset()
    present = {found.path for found in run.scan.files}
    with run.catalog.reading() as connection:
        known = _present_files(roots, connection)
    return frozenset(
        place
        for place, path in known.items()
        if path not in present and not folders.isdisjoint(_with_folders(path)) and _is_gone(path)
    )


def _is_gone(path: bytes) -> bool:
    """Return whether there is no file at `path`; an unreadable folder proves nothing."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _with_folders(path: bytes) -> Iterator[bytes]:
    """Yield an absolute path and all folders that contain it, the innermost first; the last one is empty."""
    path = _bare(path)
    yield path
    while path:
        path = path[: path.rfind(b"/")]
        yield path


def _bare(folder: bytes) -> bytes:
    return folder.rstrip(b"/")


def _correct(run: IngestRun, connection: Connection, closing: Closing, tally: Tally) -> set[int]:
    """Store what flags, or names that were read again, say about known files; return the changed locations.

    Flags are stored again for the files that this ingest has stored, because another one may have replaced them
    meanwhile: of two ingests at once, the one that ends last has the last word on every file of both.
    """
    options = run.options
    changed = _reread(connection, closing.reread, tally) if options.reread else set()
    if options.role is None and options.stated() == Provenance():
        return changed
    stored = locations.present_among(connection, list(tally.stored)).values()
    known = sorted({*run.known.unchanged, *(int(row.id) for row in stored)})
    return changed | attribution.correct(connection, known, options.stated(), options.role)


def _reread(connection: Connection, reread: Mapping[int, ReadFile], tally: Tally) -> set[int]:
    """Replace what names and sidecars said by what they say now; return the changed locations."""
    before = attribution.read_provenance(connection, list(reread))
    changed: set[int] = set()
    for location_id, file in reread.items():
        warn(file, tally)
        changed |= locations.correct_by(connection, location_id, file.sighting)
    after = attribution.read_provenance(connection, sorted(changed))
    for location_id in sorted(changed):
        note_reread(tally, reread[location_id].found, before[location_id], after[location_id])
    return changed


@dataclass
class _Known:
    """The number of files that were known at or below a given path, and the locations of those that are gone."""

    files: int = 0
    gone: list[int] = field(default_factory=list)


def _gone(run: IngestRun, connection: Connection, closing: Closing, tally: Tally) -> list[int]:
    """Return the locations at absent paths, without those of a folder that seems to be on an unplugged drive.

    Locations that this ingest added say nothing about what it did not find.
    """
    is_older = location.c.batch_id != (run.batch.id or 0)
    columns = (location.c.id, location.c.root, location.c.path)
    known = [
        (int(row.id), locations.place_of(row), path)
        for row in connection.execute(select(*columns).where(location.c.missing_since.is_(None), is_older))
        if (path := closing.roots.absolute(row.root, row.path)) is not None
    ]
    folders = {_bare(folder): _Known() for folder in (*run.scan.folders, *run.scan.vanished)}
    for location_id, place, path in known:
        for here in filter(None, map(folders.get, _with_folders(path))):
            here.files += 1
            here.gone += [location_id] if place in closing.absent else []
    vanished = set(map(_bare, run.scan.vanished))
    gone: set[int] = set()
    held_back: set[int] = set()
    for folder, here in folders.items():
        most_are_gone = len(here.gone) >= FEWEST_GONE and 2 * (here.files - len(here.gone)) < here.files
        if (most_are_gone or folder in vanished) and not run.options.mark_missing:
            held_back.update(here.gone)
        else:
            gone.update(here.gone)
    tally.held_back = len(held_back)
    return sorted(gone - held_back)
