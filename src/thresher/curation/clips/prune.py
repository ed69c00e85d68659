"""Prune: the files of rejected clips go to the system's trash; nothing is deleted, and the catalog forgets nothing.

First a plan, which reads every file to see that it still holds what was rejected; then the moves, of what is as
the plan saw it. Sizes are bytes on the disk.
"""

from __future__ import annotations

import os
import stat
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from thresher.catalog import paths, recordings
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import chunks
from thresher.catalog.schema import clip, location, recording, rendering_clip
from thresher.curation.clips.listing import Terms, select_ids
from thresher.curation.workers import Progress, no_progress
from thresher.errors import AudioError, CatalogError

GROUP = 16
"""Recordings whose files are moved before the catalog notes it: so many an interruption can leave to `ingest`."""

MOST_LINKS = 40
"""Links that may lead to a file one after another; the kernel's own limit."""


@dataclass(frozen=True)
class Unmoved:
    """A file that could not be moved to the trash, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class PruneReport:
    """What pruning moves to the trash, or would move, and what it leaves.

    `files` are distinct files and links, `links` the symlinks among them, `recordings` how many contents they
    are. `frees` counts bytes once for each inode, and only where no other name of it stays; `shared` files have
    such a name. `in_songs` recordings stay because a rendering needs them, `in_part` because not all their clips
    are rejected, `references` because they are one. `changed` files hold something else now and stay; `failures`
    could not be read or moved. `paths` are those of `files`.
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
    failures: tuple[Unmoved, ...]
    paths: tuple[str, ...]
    dry_run: bool


_Seen = tuple[int, int, int, int]


@dataclass(frozen=True)
class PlannedFile:
    """A file or link to move: its absolute path, the locations that mean it, and what it was when it was read.

    `itself` and `content` are device, inode, size and time of change of the entry and of what it leads to;
    the two are the same but for a link. `names` counts the hard links of the entry, `occupies` its bytes.
    """

    path: bytes
    recording_id: int
    location_ids: tuple[int, ...]
    is_link: bool
    itself: _Seen
    content: _Seen
    names: int
    occupies: int


@dataclass(frozen=True)
class PrunePlan:
    """What `prune` would move; `report` says it in numbers. `rendered`: what renderings need goes too."""

    files: tuple[PlannedFile, ...]
    rendered: bool
    report: PruneReport


@dataclass(frozen=True)
class _Standing:
    """Recordings by what keeps them or doesn't."""

    free: frozenset[int]
    in_songs: frozenset[int]
    in_part: frozenset[int]
    references: frozenset[int]

    def with_more(self, other: _Standing) -> _Standing:
        """These recordings and the other ones."""
        return _Standing(
            self.free | other.free,
            self.in_songs | other.in_songs,
            self.in_part | other.in_part,
            self.references | other.references,
        )


class _ChangedError(Exception):
    """A file does not hold what the catalog knows any more."""


def plan_prune(
    catalog: Catalog, terms: Terms = (), *, rendered: bool = False, progress: Progress = no_progress
) -> PrunePlan:
    """Which files of the rejected clips that `terms` find can go, and how many bytes that frees.

    Every file is read. With `rendered`, also those that a rendering of a song would need to be made again.
    Raises QueryError.
    """
    with catalog.reading() as connection:
        rejected = set(select_ids(catalog, connection, ["rejected:yes"], defaults=False))
        asked = sorted(rejected.intersection(select_ids(catalog, connection, terms, defaults=False)))
        found = _recordings_of(connection, asked)
        standing = _standing(connection, found, rendered=rendered)
        places = _places(catalog, connection, sorted(standing.free))
    look = _Look()
    changed: list[str] = []
    failures: list[Unmoved] = []
    planned: list[PlannedFile] = []
    for done, place in enumerate(places, start=1):
        try:
            planned.append(look.at(place))
        except (FileNotFoundError, NotADirectoryError):
            pass  # missing, though nobody has noted it yet; the next ingest does
        except _ChangedError:
            changed.append(paths.display_text(place.path))
        except (OSError, AudioError) as error:
            failures.append(Unmoved(paths.display_text(place.path), _words(error)))
        progress("reading", done, len(places))
    files = tuple(sorted(planned, key=lambda file: (file.recording_id, -_hops(file.path), file.path)))
    report = _report(files, standing, changed, failures, dry_run=True)
    return PrunePlan(files, rendered, report)


