"""The score rows: a lower-triangular matrix kept row by row, extended and never recomputed.

Row *p* of a metric holds the scores of the clip at position *p* against positions 0 … *p* − 1, `<f4`. A new
clip is one new row; old rows are never touched, save that `retired` may be set. Rows written after a
retirement hold NaN at the retired positions, and NaN is never a score.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, and_, case, delete, func, insert, or_, select, update

from thresher.catalog.database import insert_row
from thresher.catalog.schema import clip, metric, nearest, recording, score_row
from thresher.errors import CatalogError

Scores = NDArray[np.float32]

ROW_DTYPE = np.dtype("<f4")


@dataclass(frozen=True)
class MatrixState:
    """How far a matrix has come; it changes with every append, retirement and compaction."""

    generation: int
    rows: int
    live: int


@dataclass(frozen=True)
class Matrix:
    """The live clips of a metric: ids and positions, int64, shape (live,), by ascending position."""

    metric_id: int
    state: MatrixState
    clip_ids: NDArray[np.int64]
    positions: NDArray[np.int64]

    def extended(self, clip_ids: Sequence[int]) -> Matrix:
        """This matrix after rows for `clip_ids` were appended."""
        state, new = self.state, len(clip_ids)
        return Matrix(
            self.metric_id,
            MatrixState(state.generation, state.rows + new, state.live + new),
            np.concatenate([self.clip_ids, np.array(clip_ids, dtype=np.int64)]),
            np.concatenate([self.positions, np.arange(state.rows, state.rows + new)]),
        )


@dataclass(frozen=True)
class Coverage:
    """What one query says of a matrix: rows, values in all of them, and whether they prove it complete.

    Complete: positions are 0 … rows − 1 and row p holds p values.
    """

    rows: int
    live: int
    values: int
    complete: bool


def metric_id(connection: Connection, name: str, version: int) -> int:
    """Id of a metric's version; 0, which no row has, where nothing was ever scored under it."""
    same = (metric.c.name == name, metric.c.version == version)
    return int(connection.scalar(select(metric.c.id).where(*same)) or 0)


def register_metric(connection: Connection, name: str, version: int) -> int:
    """Id of a metric's version, made if it is new."""
    found = metric_id(connection, name, version)
    if found:
        return found
    return insert_row(connection, metric, {"name": name, "version": version})


def read_state(connection: Connection, of_metric: int) -> MatrixState:
    """The state of a matrix, from its indexes alone."""
    generation = connection.scalar(select(metric.c.generation).where(metric.c.id == of_metric))
    last = connection.scalar(select(func.max(score_row.c.position)).where(score_row.c.metric_id == of_metric))
    live = connection.scalar(
        select(func.count()).where(score_row.c.metric_id == of_metric, ~score_row.c.retired)
    )
    return MatrixState(int(generation or 0), 0 if last is None else last + 1, int(live or 0))


def read_matrix(connection: Connection, of_metric: int) -> Matrix:
    """Which clips have a live row, and where."""
    rows = connection.execute(
        select(score_row.c.clip_id, score_row.c.position)
        .where(score_row.c.metric_id == of_metric, ~score_row.c.retired)
        .order_by(score_row.c.position)
    ).all()
    table = np.array([tuple(row) for row in rows], dtype=np.int64).reshape(len(rows), 2)
    return Matrix(of_metric, read_state(connection, of_metric), table[:, 0], table[:, 1])


def open_clips(connection: Connection, of_metric: int) -> list[int]:
    """Clips that should have a live row and have none, by id."""
    has_row = select(score_row.c.clip_id).where(score_row.c.metric_id == of_metric, ~score_row.c.retired)
    statement = (
        select(clip.c.id)
        .join(recording, recording.c.id == clip.c.recording_id)
        .where(_is_scored(), clip.c.id.not_in(has_row))
        .order_by(clip.c.id)
    )
    return [int(clip_id) for clip_id in connection.scalars(statement)]


