"""Verify a catalog: the checks of the database, and the checksums of what it stores as bytes.

Damage can be repaired: fingerprints, descriptors and profiles are computed again from the files, score rows from
those.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select, update

from thresher.catalog import scores
from thresher.catalog.catalog import Catalog
from thresher.catalog.catalog_backups import backup_before
from thresher.catalog.clip_content import replace_clip
from thresher.catalog.covers import damaged_covers
from thresher.catalog.database import chunks
from thresher.catalog.schema import clip, metric, score_row
from thresher.curation.comparison.score import score_all
from thresher.curation.cutting.spans import analyse_spans
from thresher.curation.ingest.reanalyse import ReanalysisReport, reanalyse_clips
from thresher.curation.ingest.verify_files import FilesReport, check_files
from thresher.curation.workers import Progress, no_progress
from thresher.signal.features.trim import Span

KINDS = ("fingerprint", "descriptor", "profile")

UNKNOWN_TRIM = "{}"
"""Trim settings that equal no real ones, so that the next ingest of the file analyses it."""


@dataclass(frozen=True)
class VerifyReport:
    """The damage: messages of the database, damaged features by clip, score rows by metric.

    `incomplete` names metrics with gaps in their matrix. `files` is the state of the files. `repair` reports the
    repair; the recordings in its `without_file` have no fingerprint now, and get one when an ingest finds their
    file again.
    """

    database: tuple[str, ...]
    fingerprints: tuple[int, ...]
    descriptors: tuple[int, ...]
    profiles: tuple[int, ...]
    score_rows: dict[str, tuple[int, ...]]
    incomplete: tuple[str, ...]
    repair: ReanalysisReport | None
    files: FilesReport

    @property
    def is_sound(self) -> bool:
        """Whether there is no damage."""
        clips = self.fingerprints or self.descriptors or self.profiles
        return not (self.database or clips or any(self.score_rows.values()) or self.incomplete)

    @property
    def is_repaired(self) -> bool:
        """Whether all damage was repaired."""
        return not self.database and self.repair is not None and not self.repair.without_file


def verify(
    catalog: Catalog,
    *,
    repair: bool = False,
    files: bool = False,
    progress: Progress = no_progress,
) -> VerifyReport:
    """Check everything that is stored, and whether the files are there.

    With `files`, every file is read and compared with its hash. With `repair`, damaged data is computed again.
    """
    with catalog.reading() as connection:
        words = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
        broken = list(connection.exec_driver_sql("PRAGMA foreign_key_check"))
        database = [word for word in words if word != "ok"]
        if broken:
            database.append(f"{len(broken)} references to missing rows")
        database += [
            f"the cover image {sha256[:12]}… is damaged; set it again with `thresher song save NAME --cover FILE`"
            for sha256 in damaged_covers(connection)
        ]
        fingerprints, descriptors, profiles = (_damaged(connection, kind) for kind in KINDS)
        names = _metric_names(connection)
        rows = {metric_id: _damaged_rows(connection, metric_id) for metric_id in names}
        incomplete = [
            name
            for metric_id, name in names.items()
            if not rows[metric_id] and not scores.coverage(connection, metric_id).complete
        ]
    done = None
    clips = sorted({*fingerprints, *descriptors, *profiles})
    if repair and (clips or any(rows.values()) or incomplete):
        backup_before(catalog, "nothing was repaired", may_be_damaged=True)
        done = _repair(catalog, clips, rows, progress)
    return VerifyReport(
        tuple(database),
        tuple(fingerprints),
        tuple(descriptors),
        tuple(profiles),
        {names[metric_id]: tuple(damaged) for metric_id, damaged in rows.items()},
        tuple(incomplete),
        done,
        check_files(catalog, rehash=files, progress=progress),
    )


def _metric_names(connection: Connection) -> dict[int, str]:
    """Return the name of each metric by id, with its version if several versions have scores."""
    known = connection.execute(select(metric).order_by(metric.c.id)).all()
    all_names = [row.name for row in known]
    return {
        row.id: row.name if all_names.count(row.name) == 1 else f"{row.name}, version {row.version}"
        for row in known
    }


def _damaged(connection: Connection, kind: str) -> list[int]:
    blob, crc32 = clip.c[kind], clip.c[f"{kind}_crc32"]
    rows = connection.execute(select(clip.c.id, blob, crc32).where(blob.is_not(None)))
    return [row.id for row in rows if zlib.crc32(row[1]) != row[2]]


def _damaged_rows(connection: Connection, metric_id: int) -> list[int]:
    statement = select(score_row.c.position, score_row.c.scores, score_row.c.crc32).where(
        score_row.c.metric_id == metric_id
    )
    return [
        row.position
        for row in connection.execute(statement.execution_options(yield_per=64))
        if zlib.crc32(row.scores) != row.crc32 or len(row.scores) != 4 * row.position
    ]


def _repair(
    catalog: Catalog, clip_ids: Sequence[int], rows: Mapping[int, Sequence[int]], progress: Progress
) -> ReanalysisReport:
    """Retire damaged rows and close gaps, then analyse and score again; retired rows are never read."""
    with catalog.writing() as connection:
        scores.retire_damaged(connection, rows)
        for metric_id in rows:
            if not scores.coverage(connection, metric_id).complete:
                scores.compact(connection, metric_id)
    removed = _removed_spans(catalog, clip_ids)
    others = [clip_id for clip_id in clip_ids if all(clip_id not in spans for spans in removed.values())]
    done = reanalyse_clips(catalog, others, rescore=False, progress=progress)
    _repair_removed(catalog, removed)
    with catalog.writing() as connection:
        for kind in KINDS:
            _forget_damaged(connection, kind)
    return replace(done, scores=score_all(catalog, progress))


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
    with catalog.writing() as connection:
        for recording_id, contents in analysed.contents.items():
            for clip_id, content in zip(removed[recording_id], contents, strict=True):
                replace_clip(connection, clip_id, content)


def _forget_damaged(connection: Connection, kind: str) -> None:
    """Delete what is still damaged, because no file holds its content: nothing can be scored with it."""
    names = [column.name for column in clip.c if column.name.startswith(kind)]
    for clip_id in _damaged(connection, kind):
        values = {**dict.fromkeys(names), "trim": UNKNOWN_TRIM}
        connection.execute(update(clip).where(clip.c.id == clip_id).values(values))
