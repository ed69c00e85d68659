"""Analyse recordings again: with today's trim settings, or because what is stored is damaged.

A clip keeps its id, rating and tags; where its span or fingerprint changes, its score rows are retired and
scoring gives it new ones.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select

from thresher.catalog import recordings, scores
from thresher.catalog.audio import sha256_file
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import chunks
from thresher.catalog.query import join_terms
from thresher.catalog.schema import clip, location, recording
from thresher.curation.analysis.analyse import (
    DECODER_CRASHED,
    Analysis,
    AnalysisTask,
    analyse,
    content_of,
    task_for,
    trim_settings,
    worker_modules,
)
from thresher.curation.clips.selection import select_ids
from thresher.curation.comparison.score import ScoreReport, score_all
from thresher.curation.workers import (
    GROUP_SECONDS,
    Progress,
    WorkerDied,
    Workers,
    grouped,
    no_progress,
)
from thresher.errors import AudioError, NotFoundError
from thresher.signal.features.fingerprint import find_backend
from thresher.signal.features.trim import TrimSettings


@dataclass(frozen=True)
class ReanalysisReport:
    """What was done: `analysed` recordings, `changed` clips whose span, fingerprint or descriptor is another now,
    and `without_file` recordings that could not be read because no file holds their content any more."""

    analysed: int
    changed: int
    without_file: tuple[int, ...]
    seconds: float
    scores: tuple[ScoreReport, ...]

    @property
    def scoring(self) -> ScoreReport | None:
        """What scoring by the first metric in use did."""
        return self.scores[0] if self.scores else None


@dataclass(frozen=True)
class _Known:
    id: int
    sha256: str
    trim: str


def reanalyse(
    catalog: Catalog,
    terms: Sequence[str] = (),
    *,
    executor: str | None = None,
    rescore: bool = True,
    dry_run: bool = False,
    progress: Progress = no_progress,
) -> ReanalysisReport:
    """Analyse the recordings of the clips that `terms` find (all, where there are none) from their files.

    NotFoundError where terms find none. A dry run says which have a file, and leaves `changed` at 0: only the
    analysis can tell.
    """
    begun = time.monotonic()
    with catalog.reading() as connection:
        clip_ids = select_ids(catalog, connection, terms, defaults=False)
    if terms and not clip_ids:
        raise NotFoundError(f"no clip matches {join_terms(terms)}; `thresher list` shows what there is")
    if dry_run:
        wanted = _recordings(catalog, clip_ids)
        lost = [known.id for known in wanted if _find_content(catalog, known.id, known.sha256) is None]
        seconds = time.monotonic() - begun
        return ReanalysisReport(len(wanted) - len(lost), 0, tuple(lost), seconds, ())
    return reanalyse_clips(
        catalog, clip_ids, executor=executor, rescore=rescore, progress=progress, begun=begun
    )


def reanalyse_clips(
    catalog: Catalog,
    clip_ids: Sequence[int],
    *,
    executor: str | None = None,
    rescore: bool = True,
    retrim: bool = True,
    progress: Progress = no_progress,
    begun: float | None = None,
) -> ReanalysisReport:
    """Analyse the recordings of these clips from their files.

    With today's trim settings, or, without `retrim`, with those that each span came from: then it stays what it is.
    """
    begun = time.monotonic() if begun is None else begun
    find_backend(catalog.settings.fingerprint.backend)
    trim_key = recordings.trim_key(trim_settings(catalog.settings))
    wanted = _recordings(catalog, clip_ids)
    without_file: list[int] = []
    analysed = changed = 0
    with Workers(
        executor or catalog.settings.ingest.executor, preload=worker_modules(catalog.settings)
    ) as workers:
        results = workers.map(analyse, _tasks(catalog, wanted, retrim=retrim))
        for group in grouped(results, catalog.settings.ingest.group, GROUP_SECONDS):
            with catalog.writing() as connection:
                stale: list[int] = []
                for known, result in group:
                    died = isinstance(result, WorkerDied)
                    analysis = Analysis("unreadable", DECODER_CRASHED) if died else result
                    if isinstance(analysis, Analysis):
                        content = content_of(analysis, trim_key if retrim else known.trim)
                        stale += recordings.replace_content(connection, known.id, content)
                        analysed += 1
                    else:
                        without_file.append(known.id)
                scores.retire(connection, stale)
            changed += len(stale)
            progress("analysing", analysed + len(without_file), len(wanted))
    done = score_all(catalog, progress) if rescore else ()
    return ReanalysisReport(analysed, changed, tuple(without_file), time.monotonic() - begun, done)


def _recordings(catalog: Catalog, clip_ids: Sequence[int]) -> list[_Known]:
    found: dict[int, _Known] = {}
    with catalog.reading() as connection:
        for chunk in chunks(clip_ids):
            for row in connection.execute(
                select(recording.c.id, recording.c.sha256, clip.c.trim)
                .join(clip, clip.c.recording_id == recording.c.id)
                .where(clip.c.id.in_(chunk))
            ):
                found[row.id] = _Known(row.id, row.sha256, row.trim)
    return [found[recording_id] for recording_id in sorted(found)]


def _tasks(
    catalog: Catalog, wanted: Sequence[_Known], *, retrim: bool
) -> Iterator[tuple[_Known, AnalysisTask | None]]:
    settings = catalog.settings
    for known in wanted:
        found = _find_content(catalog, known.id, known.sha256)
        if found is None:
            yield known, None
            continue
        file, seen = found
        task = task_for(file, seen.st_size, seen.st_mtime_ns, settings)
        yield known, task if retrim else replace(task, trim=TrimSettings(**json.loads(known.trim)))


def content_file(catalog: Catalog, recording_id: int, sha256: str) -> bytes | None:
    """A file that holds this content now, by its hash; None where there is none."""
    found = _find_content(catalog, recording_id, sha256)
    return None if found is None else found[0]


def _find_content(catalog: Catalog, recording_id: int, sha256: str) -> tuple[bytes, os.stat_result] | None:
    """A file that holds this content, and its state before it was hashed: a change since then will show."""
    with catalog.reading() as connection:
        paths = connection.scalars(
            select(location.c.path)
            .where(location.c.recording_id == recording_id)
            .order_by(location.c.missing_since.is_not(None), location.c.id)
        ).all()
    for stored in paths:
        path = catalog.absolute(stored)
        try:
            seen = os.stat(path)
            if sha256_file(path) == sha256:
                return path, seen
        except (OSError, AudioError):
            continue
    return None
