"""Score rows: the lower-triangular score matrix of each metric, stored row by row.

Row *p* of a metric holds the scores of the clip at position *p* against positions 0 … *p* − 1, as `<f4`. A new
clip adds one row. Old rows never change, except that they can be marked `retired`. Rows written after a retirement
hold NaN at the retired positions; NaN is never a score.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    Select,
    and_,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    true,
    update,
)

from thresher.catalog import features, nearest
from thresher.catalog.database import chunks, insert_row, plain_rows
from thresher.catalog.nearest import Nearest
from thresher.catalog.schema import clip, metric, recording, score_row
from thresher.catalog.schema import nearest as nearest_table
from thresher.errors import CatalogError
from thresher.signal.metrics.metric import Kind

Scores = NDArray[np.float32]
T = TypeVar("T")

ROW_DTYPE = np.dtype("<f4")

# SQLite uses the index of live rows only if the condition has exactly the words of the index.
LIVE = text("NOT score_row.retired")


@dataclass(frozen=True)
class MatrixState:
    """A version stamp of a matrix: every append, retirement and compaction changes it."""

    generation: int
    rows: int
    live: int


@dataclass(frozen=True)
class Matrix:
    """The live clips of a metric: ids and positions, int64, shape (live,), sorted by position."""

    metric_id: int
    state: MatrixState
    clip_ids: NDArray[np.int64]
    positions: NDArray[np.int64]

    def extended(self, clip_ids: Sequence[int]) -> Matrix:
        """Return this matrix after rows for `clip_ids` were appended."""
        state, new = self.state, len(clip_ids)
        return Matrix(
            self.metric_id,
            MatrixState(state.generation, state.rows + new, state.live + new),
            np.concatenate([self.clip_ids, np.array(clip_ids, dtype=np.int64)]),
            np.concatenate([self.positions, np.arange(state.rows, state.rows + new)]),
        )


@dataclass(frozen=True)
class Coverage:
    """The number of rows and values of a matrix, and whether it is complete.

    It is complete if its positions are 0 … rows − 1 and row p holds p values.
    """

    rows: int
    live: int
    values: int
    complete: bool


def metric_id(connection: Connection, name: str, version: int) -> int:
    """Return the id of a version of a metric, or 0, which no row has as its id, if it never scored a clip."""
    same = (metric.c.name == name, metric.c.version == version)
    return int(connection.scalar(select(metric.c.id).where(*same)) or 0)


def register_metric(connection: Connection, name: str, version: int) -> int:
    """Return the id of a version of a metric; add the version if it is new."""
    found = metric_id(connection, name, version)
    if found:
        return found
    return insert_row(connection, metric, {"name": name, "version": version})


def read_state(connection: Connection, of_metric: int) -> MatrixState:
    """Return the state of a matrix. Only indexes are read."""
    live = connection.scalar(
        select(func.count()).select_from(score_row).where(score_row.c.metric_id == of_metric, LIVE)
    )
    return _state(connection, of_metric, int(live or 0))


def _state(connection: Connection, of_metric: int, live: int) -> MatrixState:
    generation = connection.scalar(select(metric.c.generation).where(metric.c.id == of_metric))
    last = connection.scalar(select(func.max(score_row.c.position)).where(score_row.c.metric_id == of_metric))
    return MatrixState(int(generation or 0), 0 if last is None else last + 1, live)


def read_matrix(connection: Connection, of_metric: int) -> Matrix:
    """Return the clips that have a live row, and the positions of these rows."""
    rows = plain_rows(
        connection,
        select(score_row.c.clip_id, score_row.c.position)
        .where(score_row.c.metric_id == of_metric, LIVE)
        .order_by(score_row.c.position),
    )
    table = np.fromiter(rows, dtype=[("clip", np.int64), ("position", np.int64)])
    return Matrix(of_metric, _state(connection, of_metric, len(table)), table["clip"], table["position"])


@dataclass(frozen=True)
class Survey:
    """The clips of a catalog sorted by whether a metric has scored them; each list is in ascending order of ids.

    `matrix` holds the clips that have a live row and should have one. Clips in `unscored_ids` should have a live
    row and have none. Clips in `disqualified` have a live row and should not: they have become reference, or lost
    the feature that the metric compares.
    """

    matrix: Matrix
    unscored_ids: list[int]
    disqualified: list[int]


def has_unscored(connection: Connection, of_metric: int, kind: Kind) -> bool:
    """Return whether a clip should have a live row and has none. New clips are looked at first."""
    without = select(clip.c.id).where(features.is_scored(kind), _position(of_metric).is_(None))
    of_recording = without.join(recording, recording.c.id == clip.c.recording_id)
    return connection.scalar(of_recording.order_by(clip.c.id.desc()).limit(1)) is not None


def survey(connection: Connection, of_metric: int, kind: Kind) -> Survey:
    """Sort the clips by whether a metric that compares features of this `kind` has scored them."""
    sorter = _Sorter()
    for _ in sorter.sort(plain_rows(connection, _clip_states(of_metric, kind))):
        pass
    return sorter.survey(connection, of_metric)


def survey_kept(
    connection: Connection, of_metric: int, kind: Kind, pack: Callable[[Iterator[NDArray[Any]]], T]
) -> tuple[Survey, T]:
    """Return the `survey` and the packed features of its matrix; `pack` gets the features while they are read."""
    columns = features.FEATURE_COLUMNS[kind]
    statement = _clip_states(of_metric, kind, columns.blob, columns.crc32)
    sorter = _Sorter()
    rows = sorter.sort(plain_rows(connection, statement))
    packed = pack(features.unpacked(kind, ((row[0], row[3], row[4]) for row in rows)))
    return sorter.survey(connection, of_metric), packed


def _clip_states(of_metric: int, kind: Kind, *columns: ColumnElement[Any]) -> Select[Any]:
    """Select of each clip, by id: the position of its live row, whether it should have one, and `columns`."""
    return (
        select(clip.c.id, _position(of_metric), features.is_scored(kind), *columns)
        .join(recording, recording.c.id == clip.c.recording_id)
        .order_by(clip.c.id)
    )


def _position(of_metric: int) -> ScalarSelect[Any]:
    """Return the position of a clip's live row, or NULL. A join instead would make SQLite choose a slower plan."""
    of_clip = and_(score_row.c.metric_id == of_metric, score_row.c.clip_id == clip.c.id, LIVE)
    return select(score_row.c.position).where(of_clip).correlate(clip).scalar_subquery()


