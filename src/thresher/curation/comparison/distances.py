"""Distances between clips (1 - likeness), one column at a time, from the descriptors in the catalog.

No score rows are read and no matrix is held. A column of ten thousand clips takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from thresher.catalog.scores import features
from thresher.curation.workers import cores
from thresher.signal.metrics.likeness import LIKENESS, Likenesses

BLOCK_CLIPS = 256
"""Clips that are compared with all others at a time."""


@dataclass(frozen=True, eq=False)
class ClipDistances:
    """Clips between which distances are computed.

    The clips are numbered 0 … `count` - 1. `described`, int64, ascending, holds the numbers of those that have a
    descriptor; `packed` holds these descriptors.
    """

    count: int
    described: NDArray[np.int64]
    packed: Likenesses

    @classmethod
    def read(cls, connection: Connection, clip_ids: Sequence[int]) -> ClipDistances:
        """Read the descriptors of clips, numbered in the order of `clip_ids`.

        Raises CatalogError if a descriptor is damaged.
        """
        has_descriptor = features.checksums(connection, clip_ids, "descriptor")
        described = [number for number, clip_id in enumerate(clip_ids) if clip_id in has_descriptor]
        found = features.read(connection, [clip_ids[number] for number in described], "descriptor")
        return cls(len(clip_ids), np.array(described, np.int64), LIKENESS.pack(found, threads=cores()))

    def all_infinite(self) -> NDArray[np.float64]:
        """Return the distances while nothing is covered: infinite, NaN for clips without a descriptor; shape
        (count,)."""
        distances = np.full(self.count, np.nan)
        distances[self.described] = np.inf
        return distances

    def column(self, number: int) -> NDArray[np.float64]:
        """Return the distances of one clip, which has a descriptor, from all clips; shape (count,).

        They are NaN for clips without a descriptor.
        """
        index = int(np.searchsorted(self.described, number))
        distances = np.full(self.count, np.nan)
        distances[self.described] = 1.0 - LIKENESS.scores(self.packed.part(index, index + 1), self.packed)[0]
        return distances

    def to_nearest(self, others: ClipDistances) -> NDArray[np.float64]:
        """Return the distance of each clip from the nearest of `others`; shape (count,).

        As `all_infinite` if none of `others` has a descriptor.
        """
        distances = self.all_infinite()
        for start in range(0, others.packed.count, BLOCK_CLIPS):
            block = others.packed.part(start, min(others.packed.count, start + BLOCK_CLIPS))
            nearest = LIKENESS.scores(block, self.packed, threads=cores()).max(axis=0)
            distances[self.described] = np.minimum(distances[self.described], 1.0 - nearest)
        return distances
