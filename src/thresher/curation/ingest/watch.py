"""Watch: ingest new files while a training run writes them.

Folders are scanned periodically, which works on network drives too. Whether a file is settled (has not changed
for the quiet period) is measured by the watcher's own clock between two scans. Times of change are never
compared with this machine's clock. Only settled files are ingested, so that no incomplete file is read. A watch
never marks a file missing: an unplugged drive says nothing about its files.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from sqlalchemy import select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import location
from thresher.catalog.files.folder_changes import UnstableFolders, unstable_folders
from thresher.catalog.files.paths import absolute, display_text
from thresher.catalog.files.stamps import Stamp, is_same
from thresher.catalog.recordings.ingested_folders import read_changes
from thresher.catalog.settings.own_files import OwnFiles
from thresher.curation.ingest.exclude import Exclusion
from thresher.curation.ingest.ingest import ingest_scan
from thresher.curation.ingest.options import IngestOptions, check_options
from thresher.curation.ingest.report import IngestReport
from thresher.curation.ingest.scan import FoundFile, Problem, Scan, scan
from thresher.errors import CatalogError, NotFoundError, ThresherError, UsageError
from thresher.progress import Progress, no_progress
from thresher.signal.features.fingerprint import find_backend

PATIENCE = 10
"""Quiet periods that a settled file waits at most for files that still change."""


@dataclass(frozen=True)
class WatchOptions:
    """How to watch: `every` and `quiet` are in seconds; a file is ready after `quiet` seconds without changes.

    `once` ends the watch after the files that are there were ingested. `ingest` holds the options of each ingest.
    """

    every: float = 5.0
    quiet: float = 30.0
    once: bool = False
    ingest: IngestOptions = field(default_factory=IngestOptions)


class WatchNews(Enum):
    """The kinds of events that a watch reports."""

    BATCH = "batch"
    AWAY = "away"
    BACK = "back"
    FAILED = "failed"


@dataclass(frozen=True)
class WatchEvent:
    """An event: a batch with its `report`, a `folder` that disappeared or is back, or an ingest that failed.

    `reason` says why a folder can't be scanned, or what failed.
    """

    news: WatchNews
    report: IngestReport | None = None
    folder: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class WatchReport:
    """Totals of a watch: ingests that changed something, new clips, copies, and files that can't be used.

    `interrupted` says that the watch was stopped during an ingest. What that ingest committed is not counted here.
    """

    batches: int
    added: int
    copies: int
    failed: int
    interrupted: bool


Wait = Callable[[float], bool]
"""Waits for a number of seconds; returns False to end the watch."""

_NOT_TAKEN = ("unsettled", "missing")
"""Statuses of files that were changed or removed while the ingest ran."""

_UNSEEN = "unseen"
"""The status of files that a worker on another machine could not read, maybe not yet."""

_Entry = FoundFile | Problem
_State = Stamp | str
"""The stamp of a file, or the reason why it can't be examined."""


@dataclass
class _Pending:
    """An entry that was not ingested yet, its state, and the time since which it has not changed."""

    entry: _Entry
    state: _State
    since: float


def watch(
    catalog: Catalog,
    folders: Sequence[str | bytes | os.PathLike[str]],
    options: WatchOptions = WatchOptions(),
    *,
    wait: Wait,
    tell: Callable[[WatchEvent], None],
    clock: Callable[[], float] = time.monotonic,
    progress: Progress = no_progress,
) -> WatchReport:
    """Ingest what is written into `folders` until `wait` returns False or KeyboardInterrupt is raised.

    Each time that all new files are settled, one batch ingests them. A file that has been settled for
    `PATIENCE` quiet periods is ingested even if other files still change. The catalog is opened for each batch
    and closed after it. A failed ingest is reported and tried again after a quiet period; with `once`, its
    error is raised. Raises NotFoundError for a folder that does not exist at the start, UsageError for a file.
    """
    check_watch(catalog, folders, options)
    watcher = _Watcher(catalog, folders, options, tell, progress)
    try:
        watcher.learn_known_files()
        while True:
            watcher.look(clock())
            watcher.take(clock)
            if (options.once and watcher.is_done) or not wait(options.every):
                break
    except KeyboardInterrupt:
        return watcher.report()
    return watcher.report()


def check_watch(
    catalog: Catalog, folders: Sequence[str | bytes | os.PathLike[str]], options: WatchOptions
) -> None:
    """Raise what `watch` raises at its start: NotFoundError or UsageError if a folder or an option is wrong."""
    if not folders:
        raise UsageError("no folder given; run `thresher watch FOLDER`")
    for name, seconds in (("every", options.every), ("quiet", options.quiet)):
        if not 0 < seconds < float("inf"):
            raise UsageError(f"invalid {name} {seconds:g} (expected a number of seconds above 0)")
    if options.ingest.dry_run or options.ingest.reread or options.ingest.mark_missing:
        raise UsageError(
            "a watch only ingests new files; dry_run, reread and mark_missing are options of ingest"
        )
    for folder in folders:
        shown = display_text(os.fsencode(folder))
        if not os.path.exists(folder):
            raise NotFoundError(f'"{shown}" can\'t be watched: there is no such folder; create it first')
        if not os.path.isdir(folder):
            raise UsageError(f'"{shown}" is a file; `thresher watch` takes folders, `thresher ingest` files')
    check_options(options.ingest)
    find_backend(catalog.settings.fingerprint.backend)