def disqualified_clips(connection: Connection, of_metric: int) -> list[int]:
    """Clips that have a live row and should have none any more: become reference, or without fingerprint."""
    statement = (
        select(clip.c.id)
        .join(recording, recording.c.id == clip.c.recording_id)
        .join(score_row, score_row.c.clip_id == clip.c.id)
        .where(score_row.c.metric_id == of_metric, ~score_row.c.retired, ~_is_scored())
    )
    return [int(clip_id) for clip_id in connection.scalars(statement)]


def _is_scored() -> ColumnElement[bool]:
    return and_(clip.c.fingerprint.is_not(None), recording.c.role == "generated")


def read_fingerprints(connection: Connection, clip_ids: Iterable[int]) -> Iterator[NDArray[np.uint32]]:
    """The words of each clip, shape (words,), in the order asked; CatalogError where a byte has flipped."""
    for chunk in _chunks([int(clip_id) for clip_id in clip_ids]):
        found = {
            row.id: row
            for row in connection.execute(
                select(clip.c.id, clip.c.fingerprint, clip.c.fingerprint_crc32).where(clip.c.id.in_(chunk))
            )
        }
        for clip_id in chunk:
            blob = found[clip_id].fingerprint
            if zlib.crc32(blob) != found[clip_id].fingerprint_crc32:
                raise CatalogError(
                    f"the fingerprint of clip {clip_id} is damaged in the catalog; "
                    "`thresher verify --repair` makes it again from its file"
                )
            yield np.frombuffer(blob, dtype="<u4").astype(np.uint32, copy=False)


def append(
    connection: Connection, matrix: Matrix, clip_ids: Sequence[int], to_live: Scores, triangle: Scores
) -> bool:
    """Add rows for new clips, in one transaction with `nearest`; False where the matrix has moved on.

    `to_live`, shape (new, live), holds their scores against the live clips of `matrix`; `triangle`, shape
    (new, new), those among themselves, of which only what lies below the diagonal is read.
    """
    if read_state(connection, matrix.metric_id) != matrix.state:
        return False
    first = matrix.state.rows
    full = np.full((len(clip_ids), first + len(clip_ids)), np.nan, dtype=ROW_DTYPE)
    full[:, matrix.positions] = to_live
    full[:, first:] = triangle
    connection.execute(
        insert(score_row),
        [
            _row_values(matrix.metric_id, first + place, clip_id, full[place, : first + place].tobytes())
            for place, clip_id in enumerate(clip_ids)
        ],
    )
    _nearer(connection, matrix, clip_ids, to_live, triangle)
    return True


def _row_values(of_metric: int, position: int, clip_id: int, blob: bytes) -> dict[str, object]:
    return {
        "metric_id": of_metric,
        "position": position,
        "clip_id": int(clip_id),
        "scores": blob,
        "crc32": zlib.crc32(blob),
    }


def _nearer(
    connection: Connection, matrix: Matrix, clip_ids: Sequence[int], to_live: Scores, triangle: Scores
) -> None:
    """Keep `nearest` as rows are added: each new clip's best, and old clips that a new one comes nearer to."""
    new = np.array(clip_ids, dtype=np.int64)
    among = np.where(np.tri(len(new), k=-1, dtype=bool), triangle, np.nan)
    among = np.where(np.isnan(among), among.T, among)
    ids = np.concatenate([matrix.clip_ids, new])
    changed = _best(new, ids, np.concatenate([to_live, among], axis=1))
    old = {
        row.clip_id: (row.score, -row.other_id)
        for row in connection.execute(select(nearest).where(nearest.c.metric_id == matrix.metric_id))
    }
    for clip_id, other, score in _best(matrix.clip_ids, new, to_live.T):
        if clip_id not in old or (score, -other) > old[clip_id]:
            changed.append((clip_id, other, score))
    _replace_nearest(connection, matrix.metric_id, changed)


