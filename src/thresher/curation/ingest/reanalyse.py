"""Analyse known recordings again: with today's trim settings, or because stored data is damaged.

A clip keeps its id, rating and tags. If its span, fingerprint or descriptor changes, its score rows are retired and
scoring adds new ones.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import Connection

from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import find_content
from thresher.catalog.database.schema import clip, recording
from thresher.catalog.recordings import recordings
from thresher.catalog.recordings.clip_rows import clip_rows
from thresher.catalog.recordings.cut_clips import wholes_of
from thresher.catalog.scores import scores
from thresher.catalog.settings.sections import trim_key
from thresher.curation.analysis.file_results import Unseen, analysis_of, file_results
from thresher.curation.analysis.task import (
    Analysis,
    AnalysisTask,
    content_of,
    cut_content_of,
    task_for,
    trim_of_key,
)
from thresher.curation.analysis.worker import WORKER_MODULES, analyse_file
from thresher.curation.clips.reach import no_match
from thresher.curation.clips.selection import recordings_of, select_ids
from thresher.curation.comparison.score import score_all
from thresher.curation.comparison.score_report import ScoreReport
from thresher.curation.cutting.reanalysed import (
    NOTHING_CUT,
    Recutting,
    follow_recut,
    has_cuts,
    recut_recording,
)
from thresher.curation.cutting.recut import Cuts, cuts_of
from thresher.curation.workers import GROUP_SECONDS, Workers, grouped
from thresher.progress import Progress, no_progress
from thresher.signal.features.fingerprint import find_backend
from thresher.signal.features.trim import Span


@dataclass(frozen=True)
class SpanChange:
    """A clip with another span than before, in frames of its recording; `status` is that of the recording now.

    Another decoder may decode at another rate: `before_rate` is that of the span before, `sample_rate` that of now.
    """

    clip_id: int
    before: Span
    after: Span
    sample_rate: int
    status: str
    before_rate: int


@dataclass(frozen=True)
class StatusChange:
    """A clip whose recording has another status than `before`."""

    clip_id: int
    before: str
    after: str


@dataclass(frozen=True)
class ReanalysisReport:
    """The number of recordings `analysed`, and of clips `changed` in span, fingerprint or descriptor.

    `without_file` are the ids of the recordings that could not be read, because no file holds them now. `spans`
    are the wholes whose spans changed, and `statuses` those whose recordings have another status, by id. `notes`
    are sentences about parts and marks that changed, and about the recordings that are `unseen`: a worker on
    another machine could not read their files, and this machine can.
    """

    analysed: int
    changed: int
    without_file: tuple[int, ...]
    seconds: float
    scores: tuple[ScoreReport, ...]
    spans: tuple[SpanChange, ...] = ()
    statuses: tuple[StatusChange, ...] = ()
    notes: tuple[str, ...] = ()
    unseen: tuple[int, ...] = ()

    @property
    def scoring(self) -> ScoreReport | None:
        """The report of the first metric in use."""
        return self.scores[0] if self.scores else None


@dataclass(frozen=True)
class _Known:
    id: int
    sha256: str
    trim: str
    clip_id: int
    span: Span
    sample_rate: int
    status: str
    decoder: str | None
    cuts: Cuts | None


def reanalyse(
    catalog: Catalog,
    terms: Sequence[str] = (),
    *,
    executor: str | None = None,
    rescore: bool = True,
    dry_run: bool = False,
    progress: Progress = no_progress,
) -> ReanalysisReport:
    """Analyse the recordings of the clips that match `terms` (all clips, without terms) from their files.

    Raises NotFoundError if no clip matches the terms. A dry run finds which recordings have a file and leaves
    `changed` at 0, which only an analysis can find out.
    """
    begun = time.monotonic()
    with catalog.reading() as connection:
        clip_ids = select_ids(catalog, connection, terms, defaults=False)
        if terms and not clip_ids:
            raise no_match(catalog, connection, terms)
    if dry_run:
        wanted = _recordings(catalog, clip_ids)
        lost = [known.id for known in wanted if find_content(catalog, known.sha256) is None]
        seconds = time.monotonic() - begun
        return ReanalysisReport(len(wanted) - len(lost), 0, tuple(lost), seconds, ())
    report = reanalyse_clips(catalog, clip_ids, executor=executor, rescore=rescore, progress=progress)
    return replace(report, seconds=time.monotonic() - begun)


def reanalyse_clips(
    catalog: Catalog,
    clip_ids: Sequence[int],
    *,
    executor: str | None = None,
    rescore: bool = True,
    retrim: bool = True,
    progress: Progress = no_progress,
) -> ReanalysisReport:
    """Analyse the recordings of these clips from their files.

    With `retrim`, today's trim settings apply. Without it, each recording is trimmed with the settings that its
    clip was made with, and decoded by the decoder that read it then, so that the span stays the same.
    """
    begun = time.monotonic()
    settings = catalog.settings
    wanted = _recordings(catalog, clip_ids)
    if wanted:
        find_backend(settings.fingerprint.backend)
    without_file: list[int] = []
    unseen: list[int] = []
    notes: list[str] = []
    analysed = changed = 0
    with Workers(executor or settings.ingest.executor, preload=WORKER_MODULES) as workers:
        results = file_results(workers, analyse_file, _tasks(catalog, wanted, retrim=retrim), catalog.roots)
        for group in grouped(results, settings.ingest.group, GROUP_SECONDS):
            found = [(known, each) for known, result in group if (each := analysis_of(result)) is not None]
            stale, new_notes = catalog.write(partial(_store, catalog, found=found, retrim=retrim))
            changed += stale
            notes += new_notes
            analysed += len(found)
            for known, result in group:
                if isinstance(result, Unseen):
                    unseen.append(known.id)
                    notes.append(f"recording of clip {known.clip_id} not analysed: {result.reason}")
                elif analysis_of(result) is None:
                    without_file.append(known.id)
            progress("analysing", analysed + len(without_file) + len(unseen), len(wanted))
    spans, statuses = _changes(wanted, _recordings(catalog, clip_ids))
    scored = score_all(catalog, progress, executor=executor) if rescore else ()
    seconds = time.monotonic() - begun
    return ReanalysisReport(
        analysed, changed, tuple(without_file), seconds, scored, spans, statuses, tuple(notes), tuple(unseen)
    )


def _store(
    catalog: Catalog, connection: Connection, *, found: Sequence[tuple[_Known, Analysis]], retrim: bool
) -> tuple[int, list[str]]:
    """Store the analyses of recordings; return how many clips changed, and notes about parts and marks."""
    current = trim_key(catalog.settings.trim)
    stale: list[int] = []
    recut: list[Recutting] = []
    notes: list[str] = []
    for known, analysis in found:
        trim = current if retrim else known.trim
        done = _recut(catalog, connection, known, analysis, trim, retrim=retrim)
        recut.append(done)
        notes += [f"recording of clip {known.clip_id}: {note}" for note in done.notes]
        stale += recordings.replace_content(connection, known.id, content_of(analysis, trim), done.contents)
    scores.retire(connection, stale)
    follow_recut(connection, recut)
    return len(stale), notes


def _recut(
    catalog: Catalog, connection: Connection, known: _Known, analysis: Analysis, trim: str, *, retrim: bool
) -> Recutting:
    """Store what an analysis makes of a recording's parts and marks. Without `retrim`, their spans stay."""
    cuts = known.cuts
    if cuts is None or not has_cuts(connection, known.id, cuts):
        return NOTHING_CUT
    if retrim:
        return recut_recording(catalog, connection, cuts, analysis, trim)
    contents = {
        each.id: cut_content_of(found, trim)
        for each, found in zip(cuts.present, analysis.clips, strict=False)
    }
    return replace(NOTHING_CUT, contents=contents)


