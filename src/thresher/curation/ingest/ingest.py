"""Ingest: point the catalog at files; only content it does not know costs anything.

Scan → unchanged by path, size and time? done → hash → known content? a location → new content: analyse in the
workers → store, one transaction a group. Interrupted at any instant, what was committed stays and the next
ingest goes on from there.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from sqlalchemy import Connection, select, update

from thresher.catalog import recordings
from thresher.catalog.audio import sha256_file
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import insert_row
from thresher.catalog.name_patterns import PATTERNS
from thresher.catalog.paths import display_text
from thresher.catalog.provenance import CHECKPOINT_KEYS, Provenance, check_key, infer
from thresher.catalog.recordings import Arrival, FirstSight, Sighting
from thresher.catalog.schema import FAILED_STATUSES, ROLES, batch, clip, location, recording, rendering
from thresher.catalog.scores import retire
from thresher.catalog.sidecars import read_sidecar
from thresher.catalog.values import LARGEST_INTEGER
from thresher.curation.analysis.analyse import (
    DECODER_CRASHED,
    Analysis,
    AnalysisTask,
    Unopened,
    Unsettled,
    analyse,
    content_of,
    task_for,
    trim_settings,
    worker_modules,
)
from thresher.curation.comparison.score import ScoreReport
from thresher.curation.comparison.suspects import examine
from thresher.curation.ingest.catch_up import keep_scores
from thresher.curation.ingest.scan import FoundFile, Scan, scan
from thresher.curation.workers import (
    GROUP_SECONDS,
    Progress,
    WorkerDied,
    Workers,
    grouped,
    no_progress,
)
from thresher.errors import AudioError, CatalogError, UsageError
from thresher.signal.features.fingerprint import find_backend

BATCH_COUNTS = ("unchanged", "added", "copies", "moved", "missing", "reanalysed")
"""What a batch counts, by the names of the table's columns."""

FEWEST_GONE = 10
"""So many files have to be gone, and more than half of a folder, before an unplugged drive is suspected."""


@dataclass(frozen=True)
class IngestOptions:
    """What the command sets for every file of an ingest; None leaves it to the files' names.

    `attributes` are added to each file; `role` is generated where nobody ever said another. `executor` overrides
    the configured one. `reread` lets what names and sidecars say now stand over what they said before, as after
    a change of `[[provenance]]`. `mark_missing` agrees to marking most of a folder missing; `dry_run` changes
    nothing and says what would change.
    """

    run: str | None = None
    epoch: int | None = None
    step: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    role: str | None = None
    executor: str | None = None
    reread: bool = False
    dry_run: bool = False
    score: bool = True
    mark_missing: bool = False

    def stated(self) -> Provenance:
        """What the flags say of every file."""
        return Provenance(self.run, self.epoch, self.step, self.attributes)


@dataclass(frozen=True)
class Failure:
    """A file or folder that could not be used, what became of it, and why."""

    path: str
    status: str
    reason: str


@dataclass(frozen=True)
class IngestReport:
    """What an ingest found and changed; counts are files.

    Each file is counted once, but for `reanalysed` ones, which may have moved as well. `corrected` were known,
    and flags or their names said something new of them. `findings` counts silent and too short files; `failures`
    are the newly found files that can't be used and the folders that can't be read. `held_back` counts files that
    are gone and were not marked missing, because most of a folder was gone with them, `renderings` songs of this
    catalog among the clips, which are no clips. `warnings` are sentences about names and sidecars;
    `scoring_failure` says why scoring stopped, where it did; `suspects` are the new clips that are like what was
    rejected before.
    """

    batch: int | None
    files: int
    ignored: int
    unchanged: int
    added: int
    copies: int
    moved: int
    missing: int
    reanalysed: int
    corrected: int
    findings: Mapping[str, int]
    failures: tuple[Failure, ...]
    held_back: int
    renderings: int
    warnings: tuple[str, ...]
    seconds: float
    dry_run: bool
    scores: tuple[ScoreReport, ...] = ()
    scoring_failure: str | None = None
    suspects: tuple[int, ...] = ()

    @property
    def scoring(self) -> ScoreReport | None:
        """What scoring by the first metric in use did."""
        return self.scores[0] if self.scores else None


