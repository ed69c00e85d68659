"""Summarise what each checkpoint wrote, and how much of it is worth keeping.

Files are counted by location, missing ones included: a network that wrote the same silent file five times wrote
five files. Minutes are minutes of audio. Shares, collapse and novelty are in [0, 1].
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Float, Subquery, case, cast, distinct, func, literal, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import (
    STATUSES,
    USABLE_STATUSES,
    batch,
    checkpoint,
    clip,
    location,
    recording,
)
from thresher.catalog.queries.text import Terms
from thresher.catalog.recordings.clip_source import IS_HEARD, IS_SHOWN, STATUS
from thresher.catalog.recordings.measures import measure_value
from thresher.curation.checkpoints.minutes import (
    CLIPS,
    IS_COUNTED,
    RECORDED,
    Beyond,
    beyond_clips,
    parts_of_split,
    sounding,
)
from thresher.curation.checkpoints.verdicts import WROTE
from thresher.curation.clips.selection import parse_terms
from thresher.curation.comparison.checkpoint_scores import (
    CheckpointClips,
    CheckpointScores,
    checkpoint_scores,
)
from thresher.progress import Progress, no_progress


@dataclass(frozen=True)
class CheckpointRow:
    """What one checkpoint wrote. The id, run, epoch and step are None for files that name no checkpoint.

    `files` counts locations, `recordings` the distinct contents among them. `clips` counts each file once, or the
    parts of its recording if that was split. Minutes and `statuses` (shares that sum to 1) are those of the files.
    `ratings` counts the rated clips; it, `mean_rating`, `rejected`, `heard` and the means `loudness` (LUFS),
    `loop` and `noise` are those of the distinct clips. `silence` is the silent share of the generated minutes:
    silent files, trimmed ends and pauses. Judgements of marks count. Their sound does not, except for the kept
    minutes outside of all other clips.

    `collapse` is the mean likeness of the checkpoint's clips with each other, `copies` the share of them that have
    the same sound as another one, and `novelty` the mean distance (1 - likeness) of its clips from the nearest clip
    of all earlier checkpoints. They are None where there is nothing to compare.
    """

    id: int | None
    run: str | None
    epoch: int | None
    step: int | None
    verdict: str | None
    note: str | None
    files: int
    recordings: int
    missing: int
    clips: int
    minutes_generated: float
    minutes_kept: float
    statuses: Mapping[str, float]
    ratings: int
    mean_rating: float | None
    rejected: int
    heard: int
    silence: float | None
    loudness: float | None
    loop: float | None
    noise: float | None
    collapse: float | None
    copies: float | None
    novelty: float | None


def checkpoints(
    catalog: Catalog, progress: Progress = no_progress, *, terms: Terms | None = None
) -> list[CheckpointRow]:
    """Summarise all checkpoints, sorted by run, epoch and step. Files that name no checkpoint come last.

    With `terms`, only the checkpoints are returned that wrote a clip which the query matches; their figures are the
    same as without. Rejected and unusable clips match, too. Raises QueryError.

    A file counts for the checkpoint that its location names, unless the checkpoint of its recording was corrected.
    Reference audio is left out, because no checkpoint wrote it.
    """
    with catalog.reading() as connection:
        names = {row.id: row for row in connection.execute(select(checkpoint))}
        by_checkpoint = _sums_by_status(connection)
        clips = {row.checkpoint_id: row for row in _of_distinct_clips(connection)}
        found = in_training_order(names, by_checkpoint)
        cut = _cut_clips(connection)
        wanted = None if terms is None else _matching(catalog, connection, terms)
        written = written_by(connection, found, names)
    compared = checkpoint_scores(catalog, written, progress)
    return [
        _checkpoint_row(
            names.get(number),
            by_checkpoint[number],
            clips.get(number),
            cut.get(number, _CutClips()),
            own_scores,
        )
        for number, own_scores in zip(found, compared, strict=True)
        if wanted is None or number in wanted
    ]


def _sums_by_status(connection: Connection) -> Mapping[int | None, list[Any]]:
    """Return the files and seconds of each checkpoint, one row for each status, by the id of the checkpoint."""
    files, kept = generated_files(), sounding()
    sums = connection.execute(
        select(
            files.c.checkpoint_id,
            files.c.status,
            func.count().label("files"),
            func.count(distinct(files.c.recording_id)).label("recordings"),
            func.count(files.c.missing_since).label("missing"),
            func.coalesce(func.sum(files.c.seconds), 0.0).label("generated"),
            func.coalesce(func.sum(kept.c.seconds), 0.0).label("kept"),
            func.coalesce(func.sum(kept.c.sounding), 0.0).label("sounding"),
        )
        .select_from(files.outerjoin(kept, kept.c.recording_id == files.c.recording_id))
        .group_by(files.c.checkpoint_id, files.c.status)
        .order_by(files.c.status)
    )
    by_checkpoint: defaultdict[int | None, list[Any]] = defaultdict(list)
    for row in sums:
        by_checkpoint[row.checkpoint_id].append(row)
    return by_checkpoint


def _of_distinct_clips(connection: Connection) -> Sequence[Any]:
    """Return the judgements and mean measures of each checkpoint's clips; each clip counts once."""
    files = generated_files()
    pairs = select(files.c.checkpoint_id, files.c.recording_id).distinct().subquery()
    return connection.execute(
        select(
            pairs.c.checkpoint_id,
            func.count(clip.c.rating).label("ratings"),
            func.avg(cast(clip.c.rating, Float)).label("mean"),
            func.count(case((clip.c.rejected, 1))).label("rejected"),
            func.count(case((IS_HEARD, 1))).label("heard"),
            func.avg(case((IS_COUNTED, clip.c.loudness))).label("loudness"),
            func.avg(case((IS_COUNTED, measure_value("loop")))).label("loop"),
            func.avg(case((IS_COUNTED, measure_value("noise")))).label("noise"),
        )
        .select_from(
            pairs.join(clip, clip.c.recording_id == pairs.c.recording_id).join(
                recording, recording.c.id == clip.c.recording_id
            )
        )
        .where(IS_SHOWN)
        .group_by(pairs.c.checkpoint_id)
    ).all()


