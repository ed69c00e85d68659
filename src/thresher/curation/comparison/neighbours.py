"""What is most like one clip, or one file that the catalog does not know."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from sqlalchemy import Connection

from thresher.catalog import features as compared
from thresher.catalog import paths, scores
from thresher.catalog.catalog import Catalog
from thresher.curation.analysis.analyse import Analysis, analyse, task_for, worker_modules
from thresher.curation.clips.listing import ClipRow, list_clips
from thresher.curation.clips.selection import find_clip
from thresher.curation.workers import Workers
from thresher.errors import NotFoundError, UsageError
from thresher.signal.metrics.metric import Metric
from thresher.signal.metrics.registry import find_metric


@dataclass(frozen=True)
class Neighbour:
    """A clip and its score against the one asked for.

    `offset` is where it begins in that one, in seconds, as the metric `aligned` finds it; None under others.
    """

    clip: ClipRow
    score: float
    offset: float | None


def near(catalog: Catalog, term: str, metric: str | None = None, *, limit: int = 20) -> list[Neighbour]:
    """The clips most like the one of that id, path or query – or like the file at that path – the nearest first.

    NotFoundError where there is none, or where it has nothing that the metric compares.
    """
    if limit < 1:
        raise UsageError(f"{limit} clips make no list; give a limit of 1 or more")
    by = find_metric(metric or catalog.settings.metrics.default)
    with catalog.reading() as connection:
        own, kept = _asked_for(catalog, connection, term, by)
        found = scores.nearest_first(*scores.compare(connection, by, kept))
        nearest = [(clip_id, score) for clip_id, score in found if clip_id != own][:limit]
        offsets = _offsets(connection, by, kept, [clip_id for clip_id, _ in nearest])
    terms = [part for clip_id, _ in nearest for part in (",", f"id:{clip_id}")][1:]
    rows = {row.id: row for row in list_clips(catalog, [*terms, *_ANY])} if terms else {}
    return [
        Neighbour(rows[clip_id], score, offset)
        for (clip_id, score), offset in zip(nearest, offsets, strict=True)
        if clip_id in rows
    ]


# A term that names these fields finds every clip: a listing alone leaves out what is rejected or unusable.
_ANY = ("id+", "rejected+", "status+")


def _asked_for(
    catalog: Catalog, connection: Connection, term: str, by: Metric[Any]
) -> tuple[int | None, NDArray[Any]]:
    """The id of the clip that is meant, None for a file outside the catalog, and what is compared of it."""
    try:
        clip_id = find_clip(catalog, connection, term)
    except NotFoundError:
        if not os.path.isfile(term):
            raise
        return None, _analysed(catalog, term, by)
    if not compared.checksums(connection, [clip_id], by.keeps):
        raise NotFoundError(
            f"clip {clip_id} has no {by.keeps}, which {by.name} compares; `thresher show {clip_id}` says why"
        )
    (kept,) = compared.read(connection, [clip_id], by.keeps)
    return clip_id, kept


def _analysed(catalog: Catalog, path: str, by: Metric[Any]) -> NDArray[Any]:
    """What is compared of a file, analysed as an ingest would."""
    state, settings = os.stat(path), catalog.settings
    task = task_for(paths.absolute(path), state.st_size, state.st_mtime_ns, settings)
    with Workers(settings.ingest.executor, preload=worker_modules(settings)) as workers:
        ((_, found),) = workers.map(analyse, [(None, task)])
    kept = getattr(found, by.keeps) if isinstance(found, Analysis) else None
    if kept is None:
        reason = getattr(found, "reason", None) or f"it has no {by.keeps}"
        raise NotFoundError(
            f'"{paths.display_text(os.fsencode(path))}" can\'t be compared by {by.name}: {reason}'
        )
    array: NDArray[Any] = kept
    return array


def _offsets(
    connection: Connection, by: Metric[Any], kept: NDArray[Any], clip_ids: list[int]
) -> list[float | None]:
    if by.name != "aligned":
        return [None] * len(clip_ids)
    from thresher.signal.features.fingerprint import WORD_SECONDS
    from thresher.signal.metrics.aligned import align

    others = compared.read(connection, clip_ids, by.keeps)
    return [align(kept, other).offset * WORD_SECONDS for other in others]
