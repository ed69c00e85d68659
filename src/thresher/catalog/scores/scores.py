"""Score rows: the lower-triangular score matrix of each metric, stored row by row.

Row *p* of a metric holds the scores of the clip at position *p* against positions 0 … *p* − 1, as `<f4`. A new
clip adds one row. Old rows never change, except that they can be marked `retired`. Rows written after a retirement
hold NaN at the retired positions; NaN is never a score. Scorers claim rows before they compute them (see `claims`),
so rows are stored in any order, and hold the scores with rows before them that are only claimed yet. The nearest
clips are always those of the rows that are stored.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

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

from thresher.catalog.database.database import chunks, insert_row, plain_rows
from thresher.catalog.database.schema import clip, metric, recording, score_row
from thresher.catalog.database.schema import nearest as nearest_table
from thresher.catalog.scores import claims, features, nearest
from thresher.catalog.scores.claims import Claim
from thresher.catalog.scores.nearest import Nearest
from thresher.errors import CatalogError
from thresher.signal.metrics.metric import Kind

Scores = NDArray[np.float32]
T = TypeVar("T")

ROW_DTYPE = np.dtype("<f4")

# SQLite uses the index of live rows only if the condition has exactly the words of the index.
LIVE = text("NOT score_row.retired")


@dataclass(frozen=True)
class MatrixState:
    """A version stamp of a matrix: every append, retirement and compaction changes it.

    `rows` is the position after the last row; `stored` rows exist, the others are claimed. `live` are not retired.
    """

    generation: int
    rows: int
    stored: int
    live: int


@dataclass(frozen=True)
class Matrix:
    """The live clips of a metric: ids and positions, int64, shape (live,), in the same order."""

    metric_id: int
    state: MatrixState
    clip_ids: NDArray[np.int64]
    positions: NDArray[np.int64]

    def extended(self, held: Claim, is_kept: NDArray[np.bool_]) -> Matrix:
        """Return this matrix after the rows of a claim were stored, of which those that are kept are live."""
        state = self.state
        return Matrix(
            self.metric_id,
            MatrixState(
                state.generation,
                max(state.rows, held.end),
                state.stored + len(held.clips),
                state.live + int(is_kept.sum()),
            ),
            np.concatenate([self.clip_ids, np.array(list(held.clips), dtype=np.int64)[is_kept]]),
            np.concatenate([self.positions, np.arange(held.first, held.end)[is_kept]]),
        )


@dataclass(frozen=True)
class Coverage:
    """The number of rows and values of a matrix, and whether it is complete.

    It is complete if each position up to the last row has a row or is claimed, no claim is damaged, and row p holds
    p values. `claimed` positions before the last row have no row yet.
    """

    rows: int
    live: int
    values: int
    complete: bool
    claimed: int = 0


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
    of_row = score_row.c.metric_id == of_metric
    last = connection.scalar(select(func.max(score_row.c.position)).where(of_row))
    stored = connection.scalar(select(func.count(score_row.c.position)).where(of_row))
    return MatrixState(int(generation or 0), 0 if last is None else last + 1, int(stored or 0), live)


def read_matrix(connection: Connection, of_metric: int) -> Matrix:
    """Return the clips that have a live row, and the positions of these rows, which ascend."""
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


def without_row(connection: Connection, of_metric: int, clip_ids: Sequence[int]) -> list[int]:
    """Return those of these clips that have no live row, in their order."""
    scored: set[int | None] = set()
    for chunk in chunks(list(clip_ids)):
        here = (score_row.c.metric_id == of_metric, LIVE, score_row.c.clip_id.in_(chunk))
        scored.update(connection.scalars(select(score_row.c.clip_id).where(*here)))
    return [clip_id for clip_id in clip_ids if clip_id not in scored]


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


@dataclass(frozen=True)
class Compared:
    """The computed scores of a claim's m clips with k others before them, and among themselves.

    `clip_ids` are the m clips that were compared: those of the claim whose features were as the claim says. The
    others are at `positions`, int64, shape (k,). `to_others`, shape (m, k), and `triangle`, shape (m, m), are
    float32; only the part of the triangle below the diagonal is read.
    """

    clip_ids: Sequence[int]
    positions: NDArray[np.int64]
    to_others: Scores
    triangle: Scores

    @property
    def pairs(self) -> int:
        """The number of comparisons."""
        new = len(self.clip_ids)
        return new * self.positions.size + new * (new - 1) // 2


class Stored(NamedTuple):
    """A matrix and its nearest clips, in the same order, after rows were stored.

    `is_alone`: all rows are live, and nothing else has changed since the matrix was read.
    """

    matrix: Matrix
    nearest: Nearest
    is_alone: bool


def store(
    connection: Connection, held: Claim, matrix: Matrix, best: Nearest, found: Compared, kind: Kind
) -> Stored | None:
    """Store the rows of a claim and end it, and update the nearest clips in the same transaction.

    `matrix` and `best` are the live rows and their nearest clips as they were read; they are read again if the
    matrix has changed. `kind` is that of the features that were compared. A clip whose feature is not what the
    claim says gets a retired row without scores if other positions follow.

    Return None if nothing was stored: the claim was lost, rows before it exist that were not compared, or a feature
    has changed and no position follows. The claim has ended in the last case, and the caller gives it up in the
    others.
    """
    if not claims.is_held(connection, held):
        return None
    is_alone = read_state(connection, matrix.metric_id) == matrix.state
    if not is_alone:
        matrix, best = read_nearest(connection, matrix.metric_id)
    is_before = matrix.positions < held.first
    is_new = np.isin(matrix.positions[is_before], found.positions, invert=True)
    if is_new.any():
        return None
    later = _later_values(connection, held, matrix)
    is_kept = _are_kept(connection, held, found, kind) & ~np.isnan(later).any(axis=1)
    is_last = claims.next_position(connection, matrix.metric_id) == held.end
    claims.end(connection, held)
    if is_last and not is_kept.all():
        return None
    full = _whole_rows(held, found)
    full[~is_kept] = np.nan
    full[:, held.first + np.flatnonzero(~is_kept)] = np.nan
    open_or_live = np.concatenate([matrix.positions, claims.positions(connection, matrix.metric_id)])
    full[:, np.setdiff1d(found.positions, open_or_live)] = np.nan
    connection.execute(
        insert(score_row),
        [
            _row_values(
                matrix.metric_id,
                held.first + index,
                clip_id if keep else None,
                full[index, : held.first + index],
            )
            for index, (clip_id, keep) in enumerate(zip(held.clips, is_kept.tolist(), strict=True))
        ],
    )
    if is_kept.all() and np.array_equal(matrix.positions, found.positions):
        to_live, triangle = found.to_others, found.triangle
    else:
        to_live = _to_live(held, matrix, full, later)[is_kept]
        triangle = full[np.ix_(is_kept, held.first + np.flatnonzero(is_kept))]
    kept = np.array(list(held.clips), np.int64)[is_kept]
    origins = nearest.origins_of(connection, kept)
    best, changed = best.extended(kept.tolist(), origins, to_live, triangle)
    nearest.write(connection, matrix.metric_id, changed)
    return Stored(matrix.extended(held, is_kept), best, is_alone and bool(is_kept.all()))


def _whole_rows(held: Claim, found: Compared) -> Scores:
    """Return the rows of a claim, float32, shape (its clips, its end), with NaN where nothing was compared."""
    rows = np.full((len(held.clips), held.end), np.nan, dtype=ROW_DTYPE)
    if len(found.clip_ids) == len(held.clips):
        rows[:, found.positions], rows[:, held.first :] = found.to_others, found.triangle
    else:
        compared = np.flatnonzero(np.isin(np.array(list(held.clips)), found.clip_ids))
        rows[np.ix_(compared, found.positions)] = found.to_others
        rows[np.ix_(compared, held.first + compared)] = found.triangle
    return rows


def read_nearest(connection: Connection, of_metric: int) -> tuple[Matrix, Nearest]:
    """Return the live rows of a metric by ascending ids of clips, and their nearest clips in the same order."""
    found = read_matrix(connection, of_metric)
    order = np.argsort(found.clip_ids)
    matrix = replace(found, clip_ids=found.clip_ids[order], positions=found.positions[order])
    return matrix, nearest.read(connection, of_metric, matrix.clip_ids)


def _later_values(connection: Connection, held: Claim, matrix: Matrix) -> Scores:
    """Return the scores of a claim's clips with the live rows after the claim; shape (clips, later rows)."""
    positions = np.sort(matrix.positions[matrix.positions >= held.end])
    rows = [values[held.first : held.end] for values in stored_rows(connection, matrix.metric_id, positions)]
    return np.array(rows, dtype=ROW_DTYPE).reshape(len(rows), len(held.clips)).T


