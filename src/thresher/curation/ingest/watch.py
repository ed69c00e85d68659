"""Watch: new files are ingested as a training run writes them.

Folders are scanned again and again, which works on network drives too. Whether a file stands still is told by
the watcher's own clock between two scans, never by comparing times of change with the time here. Only files
that stand still are handed to the ingest, so none is taken half written. A watch never marks anything missing:
a drive that is away is no news about its files.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from sqlalchemy import select

from thresher.catalog.catalog import Catalog
from thresher.catalog.paths import absolute, display_text
from thresher.catalog.schema import location
from thresher.curation.ingest.ingest import IngestOptions, IngestReport, check_possible, ingest_seen
from thresher.curation.ingest.scan import FoundFile, Problem, Scan, scan
from thresher.errors import CatalogError, NotFoundError, ThresherError, UsageError

PATIENCE = 10
"""Quiet periods that a file which stands still waits at most for others that don't."""


@dataclass(frozen=True)
class WatchOptions:
    """How to watch: look `every` so many seconds; a file is ready that stood still for `quiet` seconds.

    `once` ends when what is there is taken in. `ingest` is what each ingest is told; it holds for the files that
    are taken in.
    """

    every: float = 5.0
    quiet: float = 30.0
    once: bool = False
    ingest: IngestOptions = field(default_factory=IngestOptions)


class WatchNews(Enum):
    """What a watcher has to tell."""

    BATCH = "batch"
    AWAY = "away"
    BACK = "back"
    FAILED = "failed"


@dataclass(frozen=True)
class WatchEvent:
    """One piece of news: a batch with its `report`, a `folder` that went away or is back, an ingest that failed.

    `reason` says in words why a folder is away or what failed.
    """

    news: WatchNews
    report: IngestReport | None = None
    folder: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class WatchReport:
    """What a watch took in: ingests that changed something, new clips, copies, and files that can't be used.

    `interrupted` where it was stopped while an ingest ran, whose committed part is not counted here.
    """

    batches: int
    added: int
    copies: int
    failed: int
    interrupted: bool


Wait = Callable[[float], bool]
"""Waits for so many seconds; False where the watch shall end."""

_NOT_TAKEN = ("unsettled", "missing")
"""What an ingest says of files that somebody writes, or took away, while it runs."""

_Entry = FoundFile | Problem
_State = tuple[int, int] | str
"""Size and time of change of a file; of what can't be looked at, the reason."""


@dataclass
class _Pending:
    """An entry that no ingest has taken yet, and since when it has been as it is."""

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
) -> WatchReport:
    """Ingest what is written into `folders` until `wait` says no, or KeyboardInterrupt is raised.

    One batch each time that everything new has stood still; what has stood still for `PATIENCE` quiet periods is
    taken in though other files still change. The catalog is opened anew for each batch and held by none between
    them. An ingest that fails is told, and tried again after a quiet period; with `once`, its error is raised.
    Raises NotFoundError for a folder that is not there at the beginning, UsageError for what is no folder.
    """
    _check(folders, options)
    check_possible(catalog, options.ingest)
    watcher = _Watcher(catalog, folders, options, tell)
    try:
        watcher.learn_what_is_known()
        while True:
            watcher.look(clock())
            watcher.take(clock)
            if (options.once and watcher.is_done) or not wait(options.every):
                break
    except KeyboardInterrupt:
        return watcher.report()
    return watcher.report()


def _check(folders: Sequence[str | bytes | os.PathLike[str]], options: WatchOptions) -> None:
    if not folders:
        raise UsageError("no folder is named to watch; write thresher watch FOLDER")
    for name, seconds in (("every", options.every), ("quiet", options.quiet)):
        if not 0 < seconds < float("inf"):
            raise UsageError(f"{seconds:g} is no number of seconds to look {name}; write more than 0")
    if options.ingest.dry_run or options.ingest.reread or options.ingest.mark_missing:
        raise UsageError("a watch takes in what is new; dry_run, reread and mark_missing are for ingest")
    for folder in folders:
        shown = display_text(os.fsencode(folder))
        if not os.path.exists(folder):
            raise NotFoundError(f'"{shown}" can\'t be watched: there is no such folder')
        if not os.path.isdir(folder):
            raise UsageError(f'"{shown}" is a file; `thresher watch` takes folders, `thresher ingest` files')