@dataclass(frozen=True)
class _Outcome:
    """One file on its way through: hashed, and analysed where its content needed it and this is no dry run."""

    found: FoundFile
    sha256: str | None
    needed: bool = False
    result: Analysis | Unsettled | Unopened | WorkerDied | None = None


def ingest(
    catalog: Catalog,
    paths: Sequence[str | bytes | os.PathLike[str]],
    options: IngestOptions = IngestOptions(),
    progress: Progress = no_progress,
) -> IngestReport:
    """Take files, or all audio files under folders, into the catalog, and score what is new.

    Raises NotFoundError for a path that is not there, UsageError for options that make no sense.
    """
    check_possible(catalog, options)
    begun = time.monotonic()
    progress("scanning", 0, 0)
    return _ingest(catalog, scan(paths), options, progress, begun=begun)


def ingest_seen(
    catalog: Catalog, seen: Scan, options: IngestOptions = IngestOptions(), progress: Progress = no_progress
) -> IngestReport:
    """Take into the catalog, of what a scan saw, the files that are still as it saw them.

    A file that has changed since is reported as unsettled and not read again: whoever scanned knows when to
    look next. Only what is gone from the scan's `folders` is marked missing. Raises as `ingest` does.
    """
    check_possible(catalog, options)
    return _ingest(catalog, seen, options, progress, begun=time.monotonic(), retry=False)


def _ingest(
    catalog: Catalog,
    seen: Scan,
    options: IngestOptions,
    progress: Progress,
    *,
    begun: float,
    retry: bool = True,
) -> IngestReport:
    work = _Ingest(catalog, seen, options, progress, retry=retry)
    work.everything()
    scoring: tuple[ScoreReport, ...] = ()
    suspects: tuple[int, ...] = ()
    failure = None
    if options.score and not options.dry_run:
        try:
            scoring = keep_scores(catalog, executor=options.executor, progress=progress)
            suspects = examine(catalog)
        except CatalogError as error:  # what was ingested is committed, and is told all the same
            failure = str(error)
    return work.report(time.monotonic() - begun, scoring, failure, suspects)


def check_possible(catalog: Catalog, options: IngestOptions) -> None:
    """UsageError for options that make no sense, CatalogError where nothing makes fingerprints.

    Both are said before anything is done.
    """
    find_backend(catalog.settings.fingerprint.backend)
    if options.role is not None and options.role not in ROLES:
        raise UsageError(f'"{options.role}" is no role; write generated or reference')
    for name, number in (("epoch", options.epoch), ("step", options.step)):
        if number is not None and not 0 <= number <= LARGEST_INTEGER:
            raise UsageError(f"{number} is no {name}; write a whole number from 0 to {LARGEST_INTEGER}")
    for key, text in {"run": options.run or "", **options.attributes}.items():
        try:
            text.encode("utf-8")
            if key in CHECKPOINT_KEYS and key in options.attributes:
                raise UsageError(f"{key} is no attribute; state it with --{key} {text}")
            if key != "run":
                check_key(key)
        except UnicodeEncodeError as error:
            raise UsageError(f'{key} "{display_text(os.fsencode(text))}" is not UTF-8 text') from error
        except ValueError as error:
            raise UsageError(str(error)) from error


@dataclass
class _Tally:
    """What one group changed; added to the whole only once the group is committed."""

    counts: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unsettled: list[FoundFile] = field(default_factory=list)

    def add(self, other: _Tally) -> None:
        self.counts += other.counts
        self.findings += other.findings
        self.failures += other.failures
        self.warnings += other.warnings
        self.unsettled += other.unsettled


class _DryRunEnds(Exception):  # noqa: N818  a signal, not an error
    """Rolls back the one transaction of a dry run."""


