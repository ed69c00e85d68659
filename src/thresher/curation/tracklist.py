"""The tracklist: a song's clips as they lie on the timeline today.

Everything a rendering needs is decided here – spans, gains, places to the frame – and nothing is opened:
the same tracklist is the same rendering.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from sqlalchemy import Connection, select

from thresher.catalog import scores
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import chunks
from thresher.catalog.schema import checkpoint, clip, location, recording
from thresher.curation.listing import select_ids
from thresher.curation.scoring import find_metric
from thresher.curation.songs import Song, find_song
from thresher.errors import NotFoundError
from thresher.signal import ordering
from thresher.signal.chain import chain
from thresher.signal.mix import peak_gain, resampled_frames

WORST_SEAMS = 5


@dataclass(frozen=True)
class Track:
    """One clip in a song.

    The span is in frames at the clip's own `sample_rate`, `output_start` and `output_frames` in frames of the
    song. `gain` is linear; `seam` is the score with the clip before, None where there is none. `path` is a
    location where the file was last seen, `missing` whether none of its locations holds a file now.
    """

    clip: int
    recording_sha256: str
    path: str
    missing: bool
    run: str | None
    epoch: int | None
    step: int | None
    start_frame: int
    end_frame: int
    sample_rate: int
    channels: int
    mono_channel: int | None
    subtype: str
    gain: float
    output_start: int = 0
    output_frames: int = 0
    seam: float | None = None

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return (self.end_frame - self.start_frame) / self.sample_rate


@dataclass(frozen=True)
class Seam:
    """Where one clip follows another: `at` seconds into the song, with the score of the two."""

    at: float
    before: int
    after: int
    score: float


@dataclass(frozen=True)
class Tracklist:
    """A song laid out: `tracks` in order; `left_out` clips were found but lie beyond its limits."""

    song: Song
    tracks: tuple[Track, ...]
    left_out: int
    sample_rate: int
    channels: int
    fade_frames: int

    @property
    def frames(self) -> int:
        """The song's length in frames of its own rate."""
        return sum(track.output_frames for track in self.tracks)

    @property
    def seconds(self) -> float:
        """The song's length."""
        return self.frames / self.sample_rate

    @property
    def seams(self) -> tuple[float, ...]:
        """The scores of consecutive clips that have one."""
        return tuple(track.seam for track in self.tracks if track.seam is not None)

    @property
    def worst(self) -> tuple[Seam, ...]:
        """The five seams of the lowest scores, the worst first."""
        found = [
            Seam(track.output_start / self.sample_rate, before.clip, track.clip, track.seam)
            for before, track in pairwise(self.tracks)
            if track.seam is not None
        ]
        return tuple(sorted(found, key=lambda seam: (seam.score, seam.at))[:WORST_SEAMS])


def tracklist(catalog: Catalog, name: str) -> Tracklist:
    """Lay out a song as it is today; NotFoundError where there is no such song."""
    with catalog.reading() as connection:
        return _planned(catalog, connection, find_song(connection, name))


def compare(
    catalog: Catalog, name: str, orderings: Sequence[str], metric: str | None = None
) -> list[Tracklist]:
    """A song laid out in each of several orderings, nothing saved; seams are by `metric`, or else by the song's."""
    with catalog.reading() as connection:
        found = find_song(connection, name)
        by = found.settings.metric if metric is None else find_metric(metric).name
        return [
            _planned(
                catalog,
                connection,
                replace(found, settings=replace(found.settings, ordering=text, metric=by)),
            )
            for text in orderings
        ]


def _planned(catalog: Catalog, connection: Connection, found: Song) -> Tracklist:
    ids = _ordered(catalog, connection, found)
    tracks = _tracks(catalog, connection, ids)
    kept = _within_limits(tracks, found)
    return _laid_out(connection, found, kept, len(tracks) - len(kept))


def without(catalog: Catalog, plan: Tracklist, clips: Collection[int]) -> Tracklist:
    """`plan` without some of its clips; what is left closes up."""
    kept = [track for track in plan.tracks if track.clip not in clips]
    with catalog.reading() as connection:
        return _laid_out(connection, plan.song, kept, plan.left_out)


def _laid_out(connection: Connection, found: Song, kept: Sequence[Track], left_out: int) -> Tracklist:
    seams = _seams(connection, found, [track.clip for track in kept])
    rate = found.settings.sample_rate or max((track.sample_rate for track in kept), default=44_100)
    widest = max((track.channels for track in kept), default=1)
    placed, start = [], 0
    for track, seam in zip(kept, seams, strict=True):
        frames = resampled_frames(track.end_frame - track.start_frame, track.sample_rate, rate)
        placed.append(replace(track, output_start=start, output_frames=frames, seam=seam))
        start += frames
    return Tracklist(
        found,
        tuple(placed),
        left_out,
        rate,
        found.settings.channels or (2 if widest > 1 else 1),
        round(found.settings.fade * rate),
    )


