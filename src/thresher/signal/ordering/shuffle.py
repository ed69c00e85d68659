"""The ordering "shuffle": a sequence that looks random and is the same on every machine."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import ArrayLike, NDArray


def shuffle(ids: ArrayLike, seed: int) -> NDArray[np.int64]:
    """Put clips in a sequence that looks random and depends only on their ids and the seed.

    `ids` is int64, shape (n,), distinct. The result is int64 positions into `ids`, shape (n,), a permutation of
    0 … n - 1. Clips are sorted by BLAKE2b (8 bytes) of the text "SEED:ID", then by id. The sort key of a clip does
    not depend on other clips, so the remaining clips keep their relative order when clips are added or removed.

    Raises ValueError if an id occurs twice.
    """
    checked = distinct_ids(ids)
    keys = [(hashlib.blake2b(f"{seed}:{id}".encode(), digest_size=8).digest(), id) for id in checked.tolist()]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)


def distinct_ids(ids: ArrayLike) -> NDArray[np.int64]:
    """The ids of clips as int64, shape (n,); ValueError for another shape or an id that occurs twice."""
    array = np.asarray(ids, dtype=np.int64)
    if array.ndim != 1:
        raise ValueError(f"ids have shape {array.shape}, not (clips,)")
    distinct, times = np.unique(array, return_counts=True)
    if distinct.size != array.size:
        raise ValueError(f"clip {distinct[times > 1][0]} is given twice")
    return array
