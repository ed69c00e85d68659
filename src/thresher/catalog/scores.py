"""The score rows: a lower-triangular matrix kept row by row, extended and never recomputed.

Row *p* of a metric holds the scores of the clip at position *p* against positions 0 … *p* − 1, `<f4`. A new
clip is one new row; old rows are never touched, save that `retired` may be set. Rows written after a
retirement hold NaN at the retired positions, and NaN is never a score.
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
from thresher.errors import CatalogError
from thresher.signal.metrics.metric import Kind

Scores = NDArray[np.float32]
T = TypeVar("T")

ROW_DTYPE = np.dtype("<f4")

# Word for word as in the index of live rows, or SQLite looks each of them up in the table.
LIVE = text("NOT score_row.retired")


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
    live = connection.scalar(
        select(func.count()).select_from(score_row).where(score_row.c.metric_id == of_metric, LIVE)
    )
    return _state(connection, of_metric, int(live or 0))


def _state(connection: Connection, of_metric: int, live: int) -> MatrixState:
    generation = connection.scalar(select(metric.c.generation).where(metric.c.id == of_metric))
    last = connection.scalar(select(func.max(score_row.c.position)).where(score_row.c.metric_id == of_metric))
    return MatrixState(int(generation or 0), 0 if last is None else last + 1, live)


def read_matrix(connection: Connection, of_metric: int) -> Matrix:
    """Which clips have a live row, and where."""
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
    """How the clips of a catalog stand with a metric: by id, ascending.

    `matrix` holds those that have a live row and should; `open_ids` should have one and have none;
    `disqualified` have one and should have none any more: become reference, or without what is features.
    """

    matrix: Matrix
    open_ids: list[int]
    disqualified: list[int]


def has_open(connection: Connection, of_metric: int, kind: Kind) -> bool:
    """Whether a clip should have a live row and has none: known at once where it is the last one that came."""
    without = select(clip.c.id).where(features.is_scored(kind), _position(of_metric).is_(None))
    of_recording = without.join(recording, recording.c.id == clip.c.recording_id)
    return connection.scalar(of_recording.order_by(clip.c.id.desc()).limit(1)) is not None


def survey(connection: Connection, of_metric: int, kind: Kind) -> Survey:
    """How the clips stand with a metric that compares that `kind`."""
    found = _Stand()
    for _ in found.sort(plain_rows(connection, _standing(of_metric, kind))):
        pass
    return found.survey(connection, of_metric)


def survey_kept(
    connection: Connection, of_metric: int, kind: Kind, pack: Callable[[Iterator[NDArray[Any]]], T]
) -> tuple[Survey, T]:
    """`survey`, and what `pack` makes of what is kept of the clips of its matrix, given to it as it is read."""
    columns = features.FEATURE_COLUMNS[kind]
    statement = _standing(of_metric, kind, columns.blob, columns.crc32)
    found = _Stand()
    rows = found.sort(plain_rows(connection, statement))
    packed = pack(features.unpacked(kind, ((row[0], row[3], row[4]) for row in rows)))
    return found.survey(connection, of_metric), packed


def _standing(of_metric: int, kind: Kind, *columns: ColumnElement[Any]) -> Select[Any]:
    """Every clip by id, with the position of its live row, whether it should have one, and those columns."""
    return (
        select(clip.c.id, _position(of_metric), features.is_scored(kind), *columns)
        .join(recording, recording.c.id == clip.c.recording_id)
        .order_by(clip.c.id)
    )


def _position(of_metric: int) -> ScalarSelect[Any]:
    """Where a clip has its live row; NULL where it has none. As a join it would be a worse plan."""
    of_clip = and_(score_row.c.metric_id == of_metric, score_row.c.clip_id == clip.c.id, LIVE)
    return select(score_row.c.position).where(of_clip).correlate(clip).scalar_subquery()


class _Stand:
    """Sorts the rows of `_standing`."""

    def __init__(self) -> None:
        self._scored: list[int] = []
        self._positions: list[int] = []
        self._open: list[int] = []
        self._disqualified: list[int] = []

    def sort(self, rows: Iterable[Any]) -> Iterator[Any]:
        """The rows of clips that have a live row and should; the others are taken note of."""
        for row in rows:
            if row[1] is None:
                if row[2]:
                    self._open.append(row[0])
            elif row[2]:
                self._scored.append(row[0])
                self._positions.append(row[1])
                yield row
            else:
                self._disqualified.append(row[0])

    def survey(self, connection: Connection, of_metric: int) -> Survey:
        """What was found, once all rows are sorted."""
        state = _state(connection, of_metric, len(self._scored) + len(self._disqualified))
        scored, positions = (np.array(each, dtype=np.int64) for each in (self._scored, self._positions))
        return Survey(Matrix(of_metric, state, scored, positions), self._open, self._disqualified)


def append(
    connection: Connection,
    matrix: Matrix,
    best: Nearest,
    clips: Mapping[int, int],
    to_live: Scores,
    triangle: Scores,
    kind: Kind,
) -> Nearest | None:
    """Add rows for new clips, in one transaction with `nearest`; what is nearest now, or None where the catalog
    has moved on.

    `best` is what was nearest to the live clips of `matrix`. `clips` maps the ids of the new ones to the checksums
    of what was features, which is of that `kind`. `to_live`, shape (new, live), holds their scores against the
    live clips; `triangle`, shape (new, new), those among themselves, of which only what lies below the diagonal
    is read.
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
            _row_values(matrix.metric_id, first + place, clip_id, full[place, : first + place].tobytes())
            for place, clip_id in enumerate(clip_ids)
        ],
    )
    best, changed = best.extended(clip_ids, to_live, triangle)
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
    """Take clips out of every matrix, or `only` that of one metric: their rows are retired, and others' nearest
    found anew without them."""
    rows = true() if only is None else score_row.c.metric_id == only
    for chunk in chunks(list(clip_ids)):
        connection.execute(update(score_row).where(rows, score_row.c.clip_id.in_(chunk)).values(retired=True))
    for of_metric, bereft in nearest.forget(connection, clip_ids, only).items():
        matrix = read_matrix(connection, of_metric)
        values = stored_rows(connection, of_metric, matrix.positions)
        nearest.write(
            connection, of_metric, nearest.search(matrix.clip_ids, matrix.positions, values, bereft)
        )


