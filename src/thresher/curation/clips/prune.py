"""Prune: move the files of rejected clips to the system's trash. The catalog keeps everything it knows about them.

`plan_prune` reads every file to check that it still holds the rejected recording. `prune` then moves the files that
have not changed since. It first notes in the catalog what it will move, and marks these locations as missing. So
the catalog is right at any instant, and if the program is killed, the next prune moves the rest. Sizes are bytes on
the disk.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import clip, location, recording, rendering_clip
from thresher.catalog.decisions.journal import Decision, get_decision
from thresher.catalog.files import paths
from thresher.catalog.queries.text import Terms
from thresher.catalog.recordings.clip_source import IS_SHOWN
from thresher.curation.clips.prune_entries import (
    announce,
    announced_locations,
    conclude,
    unfinished_prunes,
)
from thresher.curation.clips.selection import recordings_of, select_ids
from thresher.curation.clips.trash import (
    FileChangedError,
    FileInspector,
    PlannedFile,
    RecordingFile,
    check_movable,
    link_depth,
    move_to_trash,
)
from thresher.curation.clips.trash_folders import remove_orphans
from thresher.errors import AudioError
from thresher.progress import Progress, no_progress

GROUP = 16
"""The number of recordings whose files are moved before their judgements are looked at again."""


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
    """The files that `prune` will move, and a report of them; `rendered` includes files that renderings use.

    `unfinished` holds the numbers of entries in the history whose prune was interrupted, or still runs. Of their
    files, those of the locations `left_alone` belong to rejected clips that this plan was not asked for.
    """

    files: tuple[PlannedFile, ...]
    rendered: bool
    report: PruneReport
    unfinished: tuple[int, ...] = ()
    left_alone: frozenset[int] = frozenset()


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
        unfinished = unfinished_prunes(connection)
        announced = {location_id for entry in unfinished for location_id in announced_locations(entry)}
        rows = _read_locations(connection, sorted(sorted_recordings.free))
        not_asked = set(recordings_of(connection, sorted(rejected))).difference(found)
        left_alone = _locations_of(connection, not_asked, announced)
    files = _known_files(catalog, rows, announced)
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
            if not file.is_marked:
                changed.append(paths.display_text(file.path))
        except (OSError, AudioError) as error:
            failures.append(PruneFailure(paths.display_text(file.path), _reason(error, file.path)))
        progress("reading", done, len(files))
    planned.sort(key=lambda file: (file.recording_id, -link_depth(file.path), file.path))
    report = _report(planned, sorted_recordings, changed, failures, dry_run=True)
    return PrunePlan(tuple(planned), rendered, report, tuple(entry.id for entry in unfinished), left_alone)


def prune(catalog: Catalog, plan: PrunePlan, progress: Progress = no_progress) -> PruneReport:
    """Move the files of a plan to the system's trash, and mark their locations as missing.

    A file stays if its clip is not rejected any more, if a rendering uses it now, or if its content changed
    since the plan. A file that cannot be moved is reported, and the others are moved. Ratings, scores and
    history stay; `ingest` recognises a file that is put back.
    """
    moves = _Moves(plan, progress)
    movable = [file for file in plan.files if moves.can_move(file)]

    def begin(connection: Connection) -> tuple[_Sorted, list[PlannedFile], list[Decision]]:
        recordings = sorted({file.recording_id for file in movable})
        found = _sort_recordings(connection, recordings, rendered=plan.rendered)
        free = [file for file in movable if file.recording_id in found.free]
        unfinished = [get_decision(connection, number) for number in plan.unfinished]
        return found, free, [*unfinished, *announce(connection, free)]

    sorted_recordings, wanted, entries = catalog.write(begin)
    remove_orphans([file.path for file in wanted if file.is_marked])
    of_recording: dict[int, list[PlannedFile]] = defaultdict(list)
    for file in wanted:
        of_recording[file.recording_id].append(file)
    try:
        for group in chunks(sorted(of_recording), GROUP):
            with catalog.reading() as connection:
                now = _sort_recordings(connection, group, rendered=plan.rendered)
            sorted_recordings = sorted_recordings.union(now)
            moves.move(file for id_ in group for file in of_recording[id_] if id_ in now.free)
    finally:  # also after Ctrl-C
        conclude(catalog, entries, moves.gone, plan.left_alone)
    report = _report(moves.moved, sorted_recordings, moves.changed, moves.failures, dry_run=False)
    before = plan.report
    return replace(
        report,
        in_songs=report.in_songs + before.in_songs,
        in_part=report.in_part + before.in_part,
        references=report.references + before.references,
        entry=entries[-1].id if moves.moved else None,
    )


class _Moves:
    """The outcome of moving the files of a plan; `gone` files are not at their paths any more."""

    def __init__(self, plan: PrunePlan, progress: Progress) -> None:
        self.moved: list[PlannedFile] = []
        self.gone: list[PlannedFile] = []
        self.changed = list(plan.report.changed)
        self.failures = list(plan.report.failures)
        self._progress = progress
        self._total = len(plan.files)

    def can_move(self, file: PlannedFile) -> bool:
        """Return whether a file is there and can be moved; note why not."""
        with self._noted(file):
            return check_movable(file)
        return False

    def move(self, files: Iterable[PlannedFile]) -> None:
        """Move each file; after a failure, continue with the next one."""
        for file in files:
            with self._noted(file):
                if move_to_trash(file):
                    self.moved.append(file)
                self.gone.append(file)
            self._progress("moving", len(self.moved), self._total)

    @contextmanager
    def _noted(self, file: PlannedFile) -> Iterator[None]:
        try:
            yield
        except FileChangedError:
            self.changed.append(paths.display_text(file.path))
        except (OSError, ValueError) as error:
            self.failures.append(PruneFailure(paths.display_text(file.path), _reason(error, file.path)))


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


def _locations_of(
    connection: Connection, recording_ids: Collection[int], location_ids: Collection[int]
) -> frozenset[int]:
    """Return those of these locations that belong to one of these recordings."""
    found: set[int] = set()
    for chunk in chunks(sorted(location_ids)):
        rows = connection.execute(
            select(location.c.id, location.c.recording_id).where(location.c.id.in_(chunk))
        )
        found.update(row.id for row in rows if row.recording_id in recording_ids)
    return frozenset(found)


def _read_locations(connection: Connection, recording_ids: Sequence[int]) -> list[Any]:
    """Return the rows of the locations of recordings, those that are not marked missing first."""
    marked = location.c.missing_since.is_not(None).label("is_marked")
    columns = (
        location.c.id,
        location.c.root,
        location.c.path,
        recording.c.id.label("recording_id"),
        location.c.sha256,
        marked,
    )
    return [
        row
        for chunk in chunks(recording_ids)
        for row in connection.execute(
            select(*columns)
            .join(recording, recording.c.id == location.c.recording_id)
            .where(recording.c.id.in_(chunk))
            .order_by(marked, location.c.id)
        )
    ]


def _known_files(catalog: Catalog, rows: Iterable[Any], announced: Collection[int]) -> list[RecordingFile]:
    """Return the files at which the catalog knows recordings; locations with the same path are one file.

    Locations that are marked as missing count if they are in `announced` and something is there. `rows` are those
    of `_read_locations`. Never call this inside of a transaction: it looks at files.
    """
    found: dict[bytes, RecordingFile] = {}
    roots = catalog.roots.as_now()
    for row in rows:
        here = roots.absolute(row.root, row.path)
        if here is None:
            continue
        path = paths.absolute(here)
        known = found.get(path)
        if row.is_marked and (row.id not in announced or not os.path.lexists(path)):
            continue
        if known is None:
            found[path] = RecordingFile(path, row.recording_id, (row.id,), row.sha256, bool(row.is_marked))
        elif known.is_marked == bool(row.is_marked):
            found[path] = replace(known, location_ids=(*known.location_ids, row.id))
    return list(found.values())


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


def _reason(error: Exception, file: bytes) -> str:
    """Return the text of an error, with bytes that are not UTF-8 escaped.

    It names the path that the error is about if that is not the `file` to move, such as a folder of the trash.
    """
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    about = error.filename if isinstance(error, OSError) else None
    if isinstance(about, str | bytes) and os.fsencode(about) != file:
        text = f"{text}: {os.fsdecode(about)}"
    return paths.display_text(text.encode("utf-8", "surrogateescape"))
