"""Prune: move the files of rejected clips to the system's trash. The catalog keeps everything it knows of them.

`plan_prune` reads every file to check that it still holds the rejected recording. `prune` then moves the files that
have not changed since. Sizes are bytes on the disk.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from thresher.catalog import locations, paths
from thresher.catalog.catalog import Catalog
from thresher.catalog.clip_source import IS_SHOWN
from thresher.catalog.database import chunks
from thresher.catalog.decisions import Change, note_event
from thresher.catalog.schema import clip, location, recording, rendering_clip
from thresher.curation.clips.selection import Terms, recordings_of, select_ids
from thresher.curation.clips.trash import (
    FileChangedError,
    FileInspector,
    PlannedFile,
    RecordingFile,
    link_depth,
    move_to_trash,
)
from thresher.curation.workers import Progress, no_progress
from thresher.errors import AudioError, CatalogError
from thresher.formatting import counted

GROUP = 16
"""The number of recordings whose files are moved before the catalog marks them as missing.

If the program is killed in between, the next `ingest` marks them.
"""


@dataclass(frozen=True)
class PruneFailure:
    """A file that could not be moved to the trash, or taken out of it, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class PruneReport:
    """What was moved to the trash, or would be moved, and what stays.

    `files` counts files and symlinks, `links` the symlinks among them, `recordings` their distinct contents;
    `paths` lists them. `frees` is the number of bytes freed: each inode counts once, and only if no other hard
    link to it stays; `shared` counts the files with such a link. These recordings stay: `in_songs`, because a
    rendering uses them; `in_part`, because some of their clips, parts or marks are not rejected; `references`,
    because of their role. `changed` files stay because they hold other content now. `failures` could not be read or
    moved. `entry` is the number in the history under which `restore_pruned` finds the moved files, None if none was
    moved.
    """

    recordings: int
    files: int
    links: int
    frees: int
    shared: int
    in_songs: int
    in_part: int
    references: int
    changed: tuple[str, ...]
    failures: tuple[PruneFailure, ...]
    paths: tuple[str, ...]
    dry_run: bool
    entry: int | None = None


@dataclass(frozen=True)
class PrunePlan:
    """The files that `prune` will move, and a report of them; `rendered` includes files that renderings use."""

    files: tuple[PlannedFile, ...]
    rendered: bool
    report: PruneReport


@dataclass(frozen=True)
class _Sorted:
    """Recordings whose files may go (`free`), and recordings that stay, by reason."""

    free: frozenset[int]
    in_songs: frozenset[int]
    in_part: frozenset[int]
    references: frozenset[int]

    def union(self, other: _Sorted) -> _Sorted:
        """Return the recordings of both."""
        return _Sorted(
            self.free | other.free,
            self.in_songs | other.in_songs,
            self.in_part | other.in_part,
            self.references | other.references,
        )


def plan_prune(
    catalog: Catalog, terms: Terms = (), *, rendered: bool = False, progress: Progress = no_progress
) -> PrunePlan:
    """Find the files of rejected clips among those that `terms` match, and the bytes that moving them frees.

    Every file is read. `rendered` includes files that are needed to render an existing rendering again. Raises
    QueryError.
    """
    with catalog.reading() as connection:
        rejected = set(select_ids(catalog, connection, ["rejected:yes"], defaults=False))
        asked = sorted(rejected.intersection(select_ids(catalog, connection, terms, defaults=False)))
        found = recordings_of(connection, asked)
        sorted_recordings = _sort_recordings(connection, found, rendered=rendered)
        files = _present_files(catalog, connection, sorted(sorted_recordings.free))
    inspector = FileInspector()
    changed: list[str] = []
    failures: list[PruneFailure] = []
    planned: list[PlannedFile] = []
    for done, file in enumerate(files, start=1):
        try:
            planned.append(inspector.inspect(file))
        except (FileNotFoundError, NotADirectoryError):
            pass  # the next ingest marks it as missing
        except FileChangedError:
            changed.append(paths.display_text(file.path))
        except (OSError, AudioError) as error:
            failures.append(PruneFailure(paths.display_text(file.path), _reason(error)))
        progress("reading", done, len(files))
    planned.sort(key=lambda file: (file.recording_id, -link_depth(file.path), file.path))
    report = _report(planned, sorted_recordings, changed, failures, dry_run=True)
    return PrunePlan(tuple(planned), rendered, report)


def prune(catalog: Catalog, plan: PrunePlan, progress: Progress = no_progress) -> PruneReport:
    """Move the files of a plan to the system's trash, and mark their locations as missing.

    A file stays if its clip is not rejected any more, if a rendering uses it now, or if its content changed
    since the plan. A file that cannot be moved is reported, and the others are moved. Ratings, scores and
    history stay; `ingest` recognises a file that is put back.
    """
    of_recording: dict[int, list[PlannedFile]] = defaultdict(list)
    for file in plan.files:
        of_recording[file.recording_id].append(file)
    moves = _Moves(plan, progress)
    sorted_recordings, entry = _Sorted(*(frozenset[int](),) * 4), None
    try:
        for group in chunks(sorted(of_recording), GROUP):
            with catalog.reading() as connection:
                now = _sort_recordings(connection, group, rendered=plan.rendered)
            sorted_recordings = sorted_recordings.union(now)
            try:
                moves.move(file for id_ in group for file in of_recording[id_] if id_ in now.free)
            finally:  # also after Ctrl-C
                _mark_missing(catalog, moves.gone)
                moves.gone.clear()
    finally:
        entry = _note(catalog, moves.moved)
    report = _report(moves.moved, sorted_recordings, moves.changed, moves.failures, dry_run=False)
    before = plan.report
    return replace(
        report,
        in_songs=report.in_songs + before.in_songs,
        in_part=report.in_part + before.in_part,
        references=report.references + before.references,
        entry=entry,
    )