class _Ingest:
    """One run of `ingest`, with its counts."""

    def __init__(
        self, catalog: Catalog, seen: Scan, options: IngestOptions, progress: Progress, *, retry: bool
    ) -> None:
        self.catalog = catalog
        self.retry = retry
        self.settings = catalog.settings
        self.seen = seen
        self.options = options
        self.progress = progress
        self.tally = _Tally()
        self.held_back: set[int] = set()
        self.batch_id: int | None = None
        self.rendered: set[str] = set()
        self.trim = trim_settings(catalog.settings)
        self.trim_key = recordings.trim_key(self.trim)

    def everything(self) -> None:
        """From the scan to the last commit – or, for a dry run, through one transaction and back."""
        with self.catalog.reading() as connection:
            to_read, unchanged = self._classified(connection)
            self.rendered = set(connection.scalars(select(rendering.c.sha256)))
        self.tally.counts["unchanged"] = len(unchanged)
        if self.options.dry_run:
            outcomes = list(self._outcomes(to_read))
            try:
                with self.catalog.writing() as connection:
                    self._store(connection, outcomes, self.tally)
                    self._report_unsettled()
                    self._close(connection, unchanged)
                    raise _DryRunEnds
            except _DryRunEnds:
                return
        self._read_and_store(to_read)
        if self.tally.unsettled and self.retry:
            self._try_again()
        else:
            self._report_unsettled()
        with self.catalog.writing() as connection:
            self._close(connection, unchanged)

    def report(
        self,
        seconds: float,
        scoring: tuple[ScoreReport, ...],
        failure: str | None,
        suspects: tuple[int, ...],
    ) -> IngestReport:
        """The counts as plain data."""
        tally = self.tally
        return IngestReport(
            batch=None if self.options.dry_run else self.batch_id,
            files=len(self.seen.files) + sum(not problem.is_folder for problem in self.seen.problems),
            ignored=self.seen.ignored,
            **{name: tally.counts[name] for name in (*BATCH_COUNTS, "corrected")},
            findings=dict(tally.findings),
            failures=tuple(tally.failures),
            held_back=len(self.held_back),
            renderings=tally.counts["renderings"],
            warnings=tuple(tally.warnings),
            seconds=seconds,
            dry_run=self.options.dry_run,
            scores=scoring,
            scoring_failure=failure,
            suspects=suspects,
        )

    # -- reading -------------------------------------------------------------------------------------------

    def _classified(self, connection: Connection) -> tuple[list[FoundFile], dict[int, FoundFile]]:
        """Files to read, and those that are as the catalog knows them, by their locations."""
        known = {
            row.path: row
            for row in connection.execute(
                select(
                    location.c.id,
                    location.c.path,
                    location.c.size,
                    location.c.mtime_ns,
                    location.c.recording_id,
                    clip.c.trim,
                )
                .outerjoin_from(
                    location,
                    clip,
                    (clip.c.recording_id == location.c.recording_id) & (clip.c.kind == "whole"),
                )
                .where(location.c.missing_since.is_(None))
            )
        }
        to_read: list[FoundFile] = []
        unchanged: dict[int, FoundFile] = {}
        for found in self.seen.files:
            row = known.get(self.catalog.stored_absolute(found.path).path)
            wanted = (found.size, found.mtime_ns, self.trim_key)
            if row is not None and row.recording_id and (row.size, row.mtime_ns, row.trim) == wanted:
                unchanged[int(row.id)] = found
            else:
                to_read.append(found)
        return to_read, unchanged

    def _outcomes(self, files: Sequence[FoundFile]) -> Iterator[_Outcome]:
        """Hash each file, and analyse those whose content needs it; in the order of the files."""
        with self.catalog.reading() as connection:
            statement = (
                select(recording.c.sha256, clip.c.trim)
                .join(clip, clip.c.recording_id == recording.c.id)
                .where(clip.c.kind == "whole")
            )
            trimmed_by = {row.sha256: row.trim for row in connection.execute(statement)}
        word = self.options.executor or self.settings.ingest.executor
        with Workers("threads:2") as hashers, Workers(word, preload=worker_modules(self.settings)) as workers:

            def tasks() -> Iterator[tuple[_Outcome, AnalysisTask | None]]:
                for found, digest in hashers.map(_hash, ((found, found) for found in files)):
                    if not isinstance(digest, str):
                        yield _Outcome(found, None, result=digest), None
                        continue
                    known = trimmed_by.get(digest) == self.trim_key or digest in self.rendered
                    trimmed_by[digest] = self.trim_key
                    works = not known and not self.options.dry_run
                    yield _Outcome(found, digest, not known), self._task(found) if works else None

            for done, (outcome, result) in enumerate(workers.map(analyse, tasks()), start=1):
                self.progress("analysing", done, len(files))
                yield outcome if result is None else replace(outcome, result=result)

    def _task(self, found: FoundFile) -> AnalysisTask:
        return task_for(found.path, found.size, found.mtime_ns, self.settings)

    # -- storing -------------------------------------------------------------------------------------------

    def _read_and_store(self, files: Sequence[FoundFile]) -> None:
        for group in grouped(self._outcomes(files), self.settings.ingest.group, GROUP_SECONDS):
            tally = _Tally()
            with self.catalog.writing() as connection:
                self._store(connection, group, tally)
                self._count(connection, self.tally.counts + tally.counts)
            self.tally.add(tally)

    def _try_again(self) -> None:
        """Files that somebody was writing are read once more, after a while."""
        waiting, self.tally.unsettled = self.tally.unsettled, []
        time.sleep(self.settings.ingest.settle)
        self._read_and_store([_seen_now(found) for found in waiting])
        self._report_unsettled()

    def _report_unsettled(self) -> None:
        for found in self.tally.unsettled:
            reason = "is still being written; the next ingest takes it"
            self.tally.failures.append(Failure(display_text(found.path), "unsettled", reason))

    def _store(self, connection: Connection, outcomes: Sequence[_Outcome], tally: _Tally) -> None:
        known = recordings.find_recordings(connection, (each.sha256 for each in outcomes if each.sha256))
        new: list[FirstSight] = []  # added together: one by one it would cost several times as much
        stale: list[int] = []
        for outcome in outcomes:
            if any(outcome.sha256 == first.sha256 for first in new):  # a twin finds what it is a twin of
                self._add(connection, new, known)
            match outcome.result:
                case Unopened(vanished=True):
                    reason = "was removed while the ingest ran"
                    tally.failures.append(Failure(display_text(outcome.found.path), "missing", reason))
                case Unopened(reason=reason):
                    self._note_unopened(connection, outcome.found, reason, tally)
                case Unsettled():
                    tally.unsettled.append(outcome.found)
                case _ if outcome.sha256 in self.rendered:
                    recordings.leave(
                        connection, self.catalog.stored_absolute(outcome.found.path).path, time.time()
                    )
                    tally.counts["renderings"] += 1
                case _ if outcome.sha256 in known:
                    stale += self._store_known(connection, outcome, known[outcome.sha256], tally)
                case None if not self.options.dry_run:
                    # its twin of this ingest was not settled, so neither is this
                    tally.unsettled.append(outcome.found)
                case _:
                    new.append(self._first_sight(outcome, tally))
        self._add(connection, new, known)
        retire(connection, stale)

    def _add(self, connection: Connection, new: list[FirstSight], known: dict[str, int]) -> None:
        """Add what is new, and let it be known."""
        if new:
            ids = recordings.add_first_seen(connection, self._batch(connection), new, time.time())
            known.update(zip((first.sha256 for first in new), ids, strict=True))
            new.clear()

    def _first_sight(self, outcome: _Outcome, tally: _Tally) -> FirstSight:
        """A file of new content as the catalog will know it."""
        assert outcome.sha256 is not None
        analysis = _analysis(outcome)
        if analysis is None:
            analysis = Analysis("ok")  # in a dry run: what is new has to be counted, and is rolled back
        sighting = self._sighting(outcome.found, tally)
        self._judge(outcome.found, analysis, tally)
        tally.counts["added"] += 1
        return FirstSight(outcome.sha256, content_of(analysis, self.trim_key), sighting)

    def _store_known(
        self, connection: Connection, outcome: _Outcome, recording_id: int, tally: _Tally
    ) -> list[int]:
        """Store where known content was seen, and its new analysis; the clips whose score rows this makes stale."""
        stale, again = None, tally.counts["reanalysed"]
        if outcome.needed:
            stale = self._store_again(connection, outcome.found, recording_id, _analysis(outcome), tally)
        arrival = recordings.arrive(
            connection,
            self.catalog.root,
            partial(self._batch, connection),
            recording_id,
            self._sighting(outcome.found, tally),
            time.time(),
        )
        if arrival is not Arrival.UNCHANGED or tally.counts["reanalysed"] == again:
            tally.counts[arrival.value] += 1
        return stale or []

    def _store_again(
        self,
        connection: Connection,
        found: FoundFile,
        recording_id: int,
        analysis: Analysis | None,
        tally: _Tally,
    ) -> list[int]:
        """Store a new analysis of known content, unless another ingest has done so meanwhile."""
        status, trim = recordings.status_and_trim(connection, recording_id)
        if trim == self.trim_key:
            return []
        self._batch(connection)
        tally.counts["reanalysed"] += 1
        if analysis is None:
            return []
        if analysis.status != status:
            self._judge(found, analysis, tally)
        return recordings.replace_content(connection, recording_id, content_of(analysis, self.trim_key))

    def _note_unopened(self, connection: Connection, found: FoundFile, reason: str, tally: _Tally) -> None:
        sighting = self._sighting(found, tally)
        if recordings.note_unopened(connection, partial(self._batch, connection), sighting, reason):
            tally.failures.append(Failure(sighting.stored.path_text, "unreadable", reason))
        else:
            tally.counts["unchanged"] += 1

    def _judge(self, found: FoundFile, analysis: Analysis, tally: _Tally) -> None:
        if analysis.status == "ok" and not analysis.reason:
            return
        path = self.catalog.stored_absolute(found.path).path_text
        if analysis.status in FAILED_STATUSES:
            tally.failures.append(Failure(path, analysis.status, analysis.reason or ""))
        elif analysis.status != "ok":
            tally.findings[analysis.status] += 1
        else:
            tally.warnings.append(f"{path}: {analysis.reason}")

    def _sighting(self, found: FoundFile, tally: _Tally) -> Sighting:
        sidecar, warning = read_sidecar(found.path)
        if warning:
            tally.warnings.append(warning)
        inference = infer(
            found.path,
            patterns=(*self.settings.provenance, *PATTERNS),
            sidecar=sidecar,
            overrides=self.options.stated(),
        )
        folder_run = display_text(os.path.basename(found.root)) or None
        return Sighting(
            self.catalog.stored_absolute(found.path),
            found.size,
            found.mtime_ns,
            inference.provenance,
            inference.provenance if self.options.reread else self.options.stated(),
            self.options.role,
            folder_run,
        )

    def _batch(self, connection: Connection) -> int:
        """The batch of this ingest; it begins when there is first something to write."""
        if self.batch_id is None:
            options = {
                name: value
                for name, value in (
                    ("run", self.options.run),
                    ("epoch", self.options.epoch),
                    ("step", self.options.step),
                    ("set", dict(self.options.attributes)),
                    ("role", self.options.role),
                    ("reread", self.options.reread or None),
                )
                if value not in (None, {})
            }
            given = [self.catalog.stored(path).path_text for path in self.seen.given]
            values = {
                "started_at": time.time(),
                "paths": json.dumps(given),
                "options": json.dumps(options),
            }
            self.batch_id = insert_row(connection, batch, values)
        return self.batch_id

    # -- after the last file -------------------------------------------------------------------------------

    def _close(self, connection: Connection, unchanged: Mapping[int, FoundFile]) -> None:
        """What only the whole scan can tell: what is gone, what could not be looked at; then the end."""
        self._correct(connection, unchanged)
        for problem in self.seen.problems:
            if problem.is_folder:
                failure = Failure(display_text(problem.path), "unreadable folder", problem.reason)
                self.tally.failures.append(failure)
            else:
                found = FoundFile(problem.path, problem.root, 0, 0)
                self._note_unopened(connection, found, problem.reason, self.tally)
        gone = self._gone(connection)
        if gone:
            self._batch(connection)
            recordings.mark_missing(connection, gone, time.time())
            self.tally.counts["missing"] = len(gone)
        self._count(connection, self.tally.counts, finished_at=time.time(), failed=len(self.tally.failures))

    def _count(self, connection: Connection, counts: Mapping[str, int], **more: float) -> None:
        """Write what came so far into the batch, so that an interrupted one tells it too."""
        if self.batch_id is not None:
            values = {"files": len(self.seen.files), **{name: counts[name] for name in BATCH_COUNTS}, **more}
            connection.execute(update(batch).where(batch.c.id == self.batch_id).values(values))

    def _correct(self, connection: Connection, unchanged: Mapping[int, FoundFile]) -> None:
        """What flags, or names that are read again, say of files that are as they were."""
        options = self.options
        changed: set[int] = set()
        if options.reread:
            for location_id, found in unchanged.items():
                sighting = self._sighting(found, self.tally)
                changed |= recordings.correct(connection, [location_id], sighting.stated, options.role)
        elif options.role is not None or options.stated() != Provenance():
            changed = recordings.correct(connection, list(unchanged), options.stated(), options.role)
        if changed:
            self._batch(connection)
        self.tally.counts["corrected"] += len(changed)
        self.tally.counts["unchanged"] -= len(changed)

    def _gone(self, connection: Connection) -> list[int]:
        """Locations under the scanned folders where nothing is any more, unless a drive seems unplugged."""
        present = {found.path for found in self.seen.files}
        # what came by this very ingest says nothing about what it could not find
        before = location.c.batch_id != (self.batch_id or 0)
        known = [
            (int(row.id), self.catalog.absolute(row.path))
            for row in connection.execute(
                select(location.c.id, location.c.path).where(location.c.missing_since.is_(None), before)
            )
        ]
        gone: set[int] = set()
        for folder in self.seen.folders:
            prefix = folder.rstrip(b"/") + b"/"
            here = [(location_id, path) for location_id, path in known if path.startswith(prefix)]
            gone_here = [
                location_id for location_id, path in here if path not in present and not _exists(path)
            ]
            suspicious = len(gone_here) >= FEWEST_GONE and 2 * (len(here) - len(gone_here)) < len(here)
            if suspicious and not self.options.mark_missing:
                self.held_back.update(gone_here)
            else:
                gone.update(gone_here)
        return sorted(gone - self.held_back)


def _analysis(outcome: _Outcome) -> Analysis | None:
    if isinstance(outcome.result, WorkerDied):
        return Analysis("unreadable", DECODER_CRASHED)
    return outcome.result if isinstance(outcome.result, Analysis) else None


def _hash(found: FoundFile) -> str | Unsettled | Unopened:
    """SHA-256 of a file that is as it was when it was found."""
    try:
        digest = sha256_file(found.path)
        now = os.stat(found.path)
    except FileNotFoundError:
        return Unopened("is no longer there", vanished=True)
    except OSError as error:
        return Unopened(error.strerror or str(error))
    except AudioError as error:  # something that is no file has taken its name since the scan
        return Unopened(str(error))
    if (now.st_size, now.st_mtime_ns) != (found.size, found.mtime_ns):
        return Unsettled()
    return digest


def _seen_now(found: FoundFile) -> FoundFile:
    try:
        now = os.stat(found.path)
    except OSError:  # reading it will say why
        return found
    return replace(found, size=now.st_size, mtime_ns=now.st_mtime_ns)


def _exists(path: bytes) -> bool:
    """Whether something may be at `path`: only a clear "no such file" counts as gone."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
