"""Find the parts of recordings in their files, in the workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from thresher.catalog.catalog import Catalog
from thresher.catalog.recordings.clip_content import ClipContent
from thresher.curation.analysis.file_results import file_results
from thresher.curation.analysis.survey import Surveyed, survey
from thresher.curation.analysis.task import Analysis, cut_content_of
from thresher.curation.analysis.worker import WORKER_MODULES, analyse_file
from thresher.curation.cutting.spans import why_no_file, why_unread
from thresher.curation.cutting.targets import Target, analysis_tasks, survey_tasks
from thresher.curation.workers import Workers
from thresher.progress import Progress
from thresher.signal.features.fingerprint import find_backend
from thresher.signal.features.split_settings import SplitSettings
from thresher.signal.features.trim import Span


@dataclass(frozen=True)
class FoundParts:
    """The `spans` of the parts of recordings by recording, empty if there is nothing to split.

    `contents` are their analyses, or, after a survey, `statuses` are those that they would have and `envelopes` the
    levels of the recordings. `failures` say why nothing is known about other recordings.
    """

    spans: Mapping[int, Sequence[Span]]
    contents: Mapping[int, Sequence[ClipContent]] = field(default_factory=dict)
    statuses: Mapping[int, Sequence[str]] = field(default_factory=dict)
    envelopes: Mapping[int, Sequence[float]] = field(default_factory=dict)
    failures: Mapping[int, str] = field(default_factory=dict)


def analysed_parts(
    catalog: Catalog,
    targets: Sequence[Target],
    settings: SplitSettings,
    *,
    executor: str | None,
    progress: Progress,
) -> FoundParts:
    """Find the parts of recordings and analyse them; each file is decoded once."""
    if targets:
        find_backend(catalog.settings.fingerprint.backend)
    spans: dict[int, Sequence[Span]] = {}
    contents: dict[int, Sequence[ClipContent]] = {}
    failures: dict[int, str] = {}
    with Workers(executor or catalog.settings.ingest.executor, preload=WORKER_MODULES) as workers:
        results = file_results(
            workers, analyse_file, analysis_tasks(catalog, targets, settings), catalog.roots
        )
        for done, (target, result) in enumerate(results, start=1):
            if not isinstance(result, Analysis):
                failures[target.id] = _why(catalog, target, result)
            elif result.status in ("unreadable", "empty", "non_finite"):
                failures[target.id] = f"{result.status}: {result.reason}"
            else:
                spans[target.id] = tuple(part.span for part in result.parts)
                contents[target.id] = [cut_content_of(part, target.trim) for part in result.parts]
            progress("analysing", done, len(targets))
    return FoundParts(spans, contents, failures=failures)


def surveyed_parts(
    catalog: Catalog,
    targets: Sequence[Target],
    settings: SplitSettings,
    *,
    executor: str | None,
    progress: Progress,
) -> FoundParts:
    """Find the parts of recordings and their envelopes, and analyse nothing."""
    spans: dict[int, Sequence[Span]] = {}
    statuses: dict[int, Sequence[str]] = {}
    envelopes: dict[int, Sequence[float]] = {}
    failures: dict[int, str] = {}
    with Workers(executor or catalog.settings.ingest.executor, preload=WORKER_MODULES) as workers:
        results = file_results(workers, survey, survey_tasks(catalog, targets, settings), catalog.roots)
        for done, (target, result) in enumerate(results, start=1):
            if isinstance(result, Surveyed):
                spans[target.id], statuses[target.id] = result.parts, result.statuses
                envelopes[target.id] = result.envelope
            else:
                failures[target.id] = _why(catalog, target, result)
            progress("reading", done, len(targets))
    return FoundParts(spans, statuses=statuses, envelopes=envelopes, failures=failures)


def _why(catalog: Catalog, target: Target, result: object) -> str:
    return why_no_file(catalog, target.sha256) if result is None else why_unread(result)
