"""Keep what the settings ask for: descriptors where a metric in use compares them, and the scores of all in use."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import ColumnElement, func, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.schema import USABLE_STATUSES, clip, recording
from thresher.curation.analysis import makes_descriptors
from thresher.curation.execution import Progress, no_progress
from thresher.curation.reanalyse import reanalyse_clips
from thresher.curation.scoring import ScoreReport, find_metric, open_work, score_all
from thresher.signal.descriptors import VERSION


def keep_scores(
    catalog: Catalog, *, executor: str | None = None, progress: Progress = no_progress
) -> tuple[ScoreReport, ...]:
    """Describe what has no descriptor of this version yet, and score what is open, metric by metric."""
    if makes_descriptors(catalog.settings):
        reanalyse_clips(catalog, _undescribed(catalog), executor=executor, rescore=False, progress=progress)
    return score_all(catalog, progress)


def planned_scores(catalog: Catalog) -> tuple[ScoreReport, ...]:
    """What `keep_scores` would do now, if the files of the clips that are to be described are there."""
    undescribed = len(_undescribed(catalog, recording.c.role == "generated"))
    planned = []
    for name in catalog.settings.metrics.use:
        report = open_work(catalog, name)
        if find_metric(name).keeps == "descriptor":
            before, clips = report.live - report.clips, report.clips + undescribed
            pairs = clips * before + clips * (clips - 1) // 2
            report = replace(report, clips=clips, pairs=pairs, live=before + clips)
        planned.append(report)
    return tuple(planned)


def _undescribed(catalog: Catalog, *conditions: ColumnElement[bool]) -> list[int]:
    """Clips with something to hear that came before there were descriptors, or under another version of them."""
    with catalog.reading() as connection:
        statement = (
            select(clip.c.id)
            .join(recording, recording.c.id == clip.c.recording_id)
            .where(
                recording.c.status.in_(USABLE_STATUSES),
                clip.c.end_frame > clip.c.start_frame,
                func.coalesce(clip.c.descriptor_version, 0) != VERSION,
                *conditions,
            )
        )
        return list(connection.scalars(statement))