def prune(catalog: Catalog, plan: PrunePlan, progress: Progress = no_progress) -> PruneReport:
    """Move the files of a plan to the system's trash, and note that they are missing.

    What was judged, rendered or written anew since the plan stays; a file that can't be moved is reported, and
    the others go on. Ratings, scores and history stay; a file that is put back is known again by `ingest`.
    """
    of_recording: dict[int, list[PlannedFile]] = defaultdict(list)
    for file in plan.files:
        of_recording[file.recording_id].append(file)
    moves = _Moves(plan, progress)
    standing = _Standing(*(frozenset[int](),) * 4)
    for group in chunks(sorted(of_recording), GROUP):
        with catalog.reading() as connection:
            now = _standing(connection, group, rendered=plan.rendered)
        standing = standing.with_more(now)
        try:
            moves.all_of(file for id_ in group for file in of_recording[id_] if id_ in now.free)
        finally:  # what an interruption leaves behind is noted too
            _note(catalog, moves.gone)
            moves.gone.clear()
    report = _report(moves.moved, standing, moves.changed, moves.failures, dry_run=False)
    before = plan.report
    return replace(
        report,
        in_songs=report.in_songs + before.in_songs,
        in_part=report.in_part + before.in_part,
        references=report.references + before.references,
    )


class _Moves:
    """What became of the files of a plan; `gone` are those that the catalog does not know of yet."""

    def __init__(self, plan: PrunePlan, progress: Progress) -> None:
        self.moved: list[PlannedFile] = []
        self.gone: list[PlannedFile] = []
        self.changed = list(plan.report.changed)
        self.failures = list(plan.report.failures)
        self._progress = progress
        self._total = len(plan.files)

    def all_of(self, files: Iterable[PlannedFile]) -> None:
        """Move each file; one that can't be moved stops none of the others."""
        for file in files:
            try:
                if _move(file):
                    self.moved.append(file)
                self.gone.append(file)
            except _ChangedError:
                self.changed.append(paths.display_text(file.path))
            except (OSError, ValueError) as error:
                self.failures.append(Unmoved(paths.display_text(file.path), _words(error)))
            self._progress("moving", len(self.moved), self._total)


# -- what may go -------------------------------------------------------------------------------------------


def _recordings_of(connection: Connection, clip_ids: Sequence[int]) -> list[int]:
    found: set[int] = set()
    for chunk in chunks(clip_ids):
        found.update(connection.scalars(select(clip.c.recording_id).where(clip.c.id.in_(chunk))))
    return sorted(found)


def _standing(connection: Connection, recording_ids: Sequence[int], *, rendered: bool) -> _Standing:
    """Which of the recordings may lose their files now, and what keeps the others."""
    references: set[int] = set()
    in_part: set[int] = set()
    in_songs: set[int] = set()
    for chunk in chunks(recording_ids):
        here = recording.c.id.in_(chunk)
        references.update(
            connection.scalars(select(recording.c.id).where(here, recording.c.role == "reference"))
        )
        kept = select(clip.c.recording_id).where(clip.c.recording_id.in_(chunk), ~clip.c.rejected)
        in_part.update(connection.scalars(kept))
        if not rendered:
            needed = select(rendering_clip.c.recording_sha256)
            in_songs.update(
                connection.scalars(select(recording.c.id).where(here, recording.c.sha256.in_(needed)))
            )
    return _Standing(
        frozenset(recording_ids) - references - in_part - in_songs,
        frozenset(in_songs - references - in_part),
        frozenset(in_part - references),
        frozenset(references),
    )


@dataclass(frozen=True)
class _Place:
    """A path where the catalog says that a recording is, and what it holds."""

    path: bytes
    recording_id: int
    location_ids: tuple[int, ...]
    sha256: str


def _places(catalog: Catalog, connection: Connection, recording_ids: Sequence[int]) -> list[_Place]:
    """Where the recordings are said to be; two locations that have become one file are one place."""
    found: dict[bytes, _Place] = {}
    for chunk in chunks(recording_ids):
        statement = (
            select(location.c.id, location.c.path, recording.c.id.label("recording_id"), recording.c.sha256)
            .join(recording, recording.c.id == location.c.recording_id)
            .where(recording.c.id.in_(chunk), location.c.missing_since.is_(None))
            .order_by(location.c.id)
        )
        for row in connection.execute(statement):
            path = paths.absolute(catalog.absolute(row.path))
            known = found.get(path)
            ids = (row.id,) if known is None else (*known.location_ids, row.id)
            found[path] = _Place(path, row.recording_id, ids, row.sha256)
    return list(found.values())