@dataclass(frozen=True)
class _CutClips:
    """What parts and marks add to the figures of a checkpoint's files: clips, and seconds that only marks hold."""

    clips: int = 0
    kept: float = 0.0
    sounding: float = 0.0


def _cut_clips(connection: Connection) -> Mapping[int | None, _CutClips]:
    """Return what parts and marks add, by checkpoint; nothing in a catalog without any."""
    parts, beyond = parts_of_split(connection), beyond_clips(connection)
    files = generated_files()
    found: dict[int | None, _CutClips] = {}
    for chunk in chunks(sorted({*parts, *beyond})):
        of_files = select(files.c.checkpoint_id, files.c.recording_id).where(files.c.recording_id.in_(chunk))
        for number, recording_id in connection.execute(of_files):
            so_far = found.get(number, _CutClips())
            more = beyond.get(recording_id, Beyond(0.0, 0.0))
            found[number] = _CutClips(
                so_far.clips + parts.get(recording_id, 1) - 1,
                so_far.kept + more.seconds,
                so_far.sounding + more.sounding,
            )
    return found


def _matching(catalog: Catalog, connection: Connection, terms: Terms) -> set[int | None]:
    """Return the ids of the checkpoints that wrote a clip which the query matches; None for files without one.

    The fields of the checkpoint are those of each file, not of the recording, which may be of several checkpoints.
    """
    files = generated_files()
    of_files = (
        CLIPS.outerjoin(batch, batch.c.id == recording.c.batch_id)
        .join(files, files.c.recording_id == recording.c.id)
        .outerjoin(checkpoint, checkpoint.c.id == files.c.checkpoint_id)
    )
    query = parse_terms(catalog, connection, terms, defaults=False)
    statement = select(files.c.checkpoint_id).distinct().select_from(of_files).where(query.condition)
    return set(connection.scalars(statement))


