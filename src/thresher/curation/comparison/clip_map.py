"""The map of clips: a point in the plane for each clip, so that similar clips are near each other."""

from __future__ import annotations

from dataclasses import dataclass

from thresher.catalog.catalog import Catalog
from thresher.catalog.queries.text import Terms
from thresher.catalog.scores import features
from thresher.curation.clips.selection import select_ids
from thresher.curation.workers import cores
from thresher.progress import Progress, no_progress


@dataclass(frozen=True)
class MapPoint:
    """The position of a clip on the map: `x` and `y` in [0, 1], y upwards. Both axes have the same scale."""

    clip: int
    x: float
    y: float


def clip_map(catalog: Catalog, terms: Terms = (), progress: Progress = no_progress) -> list[MapPoint]:
    """Return the map of the clips that match the terms, in the order of the query.

    Clips without a descriptor are left out: references, and clips that were analysed without `likeness` in
    `[metrics] use` or by an older version. The same clips always give the same map; more clips may move all
    points.

    Raises CatalogError if a stored descriptor is damaged.
    """
    from thresher.signal.statistics.embedding import positions

    with catalog.reading() as connection:
        found = select_ids(catalog, connection, terms)
        clip_ids = list(features.checksums(connection, found, "descriptor"))
        descriptors = list(features.read(connection, clip_ids, "descriptor"))
    points = positions(
        descriptors, threads=cores(), watch=lambda done, total: progress("mapping", done, total)
    )
    return [MapPoint(clip_id, *point) for clip_id, point in zip(clip_ids, points.tolist(), strict=True)]