def retire_damaged(connection: Connection, positions: Mapping[int, Sequence[int]]) -> None:
    """Retire rows whose values can't be trusted and empty them, so that coverage is provable again.

    `positions` holds those of each metric, by its id. Damaged values are worth nothing: NaN stands in for them,
    under a checksum that is right.
    """
    live = set()
    for of_metric, position in [(key, each) for key, found in positions.items() for each in found]:
        of_row = and_(score_row.c.metric_id == of_metric, score_row.c.position == position)
        row = connection.execute(select(score_row.c.clip_id, score_row.c.retired).where(of_row)).one()
        if not row.retired:
            live.add(row.clip_id)
        blob = np.full(position, np.nan, dtype=ROW_DTYPE).tobytes()
        connection.execute(update(score_row).where(of_row).values(scores=blob, crc32=zlib.crc32(blob)))
    # not before all are empty: finding `nearest` anew reads the rows of every metric
    retire(connection, sorted(live))


def stored_rows(connection: Connection, of_metric: int, positions: NDArray[np.int64]) -> Iterator[Scores]:
    """The stored values of the rows at ascending `positions`, each of shape (position,)."""
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
        # rows move down in order, so the places they move to hold retired rows, themselves, or none
        of_places = or_(score_row.c.position.in_(old), score_row.c.position.between(first, new.stop - 1))
        connection.execute(delete(score_row).where(of_row, of_places))
        connection.execute(insert(score_row), rows)
        first = new.stop
    connection.execute(delete(score_row).where(of_row, score_row.c.position >= matrix.clip_ids.size))
    connection.execute(
        update(metric).where(metric.c.id == of_metric).values(generation=metric.c.generation + 1)
    )