def in_training_order(
    names: Mapping[int, Any], wanted: Iterable[int | None] | None = None
) -> list[int | None]:
    """Sort the ids of checkpoints (all of `names`, or those `wanted`) by run, epoch and step; None comes last."""
    ids = names if wanted is None else wanted
    return sorted(ids, key=lambda number: _order(None if number is None else names[number]))


def written_by(
    connection: Connection, numbers: Sequence[int | None], names: Mapping[int, Any]
) -> list[CheckpointClips]:
    """Return the usable clips that each checkpoint wrote, without marks.

    `numbers` are the ids of the checkpoints in training order.
    """
    files = generated_files()
    rows = connection.execute(
        select(files.c.checkpoint_id, clip.c.id, recording.c.batch_id)
        .distinct()
        .select_from(
            files.join(recording, recording.c.id == files.c.recording_id).join(
                clip, clip.c.recording_id == recording.c.id
            )
        )
        .where(STATUS.in_(USABLE_STATUSES), IS_COUNTED)
        .order_by(clip.c.id)
    )
    clips: defaultdict[int | None, list[tuple[int, int]]] = defaultdict(list)
    for row in rows:
        clips[row.checkpoint_id].append((row.id, row.batch_id))
    return [
        CheckpointClips(
            run=None if number is None else names[number].run or "",
            rank=rank,
            clip_ids=tuple(clip_id for clip_id, _ in clips[number]),
            batches=tuple(batch for _, batch in clips[number]),
        )
        for rank, number in enumerate(numbers)
    ]


def generated_files() -> Subquery:
    """Return a subquery of every generated file, missing ones included, with the checkpoint that wrote it."""
    return (
        select(
            location.c.id.label("location_id"),
            location.c.recording_id,
            location.c.missing_since,
            WROTE.label("checkpoint_id"),
            # A file that could not be read has no recording.
            func.coalesce(recording.c.status, literal("unreadable")).label("status"),
            RECORDED.label("seconds"),
        )
        .select_from(location.outerjoin(recording, recording.c.id == location.c.recording_id))
        .where(func.coalesce(recording.c.role, literal("generated")) == "generated")
        .subquery()
    )


def _checkpoint_row(
    names: Any, by_status: list[Any], of_clips: Any, cut: _CutClips, own_scores: CheckpointScores
) -> CheckpointRow:
    files = sum(row.files for row in by_status)
    shares = Counter({row.status: row.files for row in by_status})
    generated = sum(row.generated for row in by_status)
    return CheckpointRow(
        id=names.id if names else None,
        run=names.run if names else None,
        epoch=names.epoch if names else None,
        step=names.step if names else None,
        verdict=names.verdict if names else None,
        note=names.note if names else None,
        files=files,
        recordings=sum(row.recordings for row in by_status),
        missing=sum(row.missing for row in by_status),
        clips=files + cut.clips,
        minutes_generated=generated / 60,
        minutes_kept=(sum(row.kept for row in by_status) + cut.kept) / 60,
        statuses={status: shares[status] / files for status in STATUSES if status in shares},
        ratings=of_clips.ratings if of_clips else 0,
        mean_rating=of_clips.mean if of_clips else None,
        rejected=of_clips.rejected if of_clips else 0,
        heard=of_clips.heard if of_clips else 0,
        silence=1.0 - (sum(row.sounding for row in by_status) + cut.sounding) / generated
        if generated
        else None,
        loudness=of_clips.loudness if of_clips else None,
        loop=of_clips.loop if of_clips else None,
        noise=of_clips.noise if of_clips else None,
        collapse=own_scores.collapse,
        copies=own_scores.copies,
        novelty=own_scores.novelty,
    )


def _order(names: Any) -> tuple[Any, ...]:
    """Return the sort key by run, epoch and step. Unknown values come last, and so do files without any."""
    run, epoch, step = (None, None, None) if names is None else (names.run, names.epoch, names.step)
    return (
        run is None and epoch is None and step is None,
        run is None,
        run or "",
        epoch is None,
        epoch or 0,
        step is None,
        step or 0,
    )
