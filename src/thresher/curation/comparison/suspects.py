"""Flag new clips that are copies or parts of rejected clips, or very similar to several of them.

Each clip is examined once, after its ingest. `catalog/scores/suspicion.py` stores what was found and decides which
clips are suspect. A clip is not suspect by likeness if it is as similar to at least as many clips that were
heard and kept. Clips of one recording are not compared: a rejected part says nothing about the parts beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, TextClause, select, text

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import clip, recording
from thresher.catalog.recordings.clip_source import IS_HEARD, IS_SHOWN
from thresher.catalog.scores import features, suspicion
from thresher.catalog.scores.suspicion import COPY_METRIC, SEVERAL, SIMILARITY_METRIC, Suspicion
from thresher.curation.workers import cores
from thresher.signal.metrics.registry import find_metric

BLOCK_CLIPS = 512
"""New clips that are compared at a time, so that memory does not grow with their number."""

MOST_OTHERS = 20
"""Rejected clips, the most similar ones, that are stored for one suspect: a collapsed network would need n²."""

# SQLite uses the partial index of these clips only if the condition is worded as in the index.
UNEXAMINED = text("NOT clip.examined")


def examine(catalog: Catalog) -> tuple[int, ...]:
    """Examine the clips that have not been examined; return the ids of those that are suspect now."""
    with catalog.reading() as connection:
        unexamined = _generated(connection, UNEXAMINED)
        if not unexamined:
            return ()
        rejected = _generated(connection, clip.c.rejected)
    new = sorted(set(unexamined) - set(rejected))
    # no transaction is open while clips are compared: it would keep other programs from writing
    found = [*_copies(catalog, new, rejected), *_similar(catalog, new, rejected)]

    def record(connection: Connection) -> tuple[int, ...]:
        suspicion.record(connection, unexamined, found)
        return suspicion.suspects_among(connection, sorted({each.clip_id for each in found}))

    return catalog.write(record)


def all_examined(connection: Connection) -> bool:
    """Return whether every generated clip has been examined, which is the last step after its ingest."""
    return not _generated(connection, UNEXAMINED)


def _generated(connection: Connection, *conditions: ColumnElement[bool] | TextClause) -> list[int]:
    """Ids of the shown generated clips that meet all conditions."""
    statement = select(clip.c.id).join(recording, recording.c.id == clip.c.recording_id)
    is_generated = recording.c.role == "generated"
    return list(connection.scalars(statement.where(is_generated, IS_SHOWN, *conditions).order_by(clip.c.id)))


def _recordings(connection: Connection, clip_ids: Sequence[int]) -> NDArray[np.int64]:
    """Return the recording of each clip, in their order; 0 for one that was forgotten meanwhile."""
    found: dict[int, int] = {}
    for chunk in chunks(list(clip_ids)):
        rows = connection.execute(select(clip.c.id, clip.c.recording_id).where(clip.c.id.in_(chunk)))
        found.update((row.id, row.recording_id) for row in rows)
    return np.array([found.get(clip_id, 0) for clip_id in clip_ids], np.int64)


def _copies(catalog: Catalog, new: Sequence[int], rejected: Sequence[int]) -> Iterator[Suspicion]:
    """Yield the rejected clips that each new clip is a copy or a part of, by the settings of duplicates."""
    by, settings = find_metric(COPY_METRIC), catalog.settings.dupes
    with catalog.reading() as connection:
        new, rejected = (list(features.checksums(connection, ids, by.keeps)) for ids in (new, rejected))
        if not new or not rejected:
            return
        from thresher.curation.comparison.duplicates import lies_in, read_sounds  # loads the query language

        rejected_sounds = read_sounds(connection, rejected)
        origins = _recordings(connection, rejected)
    columns = by.pack(sound.words for sound in rejected_sounds.values())
    for start in range(0, len(new), BLOCK_CLIPS):
        with catalog.reading() as connection:
            block = list(features.checksums(connection, new[start : start + BLOCK_CLIPS], by.keeps))
            sounds = read_sounds(connection, block)
            apart = _recordings(connection, block)[:, None] != origins
        close = by.scores(by.pack(sound.words for sound in sounds.values()), columns, threads=cores())
        is_close = (close >= np.float32(settings.score)) & apart
        for row, column in _highest(close, is_close):
            if lies_in(sounds[block[row]], rejected_sounds[rejected[column]], settings):
                yield Suspicion(block[row], rejected[column], by.name, float(close[row, column]))


def _similar(catalog: Catalog, new: Sequence[int], rejected: Sequence[int]) -> Iterator[Suspicion]:
    """Yield the rejected clips that each new clip is very similar to.

    Only for new clips that are similar to SEVERAL rejected clips or more, and to more rejected clips than clips
    that were heard and kept.
    """
    by, least = find_metric(SIMILARITY_METRIC), np.float32(catalog.settings.suspect.likeness)
    with catalog.reading() as connection:
        new, rejected = (list(features.checksums(connection, ids, by.keeps)) for ids in (new, rejected))
        if not new or len(rejected) < SEVERAL:
            return
        heard = _generated(connection, IS_HEARD, ~clip.c.rejected)
        kept = list(features.checksums(connection, heard, by.keeps))
        columns = by.pack(features.read(connection, [*rejected, *kept], by.keeps))
        origins = _recordings(connection, [*rejected, *kept])
    for start in range(0, len(new), BLOCK_CLIPS):
        with catalog.reading() as connection:
            block = list(features.checksums(connection, new[start : start + BLOCK_CLIPS], by.keeps))
            rows = by.pack(features.read(connection, block, by.keeps))
            apart = _recordings(connection, block)[:, None] != origins
        likeness = by.scores(rows, columns, threads=cores())
        close = (likeness >= least) & apart
        to_rejected, to_kept = close[:, : len(rejected)], close[:, len(rejected) :]
        counts = to_rejected.sum(axis=1)
        is_suspect = (counts >= SEVERAL) & (counts > to_kept.sum(axis=1))
        for row, column in _highest(likeness[:, : len(rejected)], to_rejected & is_suspect[:, None]):
            yield Suspicion(block[row], rejected[column], by.name, float(likeness[row, column]))


def _highest(scores: NDArray[np.float32], which: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield the (row, column) of the MOST_OTHERS highest scores of each row, among those selected by `which`."""
    for row in np.flatnonzero(which.any(axis=1)).tolist():
        columns = np.flatnonzero(which[row])
        best = columns[np.argsort(-scores[row, columns], kind="stable")[:MOST_OTHERS]]
        yield from ((row, column) for column in best.tolist())
