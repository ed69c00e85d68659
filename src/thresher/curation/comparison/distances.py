"""How unlike clips are, 1 - likeness, a column at a time, computed from the descriptors that the catalog keeps.

Nothing here needs score rows: a column of ten thousand clips takes milliseconds, and no matrix is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from thresher.catalog import features as compared
from thresher.curation.workers import cores
from thresher.signal.metrics.likeness import LIKENESS, Likenesses

BLOCK = 256
"""Clips compared with all others at a time."""


@dataclass(frozen=True, eq=False)
class Unlikeness:
    """`count` clips, of which those at `places` (ascending) have a descriptor, packed in `kept`."""

    count: int
    places: NDArray[np.int64]
    kept: Likenesses

    @classmethod
    def read(cls, connection: Connection, clip_ids: Sequence[int]) -> Unlikeness:
        """Of clips, in the order of their ids given; CatalogError where a descriptor is damaged."""
        described = compared.checksums(connection, clip_ids, "descriptor")
        places = [place for place, clip_id in enumerate(clip_ids) if clip_id in described]
        found = compared.read(connection, [clip_ids[place] for place in places], "descriptor")
        return cls(len(clip_ids), np.array(places, np.int64), LIKENESS.pack(found, threads=cores()))

    def unknown(self) -> NDArray[np.float64]:
        """The gaps where nothing is covered: infinite, NaN for clips without a descriptor."""
        gaps = np.full(self.count, np.nan)
        gaps[self.places] = np.inf
        return gaps

    def column(self, place: int) -> NDArray[np.float64]:
        """The distances of the clip at a place, which has a descriptor, from all; NaN from those without one."""
        at = int(np.searchsorted(self.places, place))
        distances = np.full(self.count, np.nan)
        distances[self.places] = 1.0 - LIKENESS.scores(self.kept.part(at, at + 1), self.kept)[0]
        return distances

    def gaps(self, others: Unlikeness) -> NDArray[np.float64]:
        """How far each clip is from the nearest of `others`; as `unknown` where none of those has a descriptor."""
        gaps = self.unknown()
        for start in range(0, others.kept.count, BLOCK):
            block = others.kept.part(start, min(others.kept.count, start + BLOCK))
            nearest = LIKENESS.scores(block, self.kept, threads=cores()).max(axis=0)
            gaps[self.places] = np.minimum(gaps[self.places], 1.0 - nearest)
        return gaps
