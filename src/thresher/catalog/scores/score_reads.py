"""Read scores: between given clips, and of one clip against all others.

All functions except `read_comparable` read rows of the matrix that `scores` keeps. NaN stands for pairs without a
score. The rows hold the scores of all pairs. Functions that say which clips are similar leave out pairs of one
recording, because parts and marks resemble the recording that they are cut from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import score_row
from thresher.catalog.scores import features
from thresher.catalog.scores.nearest import Origins, origins_of
from thresher.catalog.scores.scores import LIVE, Matrix, Scores, metric_id, read_matrix, stored_rows
from thresher.signal.metrics.metric import Metric


def between(connection: Connection, of_metric: int, clip_ids: Sequence[int]) -> Scores:
    """Return the score matrix of clips, float32, shape (n, n); NaN on the diagonal and without a score."""
    scores = np.full((len(clip_ids), len(clip_ids)), np.nan, dtype=np.float32)
    found = _live_positions(connection, of_metric, clip_ids)
    positions, places = np.array(found, dtype=np.int64).reshape(len(found), 2).T
    for index, row in enumerate(stored_rows(connection, of_metric, positions)):
        values = row[positions[:index]]
        scores[places[index], places[:index]] = values
        scores[places[:index], places[index]] = values
    return scores


def between_recordings(connection: Connection, of_metric: int, clip_ids: Sequence[int]) -> Scores:
    """Return the score matrix of clips as `between` does, with NaN for pairs of one recording, too."""
    scores = between(connection, of_metric, clip_ids)
    origins = origins_of(connection, np.array(clip_ids, np.int64))
    if not origins.is_plain:
        scores[origins.recordings[:, None] == origins.recordings] = np.nan
    return scores


def consecutive(connection: Connection, of_metric: int, clip_ids: Sequence[int]) -> Scores:
    """Return the score of each clip with the next one, float32, shape (n - 1,); NaN for pairs without a score.

    Rows are read one by one, so memory does not grow with the square of the number of clips.
    """
    transitions = np.full(max(0, len(clip_ids) - 1), np.nan, dtype=np.float32)
    found = _live_positions(connection, of_metric, clip_ids)
    position_of = {place: position for position, place in found}
    positions = np.array([position for position, _ in found], dtype=np.int64)
    for (position, place), row in zip(found, stored_rows(connection, of_metric, positions), strict=True):
        for neighbour, transition in ((place - 1, place - 1), (place + 1, place)):
            if position_of.get(neighbour, position) < position:
                transitions[transition] = row[position_of[neighbour]]
    return transitions


def pairs_above(
    connection: Connection, of_metric: int, clip_ids: Sequence[int], threshold: float
) -> list[tuple[int, int]]:
    """Return the pairs of these clips that score `threshold` or more, reading one row at a time.

    Pairs of one recording are left out.
    """
    live = _live_positions(connection, of_metric, clip_ids)
    positions = np.array([position for position, _ in live], dtype=np.int64)
    origins = _origins(connection, live, clip_ids)
    found = []
    for index, row in enumerate(stored_rows(connection, of_metric, positions)):
        is_close = row[positions[:index]] >= np.float32(threshold)
        close = np.flatnonzero(is_close if origins.is_plain else is_close & origins.apart(index))
        found += [(clip_ids[live[other][1]], clip_ids[live[index][1]]) for other in close.tolist()]
    return found


def mean_among(connection: Connection, of_metric: int, clip_ids: Sequence[int]) -> float | None:
    """Return the mean score of all pairs of these clips, reading one row at a time; None if no pair has a score.

    Pairs of one recording are left out.
    """
    live = _live_positions(connection, of_metric, clip_ids)
    positions = np.array([position for position, _ in live], np.int64)
    origins = _origins(connection, live, clip_ids)
    total, pairs = 0.0, 0
    for index, row in enumerate(stored_rows(connection, of_metric, positions)):
        values = row[positions[:index]]
        values = values if origins.is_plain else values[origins.apart(index)]
        total += float(values.sum(dtype=np.float64))
        pairs += values.size
    return total / pairs if pairs else None


def live_rows(connection: Connection, matrix: Matrix) -> Iterator[Scores]:
    """Yield the scores of each clip of `matrix` against the clips before it: row i has shape (i,)."""
    for index, row in enumerate(stored_rows(connection, matrix.metric_id, matrix.positions)):
        yield row[matrix.positions[:index]]


@dataclass(frozen=True, eq=False)
class Comparable:
    """The live clips of a metric, ids of shape (clips,), and their features in this order.

    Scores of one clip with all others are computed from them, not read: they are spread over the rows of all later
    clips. No transaction needs to be open meanwhile.
    """

    by: Metric[Any]
    ids: NDArray[np.int64]
    features: Any

    def nearest_to(self, one: NDArray[Any]) -> list[tuple[int, float]]:
        """Return the clips with their scores against one fingerprint or descriptor, the highest score first."""
        return nearest_first(self.ids, self.by.scores(self.by.pack([one]), self.features)[0])


def read_comparable(
    connection: Connection, by: Metric[Any], of_clip: int | None = None, ids: NDArray[np.int64] | None = None
) -> Comparable:
    """Read the features of the clips that `comparable` returns, or has returned: `ids`."""
    ids = comparable(connection, by, of_clip) if ids is None else ids
    return Comparable(by, ids, by.pack(features.read(connection, ids.tolist(), by.keeps)))


def comparable(connection: Connection, by: Metric[Any], of_clip: int | None = None) -> NDArray[np.int64]:
    """Return the ids of the clips that a clip or a file is compared with, shape (clips,).

    The wholes of split recordings are left out, and so are the clips of the recording that contains `of_clip`.
    """
    ids = read_matrix(connection, metric_id(connection, by.name, by.version)).clip_ids
    return ids[_is_comparable(connection, ids, of_clip)]


def _is_comparable(connection: Connection, ids: NDArray[np.int64], of_clip: int | None) -> NDArray[np.bool_]:
    """Return which of these clips can be near a clip, or near a file outside the catalog if it is None."""
    asked = np.array([] if of_clip is None else [of_clip], np.int64)
    origins = origins_of(connection, np.concatenate([ids, asked]))
    others = origins.taken(np.arange(ids.size))
    found: NDArray[np.bool_] = ~others.is_hidden
    if of_clip is not None:
        found &= others.recordings != origins.recordings[-1]
    return found


def _origins(connection: Connection, live: Sequence[tuple[int, int]], clip_ids: Sequence[int]) -> Origins:
    """Return the origins of the clips that `_live_positions` found."""
    ids = np.array([clip_ids[place] for _, place in live], np.int64)
    return origins_of(connection, ids) if ids.size > 1 else Origins.plain(ids)


def nearest_first(ids: NDArray[np.int64], found: Scores) -> list[tuple[int, float]]:
    """Sort ids by score, highest first; of equal scores, the smallest id comes first."""
    order = np.lexsort((ids, -found))
    return list(zip(ids[order].tolist(), found[order].tolist(), strict=True))


def _live_positions(connection: Connection, of_metric: int, clip_ids: Sequence[int]) -> list[tuple[int, int]]:
    """Return (position in the matrix, index in `clip_ids`) of each clip with a live row, by ascending position."""
    index_of = {clip_id: place for place, clip_id in enumerate(clip_ids)}
    found: list[tuple[int, int]] = []
    for chunk in chunks(list(clip_ids)):
        live = select(score_row.c.position, score_row.c.clip_id).where(
            score_row.c.metric_id == of_metric, LIVE, score_row.c.clip_id.in_(chunk)
        )
        found += [(row.position, index_of[row.clip_id]) for row in connection.execute(live)]
    return sorted(found)
