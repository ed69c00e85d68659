"""Catch up: compute the measures, descriptors and scores that clips lack, then examine new clips.

Clips lack them after an upgrade, after a change of the settings, or after an ingest. Spans stay as they are even if
the trim settings have changed: only an ingest of the folder and `reanalyse` trim again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, false, func, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import USABLE_STATUSES, clip, recording
from thresher.catalog.recordings.clip_source import STATUS
from thresher.catalog.recordings.measures import is_unmeasured
from thresher.curation.analysis.task import makes_descriptors
from thresher.curation.comparison.score import open_work, pair_count, score_all
from thresher.curation.comparison.score_report import ScoreReport
from thresher.curation.comparison.suspects import examine
from thresher.progress import Progress, no_progress
from thresher.signal.features import descriptors
from thresher.signal.metrics.registry import find_metric

# clips that were analysed before there were descriptors, or under another version of them
_LACKS_DESCRIPTOR = func.coalesce(clip.c.descriptor_version, 0) != descriptors.VERSION


@dataclass(frozen=True)
class CatchUpReport:
    """What a catch-up did: a report for each metric in use, and the ids of new clips that resemble rejected clips.

    `without_file` are the ids of the recordings that lack measures or descriptors and could not be analysed because
    no file holds them now, `unseen` those of which a worker on another machine could not read a file; `notes` say
    why.
    """

    scores: tuple[ScoreReport, ...] = ()
    suspects: tuple[int, ...] = ()
    without_file: tuple[int, ...] = ()
    unseen: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether no clip was left without its measures and descriptors."""
        return not self.without_file and not self.unseen


def catch_up(
    catalog: Catalog, *, executor: str | None = None, progress: Progress = no_progress
) -> CatchUpReport:
    """Compute missing measures and descriptors, score by all metrics in use, and examine new clips."""
    behind = lacking_analysis(catalog)
    found = CatchUpReport()
    if behind:
        from thresher.curation.ingest.reanalyse import reanalyse_clips  # loads the query language

        done = reanalyse_clips(
            catalog, behind, executor=executor, rescore=False, retrim=False, progress=progress
        )
        found = replace(found, without_file=done.without_file, unseen=done.unseen, notes=done.notes)
    scores = score_all(catalog, progress, executor=executor)
    return replace(found, scores=scores, suspects=examine(catalog))


def lacking_analysis(catalog: Catalog) -> list[int]:
    """Return the clips that lack measures or descriptors which the settings ask for."""
    lacking: ColumnElement[bool] = false()
    if catalog.settings.ingest.measure:
        lacking |= is_unmeasured()
    if makes_descriptors(catalog.settings):
        lacking |= _LACKS_DESCRIPTOR
    return _audible(catalog, lacking)


def lacking_fingerprint(catalog: Catalog) -> list[int]:
    """Return the clips that are long enough for a fingerprint and have none."""
    return _audible(catalog, STATUS == "ok", clip.c.fingerprint.is_(None))


def planned_scores(catalog: Catalog) -> tuple[ScoreReport, ...]:
    """Return what `catch_up` would score now, if the files of all clips that lack a descriptor are there."""
    undescribed = len(_audible(catalog, _LACKS_DESCRIPTOR, recording.c.role == "generated"))
    planned = []
    for name in catalog.settings.metrics.use:
        report = open_work(catalog, name)
        if find_metric(name).keeps == "descriptor":
            before, clips = report.live - report.clips, report.clips + undescribed
            report = replace(report, clips=clips, pairs=pair_count(clips, before), live=before + clips)
        planned.append(report)
    return tuple(planned)


def _audible(catalog: Catalog, *conditions: ColumnElement[bool]) -> list[int]:
    """Return the clips that have a usable status, are not empty, and meet all conditions."""
    with catalog.reading() as connection:
        statement = (
            select(clip.c.id)
            .join(recording, recording.c.id == clip.c.recording_id)
            .where(
                STATUS.in_(USABLE_STATUSES),
                ~clip.c.removed,
                clip.c.end_frame > clip.c.start_frame,
                *conditions,
            )
            .order_by(clip.c.id)
        )
        return list(connection.scalars(statement))