class _Sorter:
    """Sorts the rows of `_clip_states`."""

    def __init__(self) -> None:
        self._scored: list[int] = []
        self._positions: list[int] = []
        self._unscored: list[int] = []
        self._disqualified: list[int] = []

    def sort(self, rows: Iterable[Any]) -> Iterator[Any]:
        """Yield the rows of clips that have a live row and should have one; remember the other clips."""
        for row in rows:
            if row[1] is None:
                if row[2]:
                    self._unscored.append(row[0])
            elif row[2]:
                self._scored.append(row[0])
                self._positions.append(row[1])
                yield row
            else:
                self._disqualified.append(row[0])

    def survey(self, connection: Connection, of_metric: int) -> Survey:
        """Return the result after all rows are sorted."""
        state = _state(connection, of_metric, len(self._scored) + len(self._disqualified))
        scored, positions = (np.array(each, dtype=np.int64) for each in (self._scored, self._positions))
        return Survey(Matrix(of_metric, state, scored, positions), self._unscored, self._disqualified)


def append(
    connection: Connection,
    matrix: Matrix,
    best: Nearest,
    clips: Mapping[int, int],
    to_live: Scores,
    triangle: Scores,
    kind: Kind,
) -> Nearest | None:
    """Add rows for new clips, and update the nearest clips in the same transaction.

    Return the nearest clips after the update, or None if the catalog has changed since `matrix` was read or the
    features were compared; then nothing is written.

    `best` holds the nearest clips of the live clips of `matrix`. `clips` maps the ids of the new clips to the
    checksums of the features that were compared, which are of this `kind`. `to_live`, shape (new, live), holds the
    scores of the new clips against the live ones; `triangle`, shape (new, new), their scores among themselves.
    Only the part of it below the diagonal is read.
    """
    if (
        read_state(connection, matrix.metric_id) != matrix.state
        or features.checksums(connection, clips, kind) != clips
    ):
        return None
    clip_ids = list(clips)
    first = matrix.state.rows
    full = np.full((len(clip_ids), first + len(clip_ids)), np.nan, dtype=ROW_DTYPE)
    full[:, matrix.positions] = to_live
    full[:, first:] = triangle
    connection.execute(
        insert(score_row),
        [
            _row_values(matrix.metric_id, first + index, clip_id, full[index, : first + index].tobytes())
            for index, clip_id in enumerate(clip_ids)
        ],
    )
    origins = nearest.origins_of(connection, np.array(clip_ids, np.int64))
    best, changed = best.extended(clip_ids, origins, to_live, triangle)
    nearest.write(connection, matrix.metric_id, changed)
    return best


def _row_values(of_metric: int, position: int, clip_id: int, blob: bytes) -> dict[str, object]:
    return {
        "metric_id": of_metric,
        "position": position,
        "clip_id": int(clip_id),
        "scores": blob,
        "crc32": zlib.crc32(blob),
    }


def retire(connection: Connection, clip_ids: Sequence[int], *, only: int | None = None) -> None:
    """Retire the rows of clips in the matrices of all metrics, or of `only` one.

    Where one of these clips was the nearest of another clip, that clip's nearest is searched again.
    """
    rows = true() if only is None else score_row.c.metric_id == only
    for chunk in chunks(list(clip_ids)):
        connection.execute(update(score_row).where(rows, score_row.c.clip_id.in_(chunk)).values(retired=True))
    for of_metric, without_nearest in nearest.forget(connection, clip_ids, only).items():
        matrix = read_matrix(connection, of_metric)
        values = stored_rows(connection, of_metric, matrix.positions)
        origins = nearest.origins_of(connection, matrix.clip_ids)
        found = nearest.search(matrix.clip_ids, matrix.positions, values, without_nearest, origins)
        nearest.write(connection, of_metric, found)


