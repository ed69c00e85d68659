"""Repair damage in a catalog: everything that follows from the files and from other rows is computed again.

The order matters. Indexes come first, because every other step searches with them. Then come the values that follow
from other rows, then score rows and the analysis of clips, and last the scores. Each step is one transaction or
several that leave a correct catalog. A note in the catalog says that a repair has begun, until it ends; so a repair
that was interrupted is found by `verify`, and the next one completes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from thresher.catalog.catalog import Catalog
from thresher.catalog.database import safeguards
from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import clip, decision, metadata
from thresher.catalog.recordings import measures
from thresher.catalog.recordings.clip_content import replace_clip
from thresher.catalog.safety.damage import (
    KINDS,
    Damage,
    damaged_blobs,
    find_damage,
    integrity,
    wrong_undos,
)
from thresher.catalog.scores import claims, scores
from thresher.curation.cutting.spans import analyse_spans
from thresher.curation.ingest.catch_up import catch_up
from thresher.curation.ingest.reanalyse import ReanalysisReport, reanalyse_clips
from thresher.errors import CatalogError
from thresher.progress import Progress
from thresher.signal.features.trim import Span

UNKNOWN_TRIM = "{}"
"""Trim settings that equal no real ones, so that the next ingest of the file analyses it."""


def repair_damage(catalog: Catalog, found: Damage, progress: Progress) -> ReanalysisReport:
    """Repair what can be computed again, and compute what is unfinished.

    If the structure of the file is still damaged after the indexes were built again, nothing else is done.
    """
    if found.database:
        rebuild_indexes(catalog)
        with catalog.reading() as connection:
            if not catalog.is_shared and integrity(connection):
                return ReanalysisReport(0, 0, (), 0.0, ())
            found = find_damage(connection)
    done = ReanalysisReport(0, 0, (), 0.0, ())
    if found:
        catalog.write(partial(_repair_rows, found=found))
        done = _repair_analysis(catalog, found.clips, progress)
    caught_up = catch_up(catalog, progress=progress)
    done = replace(done, scores=caught_up.scores, notes=(*done.notes, *caught_up.notes))
    if found:
        catalog.write(safeguards.end_repair)
    return done


def rebuild_indexes(catalog: Catalog) -> None:
    """Build all indexes again from their tables, as far as SQLite can."""
    for name in metadata.tables if not catalog.is_shared else ():
        with suppress(SQLAlchemyError, CatalogError):
            catalog.write(partial(_rebuild_indexes_of, table=name))


def _rebuild_indexes_of(connection: Connection, table: str) -> None:
    connection.exec_driver_sql(f"REINDEX {table}")


def _repair_rows(connection: Connection, found: Damage) -> None:
    """Note that a repair begins, and repair what follows from other rows.

    That is undos, counters, score rows and nearest clips.
    """
    safeguards.begin_repair(connection)
    for number, undone_by in wrong_undos(connection).items():
        connection.execute(update(decision).where(decision.c.id == number).values(undone_by_id=undone_by))
    if found.counters:
        safeguards.restore_counters(connection)
    # What is not bytes can't be read; its checksum stays, so that it counts as damaged. Only SQLite stores such.
    for kind in KINDS if connection.dialect.name == "sqlite" else ():
        is_other = func.typeof(clip.c[kind]).not_in(["blob", "null"])
        connection.execute(update(clip).where(is_other).values({kind: None}))
    for clip_id in found.measures:
        measures.remove(connection, clip_id)
    scores.retire_damaged(connection, found.score_rows)
    for metric_id in found.score_rows:
        if not scores.coverage(connection, metric_id).complete:
            claims.drop_all(connection, metric_id)
            scores.compact(connection, metric_id)
        if not scores.nearest_are_right(connection, metric_id):
            scores.repair_nearest(connection, metric_id)


def _repair_analysis(catalog: Catalog, clip_ids: Sequence[int], progress: Progress) -> ReanalysisReport:
    """Analyse clips again; features that stay damaged, because no file holds their clip, are deleted."""
    removed = _removed_spans(catalog, clip_ids)
    others = [clip_id for clip_id in clip_ids if all(clip_id not in spans for spans in removed.values())]
    done = reanalyse_clips(catalog, others, rescore=False, progress=progress)
    _repair_removed(catalog, removed)
    with catalog.reading() as connection:
        damaged = {kind: damaged_blobs(connection, kind) for kind in KINDS}

    def forget(connection: Connection) -> None:
        for kind, left in damaged.items():
            _forget(connection, kind, left)

    catalog.write(forget)
    return done


def _removed_spans(catalog: Catalog, clip_ids: Sequence[int]) -> dict[int, dict[int, Span]]:
    """Return the spans of those of these clips that were removed, by recording and clip."""
    found: dict[int, dict[int, Span]] = {}
    columns = (clip.c.recording_id, clip.c.id, clip.c.start_frame, clip.c.end_frame)
    with catalog.reading() as connection:
        for chunk in chunks(clip_ids):
            statement = select(*columns).where(clip.c.id.in_(chunk), clip.c.removed)
            for recording_id, clip_id, start, end in connection.execute(statement):
                found.setdefault(recording_id, {})[clip_id] = Span(start, end)
    return found


def _repair_removed(catalog: Catalog, removed: Mapping[int, Mapping[int, Span]]) -> None:
    """Analyse removed clips, which an undo may bring back, where they are; `reanalyse` leaves them out."""
    if not removed:
        return
    analysed = analyse_spans(
        catalog, {recording_id: tuple(spans.values()) for recording_id, spans in removed.items()}
    )

    def repair(connection: Connection) -> None:
        for recording_id, contents in analysed.contents.items():
            for clip_id, content in zip(removed[recording_id], contents, strict=True):
                replace_clip(connection, clip_id, content)

    catalog.write(repair)


def _forget(connection: Connection, kind: str, clip_ids: Sequence[int]) -> None:
    """Delete a feature of clips, so that nothing is scored with it."""
    names = [column.name for column in clip.c if column.name.startswith(kind)]
    for clip_id in clip_ids:
        values = {**dict.fromkeys(names), "trim": UNKNOWN_TRIM}
        connection.execute(update(clip).where(clip.c.id == clip_id).values(values))
