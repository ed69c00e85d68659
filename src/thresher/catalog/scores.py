"""The score rows: a lower-triangular matrix kept row by row, extended and never recomputed.

Row *p* of a metric holds the scores of the clip at position *p* against positions 0 … *p* − 1, `<f4`. A new
clip is one new row; old rows are never touched, save that `retired` may be set. Rows written after a
retirement hold NaN at the retired positions, and NaN is never a score.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, and_, case, delete, func, insert, or_, select, true, update

from thresher.catalog.database import insert_row
from thresher.catalog.schema import clip, metric, nearest, recording, score_row
from thresher.errors import CatalogError
from thresher.signal.descriptors import VERSION as DESCRIPTOR_VERSION
from thresher.signal.metric import Kind, Metric

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
    live = connection.scalar(
        select(func.count()).where(score_row.c.metric_id == of_metric, ~score_row.c.retired)
    )
    return _state(connection, of_metric, int(live or 0))


def _state(connection: Connection, of_metric: int, live: int) -> MatrixState:
    generation = connection.scalar(select(metric.c.generation).where(metric.c.id == of_metric))
    last = connection.scalar(select(func.max(score_row.c.position)).where(score_row.c.metric_id == of_metric))
    return MatrixState(int(generation or 0), 0 if last is None else last + 1, live)


def read_matrix(connection: Connection, of_metric: int) -> Matrix:
    """Which clips have a live row, and where."""
    rows = connection.execute(
        select(score_row.c.clip_id, score_row.c.position)
        .where(score_row.c.metric_id == of_metric, ~score_row.c.retired)
        .order_by(score_row.c.position)
    ).all()
    table = np.array([tuple(row) for row in rows], dtype=np.int64).reshape(len(rows), 2)
    return Matrix(of_metric, _state(connection, of_metric, len(rows)), table[:, 0], table[:, 1])


def open_clips(connection: Connection, of_metric: int, kind: Kind) -> list[int]:
    """Clips that should have a live row and have none, by id."""
    has_row = select(score_row.c.clip_id).where(score_row.c.metric_id == of_metric, ~score_row.c.retired)
    statement = (
        select(clip.c.id)
        .join(recording, recording.c.id == clip.c.recording_id)
        .where(_is_scored(kind), clip.c.id.not_in(has_row))
        .order_by(clip.c.id)
    )
    return [int(clip_id) for clip_id in connection.scalars(statement)]


def disqualified_clips(connection: Connection, of_metric: int, kind: Kind) -> list[int]:
    """Clips that have a live row and should have none any more: become reference, or without what is compared."""
    statement = (
        select(clip.c.id)
        .join(recording, recording.c.id == clip.c.recording_id)
        .join(score_row, score_row.c.clip_id == clip.c.id)
        .where(score_row.c.metric_id == of_metric, ~score_row.c.retired, ~_is_scored(kind))
    )
    return [int(clip_id) for clip_id in connection.scalars(statement)]


def _is_scored(kind: Kind) -> ColumnElement[bool]:
    return and_(_KEPT[kind].is_there, recording.c.role == "generated")


@dataclass(frozen=True)
class _Kept:
    """Where a clip keeps what a metric compares: the column, its checksum, its type, and when it can be used."""

    blob: ColumnElement[Any]
    crc32: ColumnElement[Any]
    dtype: str
    is_there: ColumnElement[bool]


_KEPT: Mapping[Kind, _Kept] = {
    "fingerprint": _Kept(
        clip.c.fingerprint, clip.c.fingerprint_crc32, "<u4", clip.c.fingerprint.is_not(None)
    ),
    "descriptor": _Kept(
        clip.c.descriptor,
        clip.c.descriptor_crc32,
        "<f4",
        func.coalesce(clip.c.descriptor_version, 0) == DESCRIPTOR_VERSION,
    ),
}


def checksums(connection: Connection, clip_ids: Iterable[int], kind: Kind) -> dict[int, int]:
    """CRC-32 of what is kept of each clip, in the order asked; clips that are not to be scored left out."""
    wanted = [int(clip_id) for clip_id in clip_ids]
    found: dict[int, int] = {}
    for chunk in _chunks(wanted):
        statement = (
            select(clip.c.id, _KEPT[kind].crc32)
            .join(recording, recording.c.id == clip.c.recording_id)
            .where(_is_scored(kind), clip.c.id.in_(chunk))
        )
        found.update((row.id, row[1]) for row in connection.execute(statement))
    return {clip_id: found[clip_id] for clip_id in wanted if clip_id in found}


def read_kept(connection: Connection, clip_ids: Iterable[int], kind: Kind) -> Iterator[NDArray[Any]]:
    """The fingerprint (uint32, shape (words,)) or descriptor (float32) of each clip, in the order asked.

    CatalogError where a byte has flipped.
    """
    kept = _KEPT[kind]
    for chunk in _chunks([int(clip_id) for clip_id in clip_ids]):
        statement = select(clip.c.id, kept.blob, kept.crc32).where(clip.c.id.in_(chunk))
        found = {row.id: (row[1], row[2]) for row in connection.execute(statement)}
        for clip_id in chunk:
            blob, crc32 = found[clip_id]
            if zlib.crc32(blob) != crc32:
                raise CatalogError(
                    f"the {kind} of clip {clip_id} is damaged in the catalog; "
                    "`thresher verify --repair` makes it again from its file"
                )
            array = np.frombuffer(blob, dtype=kept.dtype)
            yield array.astype(array.dtype.newbyteorder("="), copy=False)


def compare(connection: Connection, by: Metric[Any], one: NDArray[Any]) -> tuple[NDArray[np.int64], Scores]:
    """What `one` fingerprint or descriptor scores against every live clip: ids and scores, shape (live,) each.

    Computed, not read: a clip's scores lie in as many rows as there are later clips.
    """
    ids = read_matrix(connection, metric_id(connection, by.name, by.version)).clip_ids
    live = by.pack(read_kept(connection, ids.tolist(), by.keeps))
    return ids, by.scores(by.pack([one]), live)[0]


def nearest_first(ids: NDArray[np.int64], found: Scores) -> list[tuple[int, float]]:
    """Ids with their scores, the highest first, of equals the smallest id."""
    order = np.lexsort((ids, -found))
    return list(zip(ids[order].tolist(), found[order].tolist(), strict=True))


def append(
    connection: Connection,
    matrix: Matrix,
    clips: Mapping[int, int],
    to_live: Scores,
    triangle: Scores,
    kind: Kind,
) -> bool:
    """Add rows for new clips, in one transaction with `nearest`; False where the catalog has moved on.

    `clips` maps their ids to the checksums of what was compared, which is of that `kind`. `to_live`, shape
    (new, live), holds their scores against the live clips of `matrix`; `triangle`, shape (new, new), those among
    themselves, of which only what lies below the diagonal is read.
    """
    if (
        read_state(connection, matrix.metric_id) != matrix.state
        or checksums(connection, clips, kind) != clips
    ):
        return False
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


def retire(connection: Connection, clip_ids: Sequence[int], *, only: int | None = None) -> None:
    """Take clips out of every matrix, or `only` that of one metric: their rows are retired, and others' nearest
    found anew without them."""
    rows, best = (true() if only is None else table.c.metric_id == only for table in (score_row, nearest))
    affected: set[tuple[int, int]] = set()
    for chunk in _chunks(list(clip_ids)):
        bereft = select(nearest.c.metric_id, nearest.c.clip_id).where(best, nearest.c.other_id.in_(chunk))
        affected.update((row.metric_id, row.clip_id) for row in connection.execute(bereft))
        connection.execute(update(score_row).where(rows, score_row.c.clip_id.in_(chunk)).values(retired=True))
        connection.execute(
            delete(nearest).where(best, or_(nearest.c.clip_id.in_(chunk), nearest.c.other_id.in_(chunk)))
        )
    for of_metric in sorted({scored_by for scored_by, _ in affected}):
        _find_nearest(connection, of_metric, [clip_id for by, clip_id in affected if by == of_metric])


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


def _find_nearest(connection: Connection, of_metric: int, wanted: Iterable[int]) -> None:
    """Find the best other live clip of `wanted` clips again, from the stored rows, one in memory at a time."""
    matrix = read_matrix(connection, of_metric)
    ids, positions = matrix.clip_ids, matrix.positions
    places = np.flatnonzero(np.isin(ids, list(wanted)))
    best = np.full(ids.size, -np.inf, dtype=np.float32)
    other = np.full(ids.size, np.iinfo(np.int64).max)
    for place, values in enumerate(_rows(connection, of_metric, positions)):
        earlier = places[: np.searchsorted(places, place)]
        scores = values[positions[earlier]]
        nearer = (scores > best[earlier]) | ((scores == best[earlier]) & (ids[place] < other[earlier]))
        best[earlier[nearer]], other[earlier[nearer]] = scores[nearer], ids[place]
        if place and earlier.size < places.size and places[earlier.size] == place:
            own = values[positions[:place]]
            best[place] = own.max()
            other[place] = ids[:place][own == best[place]].min()
    found = [(int(ids[place]), int(other[place]), float(best[place])) for place in places if best[place] >= 0]
    _replace_nearest(connection, of_metric, found)


def _rows(connection: Connection, of_metric: int, positions: NDArray[np.int64]) -> Iterator[Scores]:
    """The stored values of the rows at ascending `positions`, each of shape (position,)."""
    for chunk in _chunks(positions.tolist(), size=64):
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


def between(connection: Connection, of_metric: int, clip_ids: Sequence[int]) -> Scores:
    """The score matrix of some clips, float32, shape (n, n); NaN on the diagonal and where there is none."""
    scores = np.full((len(clip_ids), len(clip_ids)), np.nan, dtype=np.float32)
    found = _live_places(connection, of_metric, clip_ids)
    positions, places = np.array(found, dtype=np.int64).reshape(len(found), 2).T
    for index, row in enumerate(_rows(connection, of_metric, positions)):
        values = row[positions[:index]]
        scores[places[index], places[:index]] = values
        scores[places[:index], places[index]] = values
    return scores


def _live_places(connection: Connection, of_metric: int, clip_ids: Sequence[int]) -> list[tuple[int, int]]:
    """Position of each clip that has a live row, ascending, with its place among `clip_ids`."""
    place_of = {clip_id: place for place, clip_id in enumerate(clip_ids)}
    found: list[tuple[int, int]] = []
    for chunk in _chunks(list(clip_ids)):
        live = select(score_row.c.position, score_row.c.clip_id).where(
            score_row.c.metric_id == of_metric, ~score_row.c.retired, score_row.c.clip_id.in_(chunk)
        )
        found += [(row.position, place_of[row.clip_id]) for row in connection.execute(live)]
    return sorted(found)


def pairs_above(
    connection: Connection, of_metric: int, clip_ids: Sequence[int], threshold: float
) -> list[tuple[int, int]]:
    """The pairs of these clips that score `threshold` or more, read row by row: memory does not grow with them."""
    live = _live_places(connection, of_metric, clip_ids)
    positions = np.array([position for position, _ in live], dtype=np.int64)
    found = []
    for index, row in enumerate(_rows(connection, of_metric, positions)):
        close = np.flatnonzero(row[positions[:index]] >= np.float32(threshold))
        found += [(clip_ids[live[other][1]], clip_ids[live[index][1]]) for other in close.tolist()]
    return found


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
    for old in _chunks(matrix.positions.tolist(), size=64):
        new = range(first, first + len(old))
        rows = [
            _row_values(of_metric, position, clip_id, values[matrix.positions[:position]].tobytes())
            for position, clip_id, values in zip(
                new,
                matrix.clip_ids[first : new.stop].tolist(),
                _rows(connection, of_metric, np.array(old)),
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


def _chunks(ids: Sequence[int], size: int = 500) -> Iterator[list[int]]:
    for start in range(0, len(ids), size):
        yield list(ids[start : start + size])
