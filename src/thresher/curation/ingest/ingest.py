"""Ingest: bring the catalog up to date with files and folders.

Scan → classify → read → store → close → catch up. Files whose stamp proves them unchanged cost nothing
(`catalog/files/stamps.py`); known content is only hashed; new content is analysed in the workers. Each group of
files is stored in one transaction, and no file is read, hashed or looked at inside of one. An interrupted ingest
keeps what was committed, and the next one continues from there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection

from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import vacated_locations
from thresher.catalog.files.paths import display_text
from thresher.catalog.recordings.locations import LocationState
from thresher.catalog.recordings.run_roots import read_stated_runs
from thresher.catalog.settings.own_files import OwnFiles
from thresher.curation.analysis.worker import WORKER_MODULES
from thresher.curation.comparison.suspects import all_examined
from thresher.curation.ingest.catch_up import CatchUpReport, catch_up
from thresher.curation.ingest.classify import Classified, classify, look_up_contents_again
from thresher.curation.ingest.closing import check_vanished, close, prepare
from thresher.curation.ingest.options import DEFAULT_OPTIONS, IngestOptions, check_options
from thresher.curation.ingest.overwritten import note_songs
from thresher.curation.ingest.reading import ReadFile, look_again, read_files, with_folder_run
from thresher.curation.ingest.refiling import Misfiled, find_misfiled, refile, todays_places
from thresher.curation.ingest.report import COUNTS, SHOWN_UNNAMED, Failure, IngestReport, Tally
from thresher.curation.ingest.run import Batch, CurrentRoots, IngestRun
from thresher.curation.ingest.scan import FoundFile, Scan, scan
from thresher.curation.ingest.stability import Stability
from thresher.curation.ingest.storing import store
from thresher.curation.workers import GROUP_SECONDS, Workers, grouped
from thresher.errors import CatalogError
from thresher.progress import Progress, no_progress
from thresher.signal.features.fingerprint import find_backend


def ingest(
    catalog: Catalog,
    paths: Sequence[str | bytes | os.PathLike[str]],
    options: IngestOptions = DEFAULT_OPTIONS,
    progress: Progress = no_progress,
    *,
    found: Scan | None = None,
    workers: Workers | None = None,
) -> IngestReport:
    """Ingest files, or all audio files below folders, and score the new clips.

    `found` is a scan of `paths` that was just made; by default they are scanned here. `workers` may have begun to
    analyse its files and replace the executor of the options. Known files below a path that does not exist any
    more are marked missing only with `mark_missing`. Raises NotFoundError for a path that does
    not exist and of which the catalog knows no file, UsageError for invalid options, BackendMissingError if there
    are files to read and nothing on this machine makes fingerprints.
    """
    check_options(options)
    begun = time.monotonic()
    progress("scanning", 0, 0)
    found = found or scan(
        paths, options.exclude, own=OwnFiles(catalog.file, catalog.settings), allow_vanished=True
    )
    check_vanished(catalog, found)
    return _ingest(catalog, found, options, progress, workers, begun=begun, retry=True)


def ingest_scan(
    catalog: Catalog, found: Scan, options: IngestOptions = DEFAULT_OPTIONS, progress: Progress = no_progress
) -> IngestReport:
    """Ingest those files of a scan that have not changed since.

    A file that has changed is reported as unsettled and not read again; the caller decides when to scan again. Only
    files below the scan's `folders` are marked missing. Raises as `ingest` does.
    """
    check_options(options)
    return _ingest(catalog, found, options, progress, None, begun=time.monotonic(), retry=False)


def _ingest(
    catalog: Catalog,
    found: Scan,
    options: IngestOptions,
    progress: Progress,
    workers: Workers | None,
    *,
    begun: float,
    retry: bool,
) -> IngestReport:
    misfiled = find_misfiled(catalog)
    if misfiled and not options.dry_run:
        catalog.write(partial(refile, misfiled=misfiled))
        misfiled = {}
    known = classify(catalog, found.files, todays_places(misfiled))
    if workers is None:
        workers = Workers(options.executor or catalog.settings.ingest.executor, preload=WORKER_MODULES)
    if known.to_read:
        workers.get_ready()
        find_backend(catalog.settings.fingerprint.backend)
    run = _begun(catalog, options, found, known, workers)
    tally = Tally()
    tally.counts["unchanged"] = len(known.unchanged)
    if options.dry_run:
        tally = _rehearse(run, tally, misfiled, progress)
        return _report(run, tally, begun, CatchUpReport())
    _read_and_store(run, known.to_read, tally, progress)
    if tally.unsettled and retry:
        _try_again(run, tally, progress)
    if tally.to_read_again:
        _read_cut_files_again(run, tally, progress)
    _report_unsettled(tally)
    tally = _close(run, tally)
    caught_up, failure = CatchUpReport(), None
    if options.score:
        try:
            caught_up = catch_up(catalog, executor=options.executor, progress=progress)
        except CatalogError as error:  # what was ingested is committed, and is reported nevertheless
            failure = str(error)
        else:
            if caught_up.is_complete:
                catalog.settle(all_examined)
    return _report(run, tally, begun, caught_up, failure)


def _begun(
    catalog: Catalog, options: IngestOptions, found: Scan, known: Classified, workers: Workers
) -> IngestRun:
    with catalog.reading() as connection:
        stated = read_stated_runs(connection) if options.reread else {}
    batch = Batch(catalog, found, options)
    roots = CurrentRoots(catalog)
    return IngestRun(catalog, options, found, known, batch, Stability(known), roots, stated, workers)


def _rehearse(run: IngestRun, before: Tally, misfiled: Mapping[int, Misfiled], progress: Progress) -> Tally:
    """Do the work of a dry run: one transaction, which is rolled back."""
    files = [with_folder_run(run, file) for file in read_files(run, run.known.to_read, progress)]
    today = todays_places(misfiled)
    vacated = frozenset(
        each._replace(place=today.get(each.place, each.place)) for each in _vacated(run, files)
    )
    note_songs(run, files, before)
    _observe(run, files)
    closing = prepare(run)
    closing = replace(closing, absent=frozenset(today.get(place, place) for place in closing.absent))

    def rehearse(connection: Connection) -> Tally:
        trial, tally = run.trial(), before.copied()
        refile(connection, misfiled)
        store(trial, connection, files, vacated, tally)
        _report_unsettled(tally)
        close(trial, connection, closing, tally)
        return tally

    return run.catalog.write(rehearse, dry_run=True)


def _read_and_store(run: IngestRun, files: Sequence[FoundFile], tally: Tally, progress: Progress) -> None:
    size = run.catalog.settings.ingest.group
    for group in grouped(read_files(run, files, progress), size, GROUP_SECONDS):
        note_songs(run, group, tally)
        tally.add(_store(run, group, tally))


def _store(run: IngestRun, group: Sequence[ReadFile], before: Tally) -> Tally:
    """Store a group of files in one transaction, and count them; `before` counts the groups before it.

    If another ingest came first meanwhile, its folders name the runs, and names are read again outside of the
    transaction.
    """
    vacated = _vacated(run, group)

    def store_named(trial: IngestRun, connection: Connection) -> Tally:
        stored = Tally()
        store(trial, connection, named, vacated, stored)
        trial.batch.record(connection, before.counts + stored.counts)
        return stored

    stored = None
    while stored is None:
        named = [with_folder_run(run, file) for file in group]
        stored = _write(run, store_named)
    _observe(run, group)
    return stored


def _close(run: IngestRun, before: Tally) -> Tally:
    """Store what is known when all files are stored, and finish the batch; return the final tally."""

    def close_batch(trial: IngestRun, connection: Connection) -> Tally:
        tally = before.copied()
        close(trial, connection, closing, tally)
        return tally

    tally = None
    while tally is None:
        closing = prepare(run)
        tally = _write(run, close_batch)
    return tally


def _write(run: IngestRun, function: Callable[[IngestRun, Connection], Tally]) -> Tally | None:
    """Return what `function` returns, called in a write transaction with a trial of the run.

    Return None if another ingest came first; the roots of the run are then read again, and nothing is written.
    """

    def attempt(connection: Connection) -> tuple[IngestRun, Tally] | None:
        if not run.roots.are_current(connection, run.batch):
            return None
        trial = run.trial()
        return trial, function(trial, connection)

    done = run.catalog.write(attempt)
    if done is None:
        run.roots.read_again()
        return None
    run.batch.id = done[0].batch.id
    return done[1]


def _observe(run: IngestRun, files: Sequence[ReadFile]) -> None:
    for file in files:
        run.stability.observe(file.found, file.sha256)


def _vacated(run: IngestRun, files: Sequence[ReadFile]) -> frozenset[LocationState]:
    seen = {file.sighting.stored.place: file.sha256 for file in files if file.sha256 is not None}
    keys = {file.sighting.stored.place: file.audio_key for file in files if file.audio_key is not None}
    return vacated_locations(run.catalog, seen, keys)


def _try_again(run: IngestRun, tally: Tally, progress: Progress) -> None:
    """Read the files that were being written, or whose content is not known any more, once more after a pause."""
    waiting, tally.unsettled = tally.unsettled, []
    time.sleep(run.catalog.settings.ingest.settle)
    look_up_contents_again(run.catalog, run.known)
    _read_and_store(run, [look_again(found) for found in waiting], tally, progress)


def _read_cut_files_again(run: IngestRun, tally: Tally, progress: Progress) -> None:
    """Analyse the files whose cuts are known only now."""
    waiting = tuple(tally.to_read_again)
    run.known.trims.update((each.sha256, each.trim) for each in waiting)
    _read_and_store(run, [each.found for each in waiting], tally, progress)


def _report_unsettled(tally: Tally) -> None:
    reason = "is still being written; the next ingest takes it"
    tally.failures += [Failure(display_text(found.path), "unsettled", reason) for found in tally.unsettled]


def _report(
    run: IngestRun,
    tally: Tally,
    begun: float,
    caught_up: CatchUpReport,
    failure: str | None = None,
) -> IngestReport:
    return IngestReport(
        batch=None if run.options.dry_run else run.batch.id,
        files=run.scan.found,
        ignored=run.scan.ignored,
        excluded=run.scan.excluded,
        unnamed=len(tally.unnamed),
        unnamed_examples=tuple(tally.unnamed[:SHOWN_UNNAMED]),
        given=tuple(map(display_text, run.scan.given)),
        reread=tuple(sorted(tally.reread.values(), key=lambda each: each.shape)),
        ignored_suffixes=run.scan.ignored_suffixes,
        **{name: tally.counts[name] for name in COUNTS},
        findings=dict(tally.findings),
        failures=tuple(tally.failures),
        held_back=tally.held_back,
        renderings=tally.counts["renderings"],
        exports=tally.counts["exports"],
        warnings=(*tally.warnings, *caught_up.notes),
        seconds=time.monotonic() - begun,
        dry_run=run.options.dry_run,
        scores=caught_up.scores,
        scoring_failure=failure,
        suspects=caught_up.suspects,
        without_file=caught_up.without_file,
        overwritten=tally.overwritten,
        linked=tally.linked,
        vanished=tuple(map(display_text, run.scan.vanished)),
    )
