"""Keep what is promised: measures, descriptors where a metric in use compares them, the scores of all in use."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import ColumnElement, false, func, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.measures import is_unmeasured
from thresher.catalog.schema import USABLE_STATUSES, clip, recording
from thresher.curation.analysis.analyse import makes_descriptors
from thresher.curation.comparison.score import ScoreReport, open_work, pair_count, score_all
from thresher.curation.ingest.reanalyse import reanalyse_clips
from thresher.curation.workers import Progress, no_progress
from thresher.signal.features import descriptors
from thresher.signal.metrics.registry import find_metric


def keep_scores(
    catalog: Catalog, *, executor: str | None = None, progress: Progress = no_progress
) -> tuple[ScoreReport, ...]:
    """Measure and describe what has not been by this version, and score what is open, metric by metric.

    Spans stay as they are, whatever the trim settings have become: `ingest` of their folder and `reanalyse` trim.
    """
    lacking: ColumnElement[bool] = false()
    if catalog.settings.ingest.measure:
        lacking |= is_unmeasured()
    if makes_descriptors(catalog.settings):
        lacking |= _IS_UNDESCRIBED
    behind = _audible(catalog, lacking)
    reanalyse_clips(catalog, behind, executor=executor, rescore=False, retrim=False, progress=progress)
    return score_all(catalog, progress)


def planned_scores(catalog: Catalog) -> tuple[ScoreReport, ...]:
    """What `keep_scores` would do now, if the files of the clips that are to be described are there."""
    undescribed = len(_audible(catalog, _IS_UNDESCRIBED, recording.c.role == "generated"))
    planned = []
    for name in catalog.settings.metrics.use:
        report = open_work(catalog, name)
        if find_metric(name).keeps == "descriptor":
            before, clips = report.live - report.clips, report.clips + undescribed
            pairs = pair_count(clips, before)
            report = replace(report, clips=clips, pairs=pairs, live=before + clips)
        planned.append(report)
    return tuple(planned)


# what came before there were any, or under another version
_IS_UNDESCRIBED = func.coalesce(clip.c.descriptor_version, 0) != descriptors.VERSION


def _audible(catalog: Catalog, *conditions: ColumnElement[bool]) -> list[int]:
    """Clips with something to hear that meet all conditions."""
    with catalog.reading() as connection:
        statement = (
            select(clip.c.id)
            .join(recording, recording.c.id == clip.c.recording_id)
            .where(
                recording.c.status.in_(USABLE_STATUSES), clip.c.end_frame > clip.c.start_frame, *conditions
            )
        )
        return list(connection.scalars(statement))
