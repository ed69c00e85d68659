"""Analyse spans of known recordings from their files, each file decoded once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import select

from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import elsewhere, find_content
from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import clip, recording
from thresher.catalog.recordings.clip_content import ClipContent
from thresher.curation.analysis.file_results import Unseen, file_results
from thresher.curation.analysis.task import (
    DECODER_CRASHED,
    Analysis,
    Unopened,
    cut_content_of,
    task_for,
    trim_of_key,
)
from thresher.curation.analysis.worker import WORKER_MODULES, analyse_file
from thresher.curation.workers import WorkerDied, Workers
from thresher.progress import Progress, no_progress
from thresher.signal.features.trim import Span


@dataclass(frozen=True)
class AnalysedSpans:
    """The contents of the spans by recording, in the order of the spans, and why other recordings have none."""

    contents: Mapping[int, Sequence[ClipContent]] = field(default_factory=dict)
    failures: Mapping[int, str] = field(default_factory=dict)


def analyse_spans(
    catalog: Catalog,
    wanted: Mapping[int, Sequence[Span]],
    *,
    executor: str | None = None,
    progress: Progress = no_progress,
) -> AnalysedSpans:
    """Analyse spans, in frames, of the recordings with these ids.

    The decoder is the one that read the recording when its whole was analysed, so that frames are counted alike.
    """
    settings = catalog.settings
    contents: dict[int, Sequence[ClipContent]] = {}
    failures: dict[int, str] = {}
    tasks = []
    for recording_id, (sha256, trim, decoder) in _known(catalog, list(wanted)).items():
        file = find_content(catalog, sha256)
        if file is None:
            failures[recording_id] = why_no_file(catalog, sha256)
            continue
        task = task_for(file.path, file.look.size, file.look.mtime_ns, settings)
        task = replace(task, trim=trim_of_key(trim), decoder=decoder)
        task = replace(task, spans=tuple(wanted[recording_id]), spans_only=True)
        tasks.append(((recording_id, trim), task))
    with Workers(executor or settings.ingest.executor, preload=WORKER_MODULES) as workers:
        for done, ((recording_id, trim), result) in enumerate(
            file_results(workers, analyse_file, iter(tasks), catalog.roots), start=1
        ):
            if isinstance(result, Analysis) and len(result.clips) == len(wanted[recording_id]):
                contents[recording_id] = [cut_content_of(each, trim) for each in result.clips]
            elif isinstance(result, Analysis):
                failures[recording_id] = result.reason or result.status
            else:
                failures[recording_id] = why_unread(result)
            progress("analysing", done, len(tasks))
    return AnalysedSpans(contents, failures)


def why_no_file(catalog: Catalog, sha256: str) -> str:
    """Say why no file of this machine holds a recording."""
    absent = elsewhere(catalog, sha256)
    if absent is not None:
        return f"it is {absent}"
    return "no file holds the recording now; restore the file and `thresher ingest` its folder"


def why_unread(result: object) -> str:
    """Say why a worker has no analysis of a file."""
    match result:
        case Unopened(reason=reason) | Unseen(reason=reason):
            return reason
        case WorkerDied():
            return DECODER_CRASHED
        case _:
            return "changed while it was read"


def _known(catalog: Catalog, recording_ids: Sequence[int]) -> dict[int, tuple[str, str, str | None]]:
    """Return the SHA-256, the trim key and the decoder of recordings by id."""
    found: dict[int, tuple[str, str, str | None]] = {}
    with catalog.reading() as connection:
        for chunk in chunks(recording_ids):
            statement = (
                select(recording.c.id, recording.c.sha256, clip.c.trim, recording.c.decoder)
                .join(clip, clip.c.recording_id == recording.c.id)
                .where(recording.c.id.in_(chunk), clip.c.kind == "whole")
            )
            found.update((row[0], (row[1], row[2], row[3])) for row in connection.execute(statement))
    return found