class _Look:
    """Looks at files, and reads each content once, however many names lead to it."""

    def __init__(self) -> None:
        self._digests: dict[_Seen, str] = {}

    def at(self, place: _Place) -> PlannedFile:
        """The file at a place as it is now; _ChangedError where it does not hold what the catalog knows."""
        from thresher.catalog.audio import sha256_file  # loads what a plan of nothing doesn't need

        status = os.lstat(place.path)
        content = _seen(os.stat(place.path))
        if content not in self._digests:
            self._digests[content] = sha256_file(place.path)
            if _seen(os.stat(place.path)) != content:
                raise _ChangedError
        if self._digests[content] != place.sha256:
            raise _ChangedError
        return PlannedFile(
            place.path,
            place.recording_id,
            place.location_ids,
            stat.S_ISLNK(status.st_mode),
            _seen(status),
            content,
            status.st_nlink,
            _occupied(status),
        )


def _seen(status: os.stat_result) -> _Seen:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _occupied(status: os.stat_result) -> int:
    """Bytes that a file takes on the disk; its length, where the file system does not tell its blocks."""
    return int(getattr(status, "st_blocks", 0)) * 512 or status.st_size


def _hops(path: bytes) -> int:
    """How many links lead from `path` to a file, one after another; links go before what they lead to."""
    for hops in range(MOST_LINKS):
        try:
            path = os.path.join(os.path.dirname(path), os.readlink(path))
        except OSError:  # no link, then
            return hops
    return MOST_LINKS


# -- moving ------------------------------------------------------------------------------------------------


def _move(file: PlannedFile) -> bool:
    """Move a file or link to the trash; False where it has gone already, by another of its names perhaps.

    A link goes itself, never what it leads to. Raises OSError or ValueError where the trash does not take it.
    """
    from send2trash import send2trash

    try:
        itself = _seen(os.lstat(file.path))
    except (FileNotFoundError, NotADirectoryError):
        return False
    if itself != file.itself or _seen(os.stat(file.path)) != file.content:
        raise _ChangedError
    folder = os.path.dirname(file.path)
    if not os.access(folder, os.W_OK | os.X_OK):  # else an entry without a file would stay in the trash
        raise PermissionError(f"its folder {paths.display_text(folder)} can't be written")
    send2trash(os.fsdecode(file.path))
    if os.path.lexists(file.path):
        raise OSError("the system's trash did not take it")
    return True


def _note(catalog: Catalog, files: Iterable[PlannedFile]) -> None:
    """The locations of what is in the trash become missing, in a transaction of their own."""
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
                if paths.absolute(catalog.absolute(row.path))
                == gone[row.id]  # else it was found elsewhere since
            ]
            recordings.mark_missing(connection, present, time.time())
    except CatalogError as error:
        raise CatalogError(
            f"{error}; {len(gone)} files are in the trash already, and `thresher ingest` of their folder notes it"
        ) from error


# -- telling -----------------------------------------------------------------------------------------------


def _report(
    files: Collection[PlannedFile],
    standing: _Standing,
    changed: Sequence[str],
    failures: Sequence[Unmoved],
    *,
    dry_run: bool,
) -> PruneReport:
    names: dict[tuple[int, int], list[PlannedFile]] = defaultdict(list)
    for file in files:
        if not file.is_link:
            names[file.itself[:2]].append(file)
    frees = shared = 0
    for same in names.values():
        if len(same) >= same[0].names:
            frees += same[0].occupies
        else:
            shared += len(same)
    return PruneReport(
        recordings=len({file.recording_id for file in files}),
        files=len(files),
        links=sum(file.is_link for file in files),
        frees=frees,
        shared=shared,
        in_songs=len(standing.in_songs),
        in_part=len(standing.in_part),
        references=len(standing.references),
        changed=tuple(changed),
        failures=tuple(failures),
        paths=tuple(paths.display_text(file.path) for file in files),
        dry_run=dry_run,
    )


def _words(error: Exception) -> str:
    """What went wrong, in words that can be printed."""
    said = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return paths.display_text(said.encode("utf-8", "surrogateescape"))