class _Watcher:
    """The state of one watch."""

    def __init__(
        self,
        catalog: Catalog,
        folders: Sequence[str | bytes | os.PathLike[str]],
        options: WatchOptions,
        tell: Callable[[WatchEvent], None],
        progress: Progress,
    ) -> None:
        self._catalog = catalog
        self._own = OwnFiles(catalog.file, catalog.settings)
        self._folders = [os.path.abspath(os.fsencode(folder)) for folder in folders]
        self._options = options
        self._tell = tell
        self._progress = progress
        self._done: dict[bytes, _State] = {}
        self._unstable = UnstableFolders({})
        self._unopened: set[bytes] = set()  # reported, because they could not be opened
        self._unseen: set[bytes] = set()  # reported, because a worker could not read them
        self._pending: dict[bytes, _Pending] = {}
        self._away: dict[bytes, str] = {}
        self._held_files: set[bytes] = set()  # folders in which a file was seen
        self._not_before = float("-inf")
        self._owes_scores = False
        self._took_a_batch = False
        self._is_ingesting = False
        self._excluded: tuple[Exclusion, ...] = ()
        self._counts = WatchReport(0, 0, 0, 0, False)

    @property
    def is_done(self) -> bool:
        """Whether the files that were there have been ingested."""
        return self._took_a_batch or not self._pending

    def report(self) -> WatchReport:
        """Return the totals so far."""
        return replace(self._counts, interrupted=self._is_ingesting)

    def learn_known_files(self) -> None:
        """Remember the state of the files in the catalog: unchanged files are never pending."""
        roots = self._catalog.roots.as_now()
        with self._catalog.reading() as connection:
            self._unstable = unstable_folders(read_changes(connection), roots)
            for row in connection.execute(
                select(location).where(
                    location.c.missing_since.is_(None), location.c.recording_id.is_not(None)
                )
            ):
                path = roots.absolute(row.root, row.path)
                if row.inode is not None and path is not None:
                    self._done[path] = Stamp(row.size, row.mtime_ns, row.ctime_ns, row.inode)

    # -- looking -------------------------------------------------------------------------------------------

    def look(self, now: float) -> None:
        """Scan the folders that exist; new and changed files become pending."""
        here = [folder for folder in self._folders if self._is_listable(folder)]
        try:
            seen = scan(here, self._options.ingest.exclude, own=self._own)
        except NotFoundError:  # a folder disappeared just now; the next scan reports it
            return
        self._excluded = seen.excluded
        entries: list[_Entry] = [
            *seen.files,
            *(each for each in seen.problems if not self._is_away_itself(each)),
        ]
        held = {entry.root for entry in entries}
        roots = dict(zip(here, seen.given, strict=True))
        for folder in here:
            if roots[folder] in held:
                self._held_files.add(folder)
                self._is_back(folder)
            elif folder in self._held_files:
                self._is_gone(folder, "is suddenly empty")
            else:
                self._is_back(folder)
        self._forget_gone({entry.path for entry in entries}, [roots[folder] for folder in here])
        self._compare(entries, now)

    def _forget_gone(self, seen: set[bytes], roots: Sequence[bytes]) -> None:
        """Forget files that were deleted, so that they are ingested again if they return, even unchanged."""
        away = {os.path.join(absolute(folder), b"") for folder in self._away}
        inside = tuple(prefix for root in roots if (prefix := os.path.join(root, b"")) not in away)
        for path in [path for path in self._done if path.startswith(inside) and path not in seen]:
            del self._done[path]
            self._unopened.discard(path)
        self._unseen = {path for path in self._unseen if path in seen or not path.startswith(inside)}

    def _is_listable(self, folder: bytes) -> bool:
        try:
            with os.scandir(folder):
                return True
        except OSError as error:
            self._is_gone(folder, f"can't be read ({error.strerror or error})")
            return False

    def _is_away_itself(self, problem: Problem) -> bool:
        return problem.is_folder and problem.path == problem.root

    def _is_gone(self, folder: bytes, reason: str) -> None:
        if folder not in self._away:
            self._tell(WatchEvent(WatchNews.AWAY, folder=display_text(folder), reason=reason))
        self._away[folder] = reason

    def _is_back(self, folder: bytes) -> None:
        if self._away.pop(folder, None) is not None:
            self._tell(WatchEvent(WatchNews.BACK, folder=display_text(folder)))

    def _compare(self, entries: Sequence[_Entry], now: float) -> None:
        before, self._pending = self._pending, {}
        for entry in entries:
            state = _state_of(entry)
            if entry.path in self._unopened and _can_be_read(entry.path):
                self._unopened.remove(entry.path)
                del self._done[entry.path]
            if self._is_done(entry, state):
                continue
            known = before.get(entry.path)
            if known is not None and _is_same(known.state, state):
                self._pending[entry.path] = replace(known, entry=entry, state=state)
            else:
                self._pending[entry.path] = _Pending(entry, state, now)

    def _is_done(self, entry: _Entry, state: _State) -> bool:
        done = self._done.get(entry.path)
        if isinstance(done, Stamp) and isinstance(state, Stamp):
            return is_same(done, state, self._unstable.of(entry.path))
        return done == state

    # -- ingesting -----------------------------------------------------------------------------------------

    def take(self, clock: Callable[[], float]) -> None:
        """Ingest the files that are ready, if it is time."""
        now = clock()
        quiet = self._options.quiet
        if now < self._not_before or not (self._pending or self._owes_scores):
            return
        ready = [each for each in self._pending.values() if now - each.since >= quiet]
        is_quiet = len(ready) == len(self._pending)
        is_late = any(now - each.since >= PATIENCE * quiet for each in ready)
        if not (is_quiet or is_late):
            return
        self._is_ingesting = True
        report = self._ingest(ready)
        self._is_ingesting = False
        failed = report is None or report.scoring_failure is not None
        self._not_before = clock() + quiet if failed else now
        if report is not None:
            self._settle(ready, report, clock())

    def _ingest(self, ready: Sequence[_Pending]) -> IngestReport | None:
        """Ingest entries; return None if that failed, which is reported."""
        entries = sorted((each.entry for each in ready), key=lambda entry: entry.path)
        seen = Scan(
            given=tuple(map(absolute, self._folders)),
            folders=(),  # so that no file is marked missing
            files=tuple(entry for entry in entries if isinstance(entry, FoundFile)),
            problems=tuple(entry for entry in entries if isinstance(entry, Problem)),
            ignored_suffixes={},
            excluded=self._excluded,
        )
        try:
            # opened for each ingest: its settings may have changed, or a newer program may have upgraded it
            with Catalog.open(self._catalog.file) as catalog:
                report = ingest_scan(catalog, seen, self._options.ingest, self._progress)
                with catalog.reading() as connection:
                    self._unstable = unstable_folders(read_changes(connection), catalog.roots)
                return report
        except (ThresherError, OSError) as error:
            if self._options.once:
                raise
            self._tell(WatchEvent(WatchNews.FAILED, reason=str(error)))
            return None

    def _settle(self, ready: Sequence[_Pending], report: IngestReport, now: float) -> None:
        """Note which files were ingested; files that changed or vanished meanwhile have to settle again."""
        status_of = {failure.path: failure.status for failure in report.failures}
        known_unseen = {display_text(path) for path in self._unseen}
        for each in ready:
            path = each.entry.path
            names = (display_text(path), self._catalog.stored_absolute(path).path_text)
            status = next((status_of[name] for name in names if name in status_of), None)
            if status == _UNSEEN:
                self._unseen.add(path)
            else:
                self._unseen.discard(path)
            if status in (*_NOT_TAKEN, _UNSEEN):
                each.since = now
                continue
            self._done[path] = each.state
            self._pending.pop(path, None)
            if status == "unreadable" and isinstance(each.entry, FoundFile) and not _can_be_read(path):
                self._unopened.add(path)
        self._took_a_batch = True
        self._owes_scores = report.scoring_failure is not None
        failures = tuple(
            failure
            for failure in report.failures
            if failure.status not in _NOT_TAKEN
            and not (failure.status == _UNSEEN and failure.path in known_unseen)  # reported once
        )
        self._counts = WatchReport(
            self._counts.batches + (report.batch is not None),
            self._counts.added + report.added,
            self._counts.copies + report.copies,
            self._counts.failed + len(failures),
            False,
        )
        if (
            report.batch is not None
            or failures
            or report.renderings
            or report.exports
            or report.scoring_failure
        ):
            self._tell(WatchEvent(WatchNews.BATCH, replace(report, failures=failures)))
        if report.scoring_failure is not None and self._options.once:
            raise CatalogError(report.scoring_failure)


def _state_of(entry: _Entry) -> _State:
    return entry.stamp if isinstance(entry, FoundFile) else entry.reason


def _is_same(before: _State, now: _State) -> bool:
    """Return whether a file was not written since; ctimes and inodes change by themselves on some file systems."""
    if isinstance(before, Stamp) and isinstance(now, Stamp):
        return before[:2] == now[:2]
    return before == now


def _can_be_read(path: bytes) -> bool:
    """Return whether the file at `path` can be opened and read."""
    try:
        opened = os.open(
            path, os.O_RDONLY | os.O_NONBLOCK
        )  # a FIFO may have replaced the file since the scan
    except OSError:
        return False
    try:
        os.read(opened, 1)
    except OSError:
        return False
    finally:
        os.close(opened)
    return True