def _best(
    clip_ids: NDArray[np.int64], others: NDArray[np.int64], scores: Scores
) -> list[tuple[int, int, float]]:
    """(clip, best other, score) of each row that has a score; of equals, the smallest id."""
    if not others.size or not clip_ids.size:
        return []
    by_id = np.argsort(others, kind="stable")
    ordered = np.where(np.isnan(scores), -np.inf, scores)[:, by_id]
    best = ordered.argmax(axis=1)
    value = ordered[np.arange(len(clip_ids)), best]
    found = np.flatnonzero(value > -np.inf)
    return [(int(clip_ids[row]), int(others[by_id[best[row]]]), float(value[row])) for row in found]


def _replace_nearest(connection: Connection, of_metric: int, found: Sequence[tuple[int, int, float]]) -> None:
    for chunk in _chunks([clip_id for clip_id, _, _ in found]):
        connection.execute(
            delete(nearest).where(nearest.c.metric_id == of_metric, nearest.c.clip_id.in_(chunk))
        )
    if found:
        connection.execute(
            insert(nearest),
            [
                {"metric_id": of_metric, "clip_id": clip_id, "other_id": other, "score": score}
                for clip_id, other, score in found
            ],
        )


def retire(connection: Connection, clip_ids: Sequence[int]) -> None:
    """Take clips out of every matrix: their rows are retired, and others' nearest found anew without them."""
    for chunk in _chunks(list(clip_ids)):
        affected = connection.execute(
            select(nearest.c.metric_id, nearest.c.clip_id).where(
                nearest.c.other_id.in_(chunk), nearest.c.clip_id.not_in(chunk)
            )
        ).all()
        connection.execute(update(score_row).where(score_row.c.clip_id.in_(chunk)).values(retired=True))
        connection.execute(
            delete(nearest).where(or_(nearest.c.clip_id.in_(chunk), nearest.c.other_id.in_(chunk)))
        )
        for of_metric in sorted({row.metric_id for row in affected}):
            wanted = [row.clip_id for row in affected if row.metric_id == of_metric]
            _find_nearest(connection, of_metric, wanted)


def retire_damaged(connection: Connection, of_metric: int, positions: Sequence[int]) -> None:
    """Retire rows whose values can't be trusted and empty them, so that coverage is provable again.

    Damaged values are worth nothing: NaN stands in for them, under a checksum that is right.
    """
    clip_ids = []
    for position in positions:
        of_row = and_(score_row.c.metric_id == of_metric, score_row.c.position == position)
        blob = np.full(position, np.nan, dtype=ROW_DTYPE).tobytes()
        clip_ids.append(connection.scalar(select(score_row.c.clip_id).where(of_row)))
        connection.execute(update(score_row).where(of_row).values(scores=blob, crc32=zlib.crc32(blob)))
    retire(connection, [clip_id for clip_id in clip_ids if clip_id is not None])


def _find_nearest(connection: Connection, of_metric: int, wanted: Sequence[int]) -> None:
    """Find the best other live clip of `wanted` clips again, from the stored rows alone."""
    matrix = read_matrix(connection, of_metric)
    place = {int(clip_id): index for index, clip_id in enumerate(matrix.clip_ids)}
    rows = np.array([place[clip_id] for clip_id in wanted if clip_id in place], dtype=np.int64)
    scores = np.full((rows.size, matrix.clip_ids.size), np.nan, dtype=np.float32)
    own = {int(index): row for row, index in enumerate(rows)}
    for index, values in enumerate(_rows(connection, matrix)):
        live = values[matrix.positions[:index]]
        if index in own:
            scores[own[index], :index] = live
        before = rows < index
        scores[before, index] = live[rows[before]]
    _replace_nearest(connection, of_metric, _best(matrix.clip_ids[rows], matrix.clip_ids, scores))


