"""Hold what is new against what was rejected: copies and parts of it, and what is very like several, are suspect.

Each clip is examined once, after it came; what `catalog/suspicion.py` keeps of that says which are suspect. A
clip is no suspect by likeness where it is as like to as many clips that were heard and kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, TextClause, select, text

from thresher.catalog import features as compared
from thresher.catalog import suspicion
from thresher.catalog.catalog import Catalog
from thresher.catalog.clip_source import IS_HEARD
from thresher.catalog.schema import clip, recording
from thresher.catalog.suspicion import COPY_METRIC, KIN_METRIC, SEVERAL, Suspicion
from thresher.curation.comparison.duplicates import lies_in
from thresher.curation.workers import cores
from thresher.signal.metrics.registry import find_metric

BLOCK_CLIPS = 512
"""New clips compared at a time, so that memory does not grow with their number."""

MOST_OTHERS = 20
"""So many rejected clips at most, the most like, are kept of each: of a collapsed network all are like all."""

# Word for word as in the index of these clips, or SQLite reads the whole table.
_UNEXAMINED = text("NOT clip.examined")


def examine(catalog: Catalog) -> tuple[int, ...]:
    """Examine the clips that no one has examined yet; ids of those that are suspect now."""
    with catalog.reading() as connection:
        new = _ids(connection, _UNEXAMINED)
        if not new:
            return ()
        rejected = _ids(connection, clip.c.rejected)
        fresh = sorted(set(new) - set(rejected))
        found = [*_copies(catalog, connection, fresh, rejected), *_kin(catalog, connection, fresh, rejected)]
    with catalog.writing() as connection:
        suspicion.record(connection, new, found)
        return suspicion.suspects_among(connection, sorted({each.clip_id for each in found}))


def _ids(connection: Connection, *conditions: ColumnElement[bool] | TextClause) -> list[int]:
    statement = select(clip.c.id).join(recording, recording.c.id == clip.c.recording_id)
    return list(connection.scalars(statement.where(recording.c.role == "generated", *conditions)))


def _copies(
    catalog: Catalog, connection: Connection, new: Sequence[int], rejected: Sequence[int]
) -> Iterator[Suspicion]:
    """The rejected clips that each new one is a copy or a part of, by the settings of duplicates."""
    by, settings = find_metric(COPY_METRIC), catalog.settings.dupes
    ours, theirs = (list(compared.checksums(connection, ids, by.keeps)) for ids in (new, rejected))
    if not ours or not theirs:
        return
    known = list(compared.read(connection, theirs, by.keeps))
    columns = by.pack(known)
    for start in range(0, len(ours), BLOCK_CLIPS):
        block = ours[start : start + BLOCK_CLIPS]
        words = list(compared.read(connection, block, by.keeps))
        close = by.scores(by.pack(words), columns, threads=cores())
        for row, column in _most_like(close, close >= np.float32(settings.score)):
            if lies_in(words[row], known[column], settings):
                yield Suspicion(block[row], theirs[column], by.name, float(close[row, column]))


def _kin(
    catalog: Catalog, connection: Connection, new: Sequence[int], rejected: Sequence[int]
) -> Iterator[Suspicion]:
    """The rejected clips that each new one is very like, where these are several, and more than those kept."""
    by, least = find_metric(KIN_METRIC), np.float32(catalog.settings.suspect.likeness)
    ours, theirs = (list(compared.checksums(connection, ids, by.keeps)) for ids in (new, rejected))
    if not ours or len(theirs) < SEVERAL:
        return
    kept = list(compared.checksums(connection, _ids(connection, IS_HEARD, ~clip.c.rejected), by.keeps))
    columns = by.pack(compared.read(connection, [*theirs, *kept], by.keeps))
    for start in range(0, len(ours), BLOCK_CLIPS):
        block = ours[start : start + BLOCK_CLIPS]
        likeness = by.scores(by.pack(compared.read(connection, block, by.keeps)), columns, threads=cores())
        close = likeness >= least
        bad, good = close[:, : len(theirs)], close[:, len(theirs) :]
        is_bad = (bad.sum(axis=1) >= SEVERAL) & (bad.sum(axis=1) > good.sum(axis=1))
        for row, column in _most_like(likeness[:, : len(theirs)], bad & is_bad[:, None]):
            yield Suspicion(block[row], theirs[column], by.name, float(likeness[row, column]))


def _most_like(scores: NDArray[np.float32], which: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Rows and columns of `scores`, (m, n), that are in `which`: of each row the MOST_OTHERS highest."""
    for row in np.flatnonzero(which.any(axis=1)).tolist():
        columns = np.flatnonzero(which[row])
        best = columns[np.argsort(-scores[row, columns], kind="stable")[:MOST_OTHERS]]
        yield from ((row, column) for column in best.tolist())
