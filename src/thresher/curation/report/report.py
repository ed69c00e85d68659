"""Gather the data of a report: the checkpoints, clips, duplicates and songs of a catalog.

Lengths are seconds; shares and scores are in [0, 1]. The data does not depend on the date or the machine, so
the same catalog gives the same report. With a query, checkpoints without a matching clip are left out; the
figures of the others cover all their clips.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import Connection, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import USABLE_STATUSES, checkpoint, clip, location, recording
from thresher.catalog.files.paths import Place
from thresher.catalog.queries.query import (
    context_of,
    join_terms,
    normalise,
    parse,
    select_clips,
    with_defaults,
)
from thresher.catalog.queries.text import Terms
from thresher.catalog.recordings.clip_source import END, IS_HEARD, SECONDS, START, STATUS, shown_location
from thresher.catalog.recordings.cut_clips import cut_places
from thresher.catalog.recordings.measures import measure_value
from thresher.catalog.scores import scores
from thresher.catalog.scores.suspicion import IS_SUSPECT
from thresher.curation.checkpoints.highlights import JudgedClip, Pick, Picks, pick
from thresher.curation.checkpoints.minutes import IS_COUNTED, RECORDED
from thresher.curation.checkpoints.summary import CheckpointRow, checkpoints, generated_files
from thresher.curation.comparison.clip_map import MapPoint, clip_map
from thresher.curation.comparison.duplicates import Duplicates, dupes
from thresher.curation.renderings.history import renderings
from thresher.curation.report.stats import Stats, stats
from thresher.curation.songs.listing import SongRow, songs
from thresher.progress import Progress, no_progress
from thresher.signal.metrics.registry import find_metric

BEST, ODDEST = 3, 2
"""The most clips of a checkpoint that have a player: the best ones and the oddest ones."""

SPREADS = ("loudness", "silence", "loop", "noise")
"""The measures for which a checkpoint's quartiles are computed."""


@dataclass(frozen=True)
class ReportClip:
    """One clip in a report.

    `file` is the absolute path of its recording, None if it is missing; `path` is the path as text, even if the
    file is missing. `recorded` is the length of the whole file, `start` and `end` the clip's span in it. `part`
    says which part or mark of its recording the clip is, None for a whole. `checkpoint` is None if the clip has
    none.
    """

    id: int
    file: bytes | None
    path: str | None
    checkpoint: int | None
    run: str | None
    epoch: int | None
    step: int | None
    role: str
    status: str
    container: str | None
    subtype: str | None
    sample_rate: int | None
    seconds: float | None
    start: float | None
    end: float | None
    recorded: float | None
    rating: int | None
    rejected: bool
    suspect: bool
    heard: bool
    note: str | None
    loudness: float | None
    silence: float | None
    loop: float | None
    noise: float | None
    recording: int
    part: str | None = None


@dataclass(frozen=True)
class ReportCheckpoint:
    """A checkpoint, the number of its clips in the report, its best and oddest clips, and its quartiles.

    `spreads` holds the first and third quartile of each measure in SPREADS that at least two clips have.
    """

    row: CheckpointRow
    clips: int
    best: tuple[Pick, ...]
    oddest: tuple[Pick, ...]
    spreads: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class RenderedFile:
    """A rendering of a song. `file` is its absolute path, None if the file is missing."""

    number: int
    seconds: float
    container: str
    subtype: str
    sample_rate: int
    path: str
    file: bytes | None


@dataclass(frozen=True)
class ReportSong:
    """A song and its renderings, the latest first."""

    row: SongRow
    renderings: tuple[RenderedFile, ...]


@dataclass(frozen=True)
class ReportData:
    """The data of a report.

    `name` is the name of the catalog's folder. `has_likeness`: the catalog has `likeness` scores. `duplicates`
    is None if `aligned` is not in use and not scored.
    """

    name: str
    query: str
    stats: Stats
    clips: Mapping[int, ReportClip]
    checkpoints: tuple[ReportCheckpoint, ...]
    points: tuple[MapPoint, ...]
    has_likeness: bool
    duplicates: Duplicates | None
    songs: tuple[ReportSong, ...]


def report_data(catalog: Catalog, terms: Terms = (), progress: Progress = no_progress) -> ReportData:
    """Gather the report of the clips that the terms match.

    Rejected and unusable clips are left out unless the terms name those fields. If `aligned` is in use, missing
    scores are computed first. Raises QueryError.
    """
    words = normalise(terms)
    duplicates = dupes(catalog, words, progress) if _has_duplicates(catalog) else None
    with catalog.reading() as connection:
        clips, stored = _read_clips(catalog, connection, words)
        of_checkpoint: defaultdict[int | None, list[ReportClip]] = defaultdict(list)
        for each in clips.values():
            if each.role == "generated":
                of_checkpoint[each.checkpoint].append(each)
        picks = {
            key: pick(connection, [_judged(each) for each in found], BEST, ODDEST)
            for key, found in of_checkpoint.items()
        }
        spreads = _spreads(connection)
        likeness = find_metric("likeness")
        matrix = scores.read_matrix(connection, scores.metric_id(connection, likeness.name, likeness.version))
    clips = _with_files(catalog, clips, stored)
    rows = [row for row in checkpoints(catalog) if not words or row.id in of_checkpoint]
    nothing = Picks((), ())
    return ReportData(
        name=catalog.root.name,
        query=join_terms(words),
        stats=stats(catalog),
        clips=clips,
        checkpoints=tuple(
            ReportCheckpoint(
                row,
                len(of_checkpoint.get(row.id, ())),
                picks.get(row.id, nothing).best,
                picks.get(row.id, nothing).oddest,
                spreads.get(row.id, {}),
            )
            for row in rows
        ),
        points=tuple(point for point in clip_map(catalog, words, progress) if point.clip in clips),
        has_likeness=matrix.clip_ids.size > 1,
        duplicates=duplicates,
        songs=tuple(_song(catalog, row) for row in songs(catalog)),
    )