class _Moves:
    """The outcome of moving the files of a plan; `gone` files are not marked as missing in the catalog yet."""

    def __init__(self, plan: PrunePlan, progress: Progress) -> None:
        self.moved: list[PlannedFile] = []
        self.gone: list[PlannedFile] = []
        self.changed = list(plan.report.changed)
        self.failures = list(plan.report.failures)
        self._progress = progress
        self._total = len(plan.files)

    def move(self, files: Iterable[PlannedFile]) -> None:
        """Move each file; after a failure, continue with the next one."""
        for file in files:
            try:
                if move_to_trash(file):
                    self.moved.append(file)
                self.gone.append(file)
            except FileChangedError:
                self.changed.append(paths.display_text(file.path))
            except (OSError, ValueError) as error:
                self.failures.append(PruneFailure(paths.display_text(file.path), _reason(error)))
            self._progress("moving", len(self.moved), self._total)


def _sort_recordings(connection: Connection, recording_ids: Sequence[int], *, rendered: bool) -> _Sorted:
    """Sort recordings by whether their files may go now, and by what keeps them."""
    references: set[int] = set()
    in_part: set[int] = set()
    in_songs: set[int] = set()
    for chunk in chunks(recording_ids):
        here = recording.c.id.in_(chunk)
        references.update(
            connection.scalars(select(recording.c.id).where(here, recording.c.role == "reference"))
        )
        kept = (
            select(clip.c.recording_id)
            .join(recording, recording.c.id == clip.c.recording_id)
            .where(clip.c.recording_id.in_(chunk), ~clip.c.rejected, IS_SHOWN)
        )
        in_part.update(connection.scalars(kept))
        if not rendered:
            needed = select(rendering_clip.c.recording_sha256)
            in_songs.update(
                connection.scalars(select(recording.c.id).where(here, recording.c.sha256.in_(needed)))
            )
    return _Sorted(
        frozenset(recording_ids) - references - in_part - in_songs,
        frozenset(in_songs - references - in_part),
        frozenset(in_part - references),
        frozenset(references),
    )


def _present_files(
    catalog: Catalog, connection: Connection, recording_ids: Sequence[int]
) -> list[RecordingFile]:
    """Return the files at which the catalog knows the recordings; locations with the same path are one file."""
    found: dict[bytes, RecordingFile] = {}
    for chunk in chunks(recording_ids):
        statement = (
            select(location.c.id, location.c.path, recording.c.id.label("recording_id"), location.c.sha256)
            .join(recording, recording.c.id == location.c.recording_id)
            .where(recording.c.id.in_(chunk), location.c.missing_since.is_(None))
            .order_by(location.c.id)
        )
        for row in connection.execute(statement):
            path = paths.absolute(catalog.absolute(row.path))
            known = found.get(path)
            ids = (row.id,) if known is None else (*known.location_ids, row.id)
            found[path] = RecordingFile(path, row.recording_id, ids, row.sha256)
    return list(found.values())


def _mark_missing(catalog: Catalog, files: Iterable[PlannedFile]) -> None:
    """Mark the locations of files that are gone as missing, in a transaction of their own."""
    gone = {location_id: file.path for file in files for location_id in file.location_ids}
    if not gone:
        return
    try:
        with catalog.writing() as connection:
            present = [
                row.id
                for chunk in chunks(sorted(gone))
                for row in connection.execute(
                    select(location.c.id, location.c.path).where(
                        location.c.id.in_(chunk), location.c.missing_since.is_(None)
                    )
                )
                # a location with another path has been found elsewhere in the meantime
                if paths.absolute(catalog.absolute(row.path)) == gone[row.id]
            ]
            locations.mark_missing(connection, present, time.time())
    except CatalogError as error:
        raise CatalogError(
            f"{error}; {len(gone)} files are already in the trash: run `thresher ingest` on their folder to mark "
            "them as missing"
        ) from error


def _note(catalog: Catalog, moved: Sequence[PlannedFile]) -> int | None:
    """List the moved files in the history, and return the number of the entry."""
    if not moved:
        return None
    changes = [
        Change("location", location_id, "file", paths.display_text(file.path), None)
        for file in moved
        for location_id in file.location_ids
    ]
    with catalog.writing() as connection:
        return note_event(connection, "prune", f"prune {counted(len(moved), 'file')}", changes).id


def _report(
    files: Collection[PlannedFile],
    sorted_recordings: _Sorted,
    changed: Sequence[str],
    failures: Sequence[PruneFailure],
    *,
    dry_run: bool,
) -> PruneReport:
    names: dict[tuple[int, int], list[PlannedFile]] = defaultdict(list)
    for file in files:
        if not file.is_link:
            names[file.entry[:2]].append(file)
    frees = shared = 0
    for same in names.values():
        if len(same) >= same[0].names:
            frees += same[0].size
        else:
            shared += len(same)
    return PruneReport(
        recordings=len({file.recording_id for file in files}),
        files=len(files),
        links=sum(file.is_link for file in files),
        frees=frees,
        shared=shared,
        in_songs=len(sorted_recordings.in_songs),
        in_part=len(sorted_recordings.in_part),
        references=len(sorted_recordings.references),
        changed=tuple(changed),
        failures=tuple(failures),
        paths=tuple(paths.display_text(file.path) for file in files),
        dry_run=dry_run,
    )


def _reason(error: Exception) -> str:
    """Return the text of an error, with bytes that are not UTF-8 escaped."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return paths.display_text(text.encode("utf-8", "surrogateescape"))
