"""The map of clips: a place in the plane for each, near where they sound alike. For pages and pictures."""

from __future__ import annotations

from dataclasses import dataclass

from thresher.catalog import features as compared
from thresher.catalog.catalog import Catalog
from thresher.curation.clips.selection import Terms, select_ids
from thresher.curation.workers import Progress, cores, no_progress


@dataclass(frozen=True)
class MapPoint:
    """Where a clip lies: `x` and `y` in [0, 1], y upwards; both axes have one scale, so draw it square."""

    clip: int
    x: float
    y: float


def clip_map(catalog: Catalog, terms: Terms = (), progress: Progress = no_progress) -> list[MapPoint]:
    """The map of the clips that the terms find, in their order, without those that have no descriptor.

    Those are references, and clips ingested without `likeness` in `[metrics] use` or analysed by an older program;
    how many is the difference from `count_clips`. The same clips have the same map; more clips may move all.
    """
    from thresher.signal.statistics.embedding import positions

    with catalog.reading() as connection:
        found = select_ids(catalog, connection, terms)
        clip_ids = list(compared.checksums(connection, found, "descriptor"))
        descriptors = list(compared.read(connection, clip_ids, "descriptor"))
    places = positions(
        descriptors, threads=cores(), watch=lambda done, total: progress("mapping", done, total)
    )
    return [MapPoint(clip_id, *place) for clip_id, place in zip(clip_ids, places.tolist(), strict=True)]