def usable_share(row: CheckpointRow) -> float:
    """The share of a checkpoint's files, 0 to 1, whose status allows them in songs."""
    return sum(row.statuses.get(status, 0.0) for status in USABLE_STATUSES)


def _has_duplicates(catalog: Catalog) -> bool:
    """Whether `aligned` is in use or fully scored, so that finding duplicates adds no unwanted scores."""
    if "aligned" in catalog.settings.metrics.use:
        return True
    by = find_metric("aligned")
    with catalog.reading() as connection:
        of_metric = scores.metric_id(connection, by.name, by.version)
        return of_metric != 0 and not scores.has_unscored(connection, of_metric, by.keeps)


def _read_clips(
    catalog: Catalog, connection: Connection, words: Terms
) -> tuple[dict[int, ReportClip], dict[int, Place]]:
    """Return the clips without their files, and the places of the files that are not marked missing, by clip."""
    found = with_defaults(parse(words, context_of(catalog, connection)), song=False)
    statement = select_clips(
        found,
        clip.c.id,
        shown_location(location.c.root).label("root"),
        shown_location(location.c.path).label("stored"),
        shown_location(location.c.path_text).label("path"),
        shown_location(location.c.missing_since).label("missing_since"),
        checkpoint.c.id.label("checkpoint"),
        checkpoint.c.run,
        checkpoint.c.epoch,
        checkpoint.c.step,
        recording.c.role,
        STATUS.label("status"),
        recording.c.container,
        recording.c.subtype,
        recording.c.sample_rate,
        SECONDS.label("seconds"),
        START.label("start"),
        END.label("end"),
        RECORDED.label("recorded"),
        clip.c.rating,
        clip.c.rejected,
        IS_SUSPECT.label("suspect"),
        IS_HEARD.label("heard"),
        clip.c.note,
        clip.c.loudness,
        *(measure_value(name).label(name) for name in ("silence", "loop", "noise")),
        recording.c.id.label("recording"),
    )
    clips: dict[int, ReportClip] = {}
    places: dict[int, Place] = {}
    for row in map(dict, connection.execute(statement).mappings()):
        root, stored, missing_since = row.pop("root"), row.pop("stored"), row.pop("missing_since")
        if stored is not None and missing_since is None:
            places[row["id"]] = Place(root, stored)
        # SQLite returns the value of a boolean expression as a number
        row |= {name: bool(row[name]) for name in ("rejected", "suspect", "heard")}
        clips[row["id"]] = ReportClip(file=None, **row)
    cut = cut_places(connection, clips)
    return {
        clip_id: replace(each, part=cut[clip_id].text) if clip_id in cut else each
        for clip_id, each in clips.items()
    }, places


def _with_files(
    catalog: Catalog, clips: Mapping[int, ReportClip], stored: Mapping[int, Place]
) -> dict[int, ReportClip]:
    """Return clips with those of their files that are there. Never call this inside of a transaction."""
    roots = catalog.roots.as_now()
    return {
        clip_id: replace(each, file=_present(roots.absolute(*stored[clip_id]))) if clip_id in stored else each
        for clip_id, each in clips.items()
    }


def _judged(each: ReportClip) -> JudgedClip:
    return JudgedClip(each.id, each.rating, each.suspect)


def _present(file: bytes | None) -> bytes | None:
    return file if file is not None and os.path.isfile(file) else None


def _spreads(connection: Connection) -> dict[int | None, dict[str, tuple[float, float]]]:
    """Return the quartiles of each checkpoint, without marks. A clip counts for every checkpoint that wrote it."""
    files = generated_files()
    pairs = select(files.c.checkpoint_id, files.c.recording_id).distinct().subquery()
    measures = (measure_value(name).label(name) for name in ("silence", "loop", "noise"))
    clips = pairs.join(clip, clip.c.recording_id == pairs.c.recording_id)
    statement = (
        select(pairs.c.checkpoint_id, clip.c.loudness, *measures)
        .select_from(clips.join(recording, recording.c.id == clip.c.recording_id))
        .where(IS_COUNTED)
    )
    values: defaultdict[int | None, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in connection.execute(statement):
        for name in SPREADS:
            value = getattr(row, name)
            if value is not None:
                values[row.checkpoint_id][name].append(value)
    return {
        key: {name: _quartiles(known) for name, known in by_name.items() if len(known) > 1}
        for key, by_name in values.items()
    }


def _quartiles(values: list[float]) -> tuple[float, float]:
    low, high = np.quantile(np.array(values, dtype=np.float64), (0.25, 0.75))
    return float(low), float(high)


def _song(catalog: Catalog, row: SongRow) -> ReportSong:
    made = [
        RenderedFile(
            each.number,
            each.seconds,
            each.container,
            each.subtype,
            each.sample_rate,
            each.path,
            _present(catalog.absolute_of_text(each.path, each.root)),
        )
        for each in renderings(catalog, row.name)
    ]
    return ReportSong(row, tuple(reversed(made)))