def _changes(
    before: Sequence[_Known], after: Sequence[_Known]
) -> tuple[tuple[SpanChange, ...], tuple[StatusChange, ...]]:
    """Return the clips whose spans changed in seconds, and those of another status than before."""
    former = {known.id: known for known in before}
    pairs = [
        (former[known.id], known)
        for known in sorted(after, key=lambda known: known.clip_id)
        if known.id in former
    ]
    return tuple(
        SpanChange(now.clip_id, then.span, now.span, now.sample_rate, now.status, then.sample_rate)
        for then, now in pairs
        if (then.span, then.sample_rate) != (now.span, now.sample_rate)
    ), tuple(
        StatusChange(now.clip_id, then.status, now.status) for then, now in pairs if then.status != now.status
    )


def _recordings(catalog: Catalog, clip_ids: Sequence[int]) -> list[_Known]:
    """Return the recordings of clips, by ascending id."""
    with catalog.reading() as connection:
        wholes = wholes_of(connection, recordings_of(connection, clip_ids))
        rows = clip_rows(connection, list(wholes.values())).values()
        cuts = cuts_of(connection, wholes)
    found = {
        row[recording.c.id]: _Known(
            row[recording.c.id],
            row[recording.c.sha256],
            row[clip.c.trim],
            row[clip.c.id],
            Span(row[clip.c.start_frame], row[clip.c.end_frame]),
            row[recording.c.sample_rate] or 1,
            row[recording.c.status],
            row[recording.c.decoder],
            cuts.get(row[recording.c.id]),
        )
        for row in rows
    }
    return [found[recording_id] for recording_id in sorted(found)]


def _tasks(
    catalog: Catalog, wanted: Sequence[_Known], *, retrim: bool
) -> Iterator[tuple[_Known, AnalysisTask | None]]:
    settings = catalog.settings
    for known in wanted:
        file = find_content(catalog, known.sha256)
        if file is None:
            yield known, None
            continue
        task = task_for(file.path, file.look.size, file.look.mtime_ns, settings)
        if known.cuts is not None:
            task = known.cuts.task(task) if retrim else known.cuts.task_of_present(task)
        if not retrim:
            # What is computed later belongs to the samples that the span was found in.
            task = replace(task, trim=trim_of_key(known.trim), decoder=known.decoder)
        yield known, task