def _rows(connection: Connection, matrix: Matrix) -> Iterator[Scores]:
    """The stored values of every live row, by position, each of shape (position,)."""
    statement = (
        select(score_row.c.position, score_row.c.scores, score_row.c.crc32)
        .where(score_row.c.metric_id == matrix.metric_id, ~score_row.c.retired)
        .order_by(score_row.c.position)
    )
    for row in connection.execute(statement.execution_options(yield_per=64)):
        yield _values(row.position, row.scores, row.crc32)


def _values(position: int, blob: bytes, crc32: int) -> Scores:
    if zlib.crc32(blob) != crc32 or len(blob) != position * ROW_DTYPE.itemsize:
        raise CatalogError(
            f"score row {position} is damaged in the catalog; `thresher verify --repair` computes it again"
        )
    return np.frombuffer(blob, dtype=ROW_DTYPE)


def between(connection: Connection, of_metric: int, clip_ids: Sequence[int]) -> Scores:
    """The score matrix of some clips, float32, shape (n, n); NaN on the diagonal and where there is none."""
    scores = np.full((len(clip_ids), len(clip_ids)), np.nan, dtype=np.float32)
    place = {clip_id: index for index, clip_id in enumerate(clip_ids)}
    rows: list[Any] = []
    for chunk in _chunks(list(clip_ids)):
        rows += connection.execute(
            select(score_row).where(
                score_row.c.metric_id == of_metric, ~score_row.c.retired, score_row.c.clip_id.in_(chunk)
            )
        ).all()
    rows.sort(key=lambda row: row.position)
    positions = np.array([row.position for row in rows], dtype=np.int64)
    places = np.array([place[row.clip_id] for row in rows], dtype=np.int64)
    for index, row in enumerate(rows):
        values = _values(row.position, row.scores, row.crc32)[positions[:index]]
        scores[places[index], places[:index]] = values
        scores[places[:index], places[index]] = values
    return scores


def coverage(connection: Connection, of_metric: int) -> Coverage:
    """Prove a matrix complete, in one query."""
    values = func.length(score_row.c.scores) / ROW_DTYPE.itemsize
    row = connection.execute(
        select(
            func.count().label("rows"),
            func.coalesce(func.sum(case((score_row.c.retired, 0), else_=1)), 0).label("live"),
            func.coalesce(func.sum(values), 0).label("held"),
            func.coalesce(func.max(score_row.c.position), -1).label("last"),
            func.coalesce(func.sum(func.abs(values - score_row.c.position)), 0).label("off"),
        ).where(score_row.c.metric_id == of_metric)
    ).one()
    return Coverage(row.rows, row.live, int(row.held), row.last + 1 == row.rows and row.off == 0)


def compact(connection: Connection, of_metric: int) -> None:
    """Give the live rows new positions 0 … n − 1 and drop the retired ones: values copied, none recomputed."""
    matrix = read_matrix(connection, of_metric)
    of_row = score_row.c.metric_id == of_metric
    for new, old in enumerate(matrix.positions.tolist()):
        # rows move down in order, so the place a row moves to holds a retired row, itself, or none
        row = connection.execute(select(score_row).where(of_row, score_row.c.position == old)).one()
        kept = _values(old, row.scores, row.crc32)[matrix.positions[:new]]
        connection.execute(delete(score_row).where(of_row, score_row.c.position.in_([old, new])))
        values = _row_values(of_metric, new, row.clip_id, kept.tobytes())
        connection.execute(insert(score_row).values(values))
    connection.execute(delete(score_row).where(of_row, score_row.c.position >= matrix.clip_ids.size))
    connection.execute(
        update(metric).where(metric.c.id == of_metric).values(generation=metric.c.generation + 1)
    )


def _chunks(ids: Sequence[int], size: int = 500) -> Iterator[list[int]]:
    for start in range(0, len(ids), size):
        yield list(ids[start : start + size])