class _Watcher:
    """What one watch knows of its folders."""

    def __init__(
        self,
        catalog: Catalog,
        folders: Sequence[str | bytes | os.PathLike[str]],
        options: WatchOptions,
        tell: Callable[[WatchEvent], None],
    ) -> None:
        self._catalog = catalog
        self._folders = [os.path.abspath(os.fsencode(folder)) for folder in folders]
        self._options = options
        self._tell = tell
        self._done: dict[bytes, _State] = {}
        self._unopened: set[bytes] = set()  # done and told, as they could not be opened
        self._pending: dict[bytes, _Pending] = {}
        self._away: dict[bytes, str] = {}
        self._held_files: set[bytes] = set()  # folders in which something was seen
        self._not_before = float("-inf")
        self._owes_scores = False
        self._took_a_batch = False
        self._is_ingesting = False
        self._counts = WatchReport(0, 0, 0, 0, False)

    @property
    def is_done(self) -> bool:
        """Whether what was there has been taken in."""
        return self._took_a_batch or not self._pending

    def report(self) -> WatchReport:
        """What was taken in so far."""
        return replace(self._counts, interrupted=self._is_ingesting)

    def learn_what_is_known(self) -> None:
        """Files that are as the catalog knows them are never pending."""
        with self._catalog.reading() as connection:
            for row in connection.execute(
                select(location.c.path, location.c.size, location.c.mtime_ns).where(
                    location.c.missing_since.is_(None), location.c.recording_id.is_not(None)
                )
            ):
                self._done[self._catalog.absolute(row.path)] = (row.size, row.mtime_ns)

    # -- looking -------------------------------------------------------------------------------------------

    def look(self, now: float) -> None:
        """Scan the folders that are there; what is new or has changed is pending from now on."""
        here = [folder for folder in self._folders if self._is_listable(folder)]
        try:
            seen = scan(here)
        except NotFoundError:  # it went just now: the next look says so
            return
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
                self._is_gone(folder, "is empty all of a sudden")
            else:
                self._is_back(folder)
        self._forget_gone({entry.path for entry in entries}, [roots[folder] for folder in here])
        self._compare(entries, now)

    def _forget_gone(self, seen: set[bytes], roots: Sequence[bytes]) -> None:
        """What is not in a folder that is there is looked at again when it comes back, unchanged or not."""
        away = {os.path.join(absolute(folder), b"") for folder in self._away}
        inside = tuple(prefix for root in roots if (prefix := os.path.join(root, b"")) not in away)
        for path in [path for path in self._done if path.startswith(inside) and path not in seen]:
            del self._done[path]
            self._unopened.discard(path)

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
            if self._done.get(entry.path) == state:
                continue
            known = before.get(entry.path)
            if known is not None and known.state == state:
                self._pending[entry.path] = replace(known, entry=entry)
            else:
                self._pending[entry.path] = _Pending(entry, state, now)

    # -- taking in -----------------------------------------------------------------------------------------

    def take(self, clock: Callable[[], float]) -> None:
        """Ingest what is ready, if it is time."""
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
        """Hand what is ready to an ingest; None where it failed, which is told."""
        entries = sorted((each.entry for each in ready), key=lambda entry: entry.path)
        seen = Scan(
            given=tuple(map(absolute, self._folders)),
            folders=(),  # nothing is marked missing
            files=tuple(entry for entry in entries if isinstance(entry, FoundFile)),
            problems=tuple(entry for entry in entries if isinstance(entry, Problem)),
            ignored=0,
        )
        try:
            # anew: settings may have changed, and a newer program may have upgraded it
            with Catalog.open(self._catalog.file) as catalog:
                return ingest_seen(catalog, seen, self._options.ingest)
        except (ThresherError, OSError) as error:
            if self._options.once:
                raise
            self._tell(WatchEvent(WatchNews.FAILED, reason=str(error)))
            return None

    def _settle(self, ready: Sequence[_Pending], report: IngestReport, now: float) -> None:
        """Note what the ingest took; what it found being written, or gone, has to stand still once more."""
        status_of = {failure.path: failure.status for failure in report.failures}
        for each in ready:
            path = each.entry.path
            names = (display_text(path), self._catalog.stored_absolute(path).path_text)
            status = next((status_of[name] for name in names if name in status_of), None)
            if status in _NOT_TAKEN:
                each.since = now
                continue
            self._done[path] = each.state
            self._pending.pop(path, None)
            if status == "unreadable" and isinstance(each.entry, FoundFile) and not _can_be_read(path):
                self._unopened.add(path)
        self._took_a_batch = True
        self._owes_scores = report.scoring_failure is not None
        failures = tuple(failure for failure in report.failures if failure.status not in _NOT_TAKEN)
        self._counts = WatchReport(
            self._counts.batches + (report.batch is not None),
            self._counts.added + report.added,
            self._counts.copies + report.copies,
            self._counts.failed + len(failures),
            False,
        )
        if report.batch is not None or failures or report.renderings or report.scoring_failure:
            self._tell(WatchEvent(WatchNews.BATCH, replace(report, failures=failures)))
        if report.scoring_failure is not None and self._options.once:
            raise CatalogError(report.scoring_failure)


def _state_of(entry: _Entry) -> _State:
    return (entry.size, entry.mtime_ns) if isinstance(entry, FoundFile) else entry.reason


def _can_be_read(path: bytes) -> bool:
    """Whether the file at `path`, which a scan found to be one, lets itself be opened and read."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a FIFO may have taken its name since
    except OSError:
        return False
    try:
        os.read(opened, 1)
    except OSError:
        return False
    finally:
        os.close(opened)
    return True