def _are_kept(connection: Connection, held: Claim, found: Compared, kind: Kind) -> NDArray[np.bool_]:
    """Return which clips of a claim were compared, and have the feature that the claim says."""
    now, compared = features.checksums(connection, held.clips, kind), set(found.clip_ids)
    kept = [now.get(each) == checksum and each in compared for each, checksum in held.clips.items()]
    return np.array(kept, np.bool_)


def _to_live(held: Claim, matrix: Matrix, full: Scores, later: Scores) -> Scores:
    """Return the scores of a claim's clips with the live ones: of the rows `full`, and the `later` values."""
    found = np.empty((len(held.clips), matrix.positions.size), np.float32)
    is_later = matrix.positions >= held.end
    places = np.flatnonzero(is_later)
    found[:, places[np.argsort(matrix.positions[is_later])]] = later
    found[:, ~is_later] = full[:, matrix.positions[~is_later]]
    return found


def _row_values(of_metric: int, position: int, clip_id: int | None, values: Scores) -> dict[str, object]:
    blob = values.tobytes()
    return {
        "metric_id": of_metric,
        "position": position,
        "clip_id": clip_id,
        "scores": blob,
        "crc32": zlib.crc32(blob),
        "retired": clip_id is None,
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
    """Check whether a matrix is complete, without reading its scores."""
    values = func.length(score_row.c.scores) / ROW_DTYPE.itemsize
    row = connection.execute(
        select(
            func.count().label("rows"),
            func.count(case((~score_row.c.retired, 1))).label("live"),
            func.coalesce(func.sum(values), 0).label("held"),
            func.coalesce(func.max(score_row.c.position), -1).label("last"),
            func.coalesce(func.sum(func.abs(values - score_row.c.position)), 0).label("off"),
        ).where(score_row.c.metric_id == of_metric)
    ).one()
    if not claims.are_sound(connection, of_metric):
        return Coverage(row.rows, row.live, int(row.held), complete=False)
    claimed = 0 if row.last + 1 == row.rows else claims.open_positions(connection, of_metric, row.last)
    is_complete = row.last + 1 == row.rows + claimed and row.off == 0
    return Coverage(row.rows, row.live, int(row.held), is_complete, claimed)


def compact(connection: Connection, of_metric: int) -> None:
    """Delete the retired rows and move the live ones to positions 0 … n − 1. Values are copied, not recomputed.

    No row may be claimed.
    """
    matrix = read_matrix(connection, of_metric)
    of_row = score_row.c.metric_id == of_metric
    first = 0
    for old in chunks(matrix.positions.tolist(), size=64):
        new = range(first, first + len(old))
        rows = [
            _row_values(of_metric, position, clip_id, values[matrix.positions[:position]])
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