def track_of_clip(catalog: Catalog, clip_id: int) -> Track:
    """One clip as a track, to be played or rendered alone."""
    with catalog.reading() as connection:
        tracks = _tracks(catalog, connection, [clip_id])
    if not tracks or tracks[0].end_frame == tracks[0].start_frame:
        raise NotFoundError(f"clip {clip_id} holds nothing to hear; `thresher show {clip_id}` says why")
    return tracks[0]


def _ordered(catalog: Catalog, connection: Connection, found: Song) -> list[int]:
    chosen = ordering.parse_ordering(found.settings.ordering)
    terms = found.settings.query
    if chosen.name == "field":
        return select_ids(catalog, connection, terms, song=True, sort=str(chosen))
    ids = sorted(select_ids(catalog, connection, terms, song=True))
    array = np.array(ids, dtype=np.int64)
    if chosen.name == "shuffle":
        order = ordering.shuffle(array, chosen.seed or 0)
    elif chosen.name == "pairs":
        order = ordering.pairs(_between(connection, found, ids), array)
    else:
        # a clip that is pinned and gone pins nothing
        start, end = (ids.index(pin) if pin in ids else None for pin in (chosen.start, chosen.end))
        order = chain(_between(connection, found, ids), array, start, end)
    return [ids[place] for place in order]


def _between(connection: Connection, found: Song, ids: Sequence[int]) -> Any:
    metric = find_metric(found.settings.metric)
    return scores.between(connection, scores.metric_id(connection, metric.name, metric.version), ids)


def _seams(connection: Connection, found: Song, ids: Sequence[int]) -> list[float | None]:
    if not ids:
        return []
    order = np.arange(len(ids))
    found_seams = ordering.seams(order, _between(connection, found, ids))
    return [None, *(None if np.isnan(seam) else float(seam) for seam in found_seams)]


def _within_limits(tracks: Sequence[Track], found: Song) -> list[Track]:
    """Clips in order while they fit; none is cut."""
    kept: list[Track] = []
    length = 0.0
    for track in tracks:
        length += track.seconds
        if found.settings.length is not None and length > found.settings.length:
            break
        if found.settings.clips is not None and len(kept) == found.settings.clips:
            break
        kept.append(track)
    return kept


def _tracks(catalog: Catalog, connection: Connection, ids: Sequence[int]) -> list[Track]:
    """Clips as tracks in the order of `ids`, not placed yet."""
    found: dict[int, Any] = {}
    places: dict[int, list[Any]] = {}
    for chunk in chunks(ids):
        rows = connection.execute(
            select(clip, recording, checkpoint.c.run, checkpoint.c.epoch, checkpoint.c.step)
            .join(recording, recording.c.id == clip.c.recording_id)
            .outerjoin(checkpoint, checkpoint.c.id == recording.c.checkpoint_id)
            .where(clip.c.id.in_(chunk))
        )
        found.update((row._mapping[clip.c.id], row._mapping) for row in rows)
        for row in connection.execute(
            select(location.c.recording_id, location.c.path, location.c.path_text, location.c.missing_since)
            .join(clip, clip.c.recording_id == location.c.recording_id)
            .where(clip.c.id.in_(chunk))
            .order_by(location.c.missing_since.is_not(None), location.c.id)
        ):
            places.setdefault(row.recording_id, []).append(row)
    return [_track(catalog, found[clip_id], places) for clip_id in ids if clip_id in found]


def _track(catalog: Catalog, row: Any, places: dict[int, list[Any]]) -> Track:
    here = places.get(row[recording.c.id], [])
    present = [place for place in here if os.path.exists(catalog.absolute(place.path))]
    shown = (present or here or [None])[0]
    return Track(
        clip=row[clip.c.id],
        recording_sha256=row[recording.c.sha256],
        path="" if shown is None else shown.path_text,
        missing=not present,
        run=row[checkpoint.c.run],
        epoch=row[checkpoint.c.epoch],
        step=row[checkpoint.c.step],
        start_frame=row[clip.c.start_frame],
        end_frame=row[clip.c.end_frame],
        sample_rate=row[recording.c.sample_rate] or 1,
        channels=row[recording.c.channels] or 1,
        mono_channel=row[recording.c.mono_channel],
        subtype=row[recording.c.subtype] or "",
        gain=peak_gain(row[clip.c.peak] or 0.0),
    )
