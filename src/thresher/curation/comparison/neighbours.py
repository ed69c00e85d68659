"""The clips most similar to one clip, or to one file outside the catalog."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from sqlalchemy import Connection

from thresher.catalog.catalog import Catalog
from thresher.catalog.files import paths
from thresher.catalog.scores import features, score_reads
from thresher.curation.analysis.file_results import file_results
from thresher.curation.analysis.task import Analysis, task_for
from thresher.curation.analysis.worker import WORKER_MODULES, analyse_file
from thresher.curation.clips.listing import ClipRow, list_clips
from thresher.curation.clips.selection import find_clip
from thresher.curation.workers import Workers
from thresher.errors import NotFoundError, UsageError
from thresher.signal.metrics.metric import Metric, Words
from thresher.signal.metrics.registry import find_metric


@dataclass(frozen=True)
class Neighbour:
    """A clip and its score with the clip or file asked about.

    `offset` is the time, in seconds, at which this clip begins in that one, as found by the metric `aligned`;
    None for other metrics.
    """

    clip: ClipRow
    score: float
    offset: float | None


def near(catalog: Catalog, term: str, metric: str | None = None, *, limit: int = 20) -> list[Neighbour]:
    """Return the `limit` clips most similar to one clip or file, the most similar first.

    `term` is a clip's id, path or query, or the path of a file outside the catalog, which is then analysed.
    `metric` defaults to the configured one. Scores are in [0, 1]. Clips of the same recording are left out.

    Raises NotFoundError if nothing fits `term` or if it has no feature that the metric compares, UsageError for
    an unknown metric or a limit below 1.
    """
    if limit < 1:
        raise UsageError(f"the limit must be 1 or more, not {limit}")
    by = find_metric(metric or catalog.settings.metrics.default_metric)
    own_id, feature = _asked_for(catalog, term, by)
    with catalog.reading() as connection:
        others = score_reads.read_comparable(connection, by, own_id)
    nearest = others.nearest_to(feature)[:limit]
    with catalog.reading() as connection:
        words = _words(connection, by, [clip_id for clip_id, _ in nearest])
    terms = [part for clip_id, _ in nearest for part in (",", f"id:{clip_id}")][1:]
    rows = {row.id: row for row in list_clips(catalog, [*terms, *_INCLUDE_ALL])} if terms else {}
    return [
        Neighbour(rows[clip_id], score, _offset(feature, words.get(clip_id)))
        for clip_id, score in nearest
        if clip_id in rows
    ]


# A listing leaves out rejected and unusable clips unless its query names these fields.
_INCLUDE_ALL = ("id+", "rejected+", "status+")


def _asked_for(catalog: Catalog, term: str, by: Metric[Any]) -> tuple[int | None, NDArray[Any]]:
    """Find the clip or file that `term` names: its id (None for a file) and the feature that the metric
    compares.

    No transaction is open while a file is analysed.
    """
    try:
        with catalog.reading() as connection:
            clip_id = find_clip(catalog, connection, term)
    except NotFoundError:
        if not os.path.isfile(term):
            raise
        return None, _analysed(catalog, term, by)
    with catalog.reading() as connection:
        if not features.checksums(connection, [clip_id], by.keeps):
            raise NotFoundError(
                f"clip {clip_id} has no {by.keeps} for {by.name} to compare; `thresher show {clip_id}` shows why"
            )
        (feature,) = features.read(connection, [clip_id], by.keeps)
    return clip_id, feature


def _analysed(catalog: Catalog, path: str, by: Metric[Any]) -> NDArray[Any]:
    """Analyse a file as an ingest would, and return the feature that the metric compares."""
    state, settings = os.stat(path), catalog.settings
    task = task_for(paths.absolute(path), state.st_size, state.st_mtime_ns, settings)
    with Workers(settings.ingest.executor, preload=WORKER_MODULES) as workers:
        ((_, found),) = file_results(workers, analyse_file, [(None, task)], catalog.roots)
    feature = getattr(found.whole, by.keeps) if isinstance(found, Analysis) else None
    if feature is None:
        reason = getattr(found, "reason", None) or f"it has no {by.keeps}"
        name = paths.display_text(os.fsencode(path))
        raise NotFoundError(
            f'cannot compare "{name}" by {by.name}: {reason}; give a clip, or a file with sound'
        )
    array: NDArray[Any] = feature
    return array


def _words(connection: Connection, by: Metric[Any], clip_ids: Sequence[int]) -> dict[int, Words]:
    """Return the fingerprints of clips by id, if the metric finds an offset."""
    known = list(features.checksums(connection, clip_ids, by.keeps)) if by.name == "aligned" else []
    return dict(zip(known, features.read(connection, known, by.keeps), strict=True))


def _offset(own: Words, other: Words | None) -> float | None:
    from thresher.signal.metrics.aligned import align

    return None if other is None else align(own, other).offset_seconds