def follow_clips(connection: Connection, removed: Sequence[int]) -> None:
    """Bring the matrices up to date after recordings were split or joined, or clips removed or restored.

    The rows of the `removed` clips are retired, and the nearest clips are searched again. Restored and new clips
    are scored by the next scoring.
    """
    for chunk in chunks(list(removed)):
        connection.execute(update(score_row).where(score_row.c.clip_id.in_(chunk)).values(retired=True))
    for of_metric in connection.scalars(select(metric.c.id)).all():
        nearest.replace_all(connection, of_metric, _search_nearest(connection, of_metric))
        # a scoring that runs meanwhile must notice that other clips can be nearest now
        changed = {"generation": metric.c.generation + 1}
        connection.execute(update(metric).where(metric.c.id == of_metric).values(changed))


def _search_nearest(connection: Connection, of_metric: int) -> list[nearest.Row]:
    """Search the nearest clips of all live clips of a metric in its matrix."""
    matrix = read_matrix(connection, of_metric)
    values = stored_rows(connection, of_metric, matrix.positions)
    ids = matrix.clip_ids
    origins = nearest.origins_of(connection, ids)
    return nearest.search(ids, matrix.positions, values, ids.tolist(), origins)


def nearest_are_right(connection: Connection, of_metric: int) -> bool:
    """Return whether the stored nearest clips of a metric are those of its matrix."""
    stored = select(nearest_table.c.clip_id, nearest_table.c.other_id, nearest_table.c.score)
    rows = connection.execute(stored.where(nearest_table.c.metric_id == of_metric))
    return sorted(map(tuple, rows)) == sorted(_search_nearest(connection, of_metric))


def repair_nearest(connection: Connection, of_metric: int) -> None:
    """Store the nearest clips of a metric as its matrix has them."""
    nearest.replace_all(connection, of_metric, _search_nearest(connection, of_metric))


def retire_damaged(connection: Connection, positions: Mapping[int, Sequence[int]]) -> None:
    """Retire damaged rows and replace their values by NaN with a valid checksum, so that `coverage` works again.

    `positions` maps the id of each metric to the positions of its damaged rows.
    """
    live = set()
    for of_metric, position in [(key, each) for key, found in positions.items() for each in found]:
        of_row = and_(score_row.c.metric_id == of_metric, score_row.c.position == position)
        row = connection.execute(select(score_row.c.clip_id, score_row.c.retired).where(of_row)).one()
        if not row.retired:
            live.add(row.clip_id)
        blob = np.full(position, np.nan, dtype=ROW_DTYPE).tobytes()
        connection.execute(update(score_row).where(of_row).values(scores=blob, crc32=zlib.crc32(blob)))
    # only after all rows are replaced: the search for nearest clips reads the rows of every metric
    retire(connection, sorted(live))


def stored_rows(connection: Connection, of_metric: int, positions: NDArray[np.int64]) -> Iterator[Scores]:
    """Yield the stored values of the rows at ascending `positions`, each of shape (position,).

    Raises CatalogError for a damaged row.
    """
    for chunk in chunks(positions.tolist(), size=64):
        rows = connection.execute(
            select(score_row.c.position, score_row.c.scores, score_row.c.crc32)
            .where(score_row.c.metric_id == of_metric, score_row.c.position.in_(chunk))
            .order_by(score_row.c.position)
        )
        for row in rows:
            yield _values(row.position, row.scores, row.crc32)


def _values(position: int, blob: bytes, crc32: int) -> Scores:
    if zlib.crc32(blob) != crc32 or len(blob) != position * ROW_DTYPE.itemsize:
        raise CatalogError(
            f"score row {position} is damaged in the catalog; `thresher verify --repair` computes it again"
        )
    return np.frombuffer(blob, dtype=ROW_DTYPE)


def coverage(connection: Connection, of_metric: int) -> Coverage:
    """Check in one query whether a matrix is complete."""
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
    """Delete the retired rows and move the live ones to positions 0 … n − 1. Values are copied, not recomputed."""
    matrix = read_matrix(connection, of_metric)
    of_row = score_row.c.metric_id == of_metric
    first = 0
    for old in chunks(matrix.positions.tolist(), size=64):
        new = range(first, first + len(old))
        rows = [
            _row_values(of_metric, position, clip_id, values[matrix.positions[:position]].tobytes())
            for position, clip_id, values in zip(
                new,
                matrix.clip_ids[first : new.stop].tolist(),
                stored_rows(connection, of_metric, np.array(old)),
                strict=True,
            )
        ]
        # rows move down in order, so only retired rows and these rows themselves can be at their new positions
        replaced = or_(score_row.c.position.in_(old), score_row.c.position.between(first, new.stop - 1))
        connection.execute(delete(score_row).where(of_row, replaced))
        connection.execute(insert(score_row), rows)
        first = new.stop
    connection.execute(delete(score_row).where(of_row, score_row.c.position >= matrix.clip_ids.size))
    connection.execute(
        update(metric).where(metric.c.id == of_metric).values(generation=metric.c.generation + 1)
    )
