"""The tracklist: a song's clips as they lie on the timeline today.

Everything a rendering needs is decided here – spans, gains, places to the frame – and nothing is opened:
the same tracklist is the same rendering.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from sqlalchemy import Connection, select

from thresher.catalog import score_reads, scores
from thresher.catalog.catalog import Catalog
from thresher.catalog.clip_rows import clip_rows
from thresher.catalog.content_files import content_files
from thresher.catalog.database import chunks
from thresher.catalog.schema import checkpoint, clip, location, recording
from thresher.curation.songs.clip_loudness import Sound, song_loudness
from thresher.curation.songs.sequence import Arranged, arranged
from thresher.curation.songs.songs import Song, SongSettings, check_settings, find_song
from thresher.errors import NotFoundError
from thresher.signal.metrics.registry import find_metric
from thresher.signal.mixing.mix import Fade, peak_gain, resampled_frames

WORST_TRANSITIONS = 5

TRUE_PEAK_CEILING = -1.0
"""In dBTP: what a song whose clips are brought to a loudness is held under, as EBU R 128 recommends."""


@dataclass(frozen=True)
class Track:
    """One clip in a song.

    The span is in frames at the clip's own `sample_rate`; `output_start`, `output_frames` and `crossfade`, which it
    shares with the clip before, in frames of the song. `gain` is linear, `loudness` that of the clip alone in LUFS;
    `transition` is the score with the clip before, None where there is none. `path` is a location where the file
    was last seen, `missing` whether none of its locations holds a file now.
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
    loudness: float | None = None
    output_start: int = 0
    output_frames: int = 0
    crossfade: int = 0
    transition: float | None = None

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return (self.end_frame - self.start_frame) / self.sample_rate


@dataclass(frozen=True)
class Transition:
    """Where one clip follows another: `at` seconds into the song, with the score of the two."""

    at: float
    before: int
    after: int
    score: float


@dataclass(frozen=True)
class Tracklist:
    """A song laid out: `tracks` in order, at most two of which sound at a time.

    `left_out` clips were found but lie beyond its limits; `unmet` says in sentences which of its edits can't be
    had.
    """

    song: Song
    tracks: tuple[Track, ...]
    left_out: int
    sample_rate: int
    channels: int
    fade_frames: int
    unmet: tuple[str, ...] = ()
    may_limit: bool = True  # False in renderings of programs that had no limiter

    @property
    def is_limited(self) -> bool:
        """Whether something keeps the song under full scale, because not every clip stays there by itself."""
        has_others = any(track.crossfade or track.sample_rate != self.sample_rate for track in self.tracks)
        return self.may_limit and (has_others or self.song.settings.lufs is not None)

    @property
    def frames(self) -> int:
        """The song's length in frames of its own rate."""
        return self.tracks[-1].output_start + self.tracks[-1].output_frames if self.tracks else 0

    @property
    def fades(self) -> tuple[tuple[Fade, Fade], ...]:
        """How each track comes and goes: in a crossfade with its neighbour, or else by itself."""
        shared = [*(track.crossfade for track in self.tracks), 0]
        alone = [Fade(min(self.fade_frames, track.output_frames // 2)) for track in self.tracks]
        ends = pairwise(Fade(frames, is_crossfade=True) for frames in shared)
        return tuple(
            (rising if rising.frames else fade, falling if falling.frames else fade)
            for (rising, falling), fade in zip(ends, alone, strict=True)
        )

    @property
    def seconds(self) -> float:
        """The song's length."""
        return self.frames / self.sample_rate

    @property
    def transitions(self) -> tuple[float, ...]:
        """The scores of consecutive clips that have one."""
        return tuple(track.transition for track in self.tracks if track.transition is not None)

    @property
    def worst(self) -> tuple[Transition, ...]:
        """The five transitions of the lowest scores, the worst first."""
        found = [
            Transition(track.output_start / self.sample_rate, before.clip, track.clip, track.transition)
            for before, track in pairwise(self.tracks)
            if track.transition is not None
        ]
        return tuple(
            sorted(found, key=lambda transition: (transition.score, transition.at))[:WORST_TRANSITIONS]
        )


def tracklist(catalog: Catalog, name: str) -> Tracklist:
    """Lay out a song as it is today; NotFoundError where there is no such song."""
    with catalog.reading() as connection:
        return lay_out(catalog, connection, find_song(connection, name))


def compare(
    catalog: Catalog, name: str, orderings: Sequence[str], metric: str | None = None
) -> list[Tracklist]:
    """A song laid out in each of several orderings, nothing saved; transitions use `metric`, else the song's."""
    with catalog.reading() as connection:
        found = find_song(connection, name)
        by = found.settings.metric if metric is None else find_metric(metric).name
        # gains are not compared, and may take long to find
        ways = [replace(found.settings, ordering=text, metric=by, lufs=None) for text in orderings]
        for settings in ways:
            check_settings(settings)
        return [lay_out(catalog, connection, replace(found, settings=settings)) for settings in ways]


def lay_out(catalog: Catalog, connection: Connection, found: Song) -> Tracklist:
    """A song with whatever settings it is given, as it would be today."""
    sequence = arranged(catalog, connection, found)
    tracks = _tracks(catalog, connection, [*sequence.body, *sequence.final])
    body, final = tracks[: len(sequence.body)], tracks[len(sequence.body) :]
    kept = _within_limits(body, final, found.settings)
    unmet = _unmet(sequence, [track.clip for track in kept], found.settings)
    return _laid_out(catalog, connection, found, kept, len(tracks) - len(kept), unmet)


def without(catalog: Catalog, plan: Tracklist, clips: Collection[int]) -> Tracklist:
    """`plan` without some of its clips; what is left closes up."""
    kept = [track for track in plan.tracks if track.clip not in clips]
    with catalog.reading() as connection:
        return _laid_out(catalog, connection, plan.song, kept, plan.left_out, plan.unmet)


def _laid_out(
    catalog: Catalog,
    connection: Connection,
    found: Song,
    kept: Sequence[Track],
    left_out: int,
    unmet: tuple[str, ...],
) -> Tracklist:
    settings = found.settings
    transitions = _transitions(connection, found, [track.clip for track in kept])
    rate = settings.sample_rate or max((track.sample_rate for track in kept), default=44_100)
    widest = max((track.channels for track in kept), default=1)
    channels = settings.channels or (2 if widest > 1 else 1)
    lengths = [
        resampled_frames(track.end_frame - track.start_frame, track.sample_rate, rate) for track in kept
    ]
    crossfade, gap, fade = (
        round(seconds * rate) for seconds in (settings.crossfade, settings.gap, settings.fade)
    )
    gains = _gains(catalog, kept, channels, settings.lufs)
    placed, start = [], 0
    for n, track in enumerate(kept):
        # two crossfades never meet inside of a clip; beside one too short for a fade, a fade is smoother
        shared = min(crossfade, lengths[n - 1] // 2, lengths[n] // 2) if n else 0
        shared = 0 if shared < min(crossfade, fade) else shared
        start = start - shared if shared else start + gap * bool(n)
        placed.append(
            replace(
                track,
                gain=gains[n],
                output_start=start,
                output_frames=lengths[n],
                crossfade=shared,
                transition=transitions[n],
            )
        )
        start += lengths[n]
    return Tracklist(found, tuple(placed), left_out, rate, channels, fade, unmet)


def _gains(catalog: Catalog, tracks: Sequence[Track], channels: int, lufs: float | None) -> list[float]:
    """What brings each clip to a loudness; where none is wanted, or a clip has none, its own gain."""
    if lufs is None:
        return [track.gain for track in tracks]
    mixed = {track.recording_sha256 for track in tracks if track.channels not in (1, channels)}
    files = content_files(catalog, mixed)
    sounds = (
        Sound(
            files.get(track.recording_sha256),
            track.start_frame,
            track.end_frame,
            track.sample_rate,
            track.channels,
            track.mono_channel,
            track.loudness,
        )
        for track in tracks
    )
    loudnesses = song_loudness(sounds, channels)
    return [
        track.gain if loudness is None else float(10 ** ((lufs - loudness) / 20))
        for track, loudness in zip(tracks, loudnesses, strict=True)
    ]


def track_of_clip(catalog: Catalog, clip_id: int) -> Track:
    """One clip as a track, to be played or rendered alone."""
    with catalog.reading() as connection:
        tracks = _tracks(catalog, connection, [clip_id])
    if not tracks or tracks[0].end_frame == tracks[0].start_frame:
        raise NotFoundError(f"clip {clip_id} holds nothing to hear; `thresher show {clip_id}` says why")
    return tracks[0]


def _unmet(sequence: Arranged, kept: Sequence[int], settings: SongSettings) -> tuple[str, ...]:
    """What was edited and can't be had: in the sequence, or because it lies beyond the song's limits."""
    cut = {*sequence.body, *sequence.final} - set(kept)
    named = {*settings.edits.places, *settings.edits.added}
    beyond = [f"clip {clip_id} lies beyond the song's limits" for clip_id in sorted(cut & named)]
    return (*(text for clip_id, text in sequence.unmet if clip_id not in cut), *beyond)


def _transitions(connection: Connection, found: Song, ids: Sequence[int]) -> list[float | None]:
    """The score of each clip with the one before; None for the first, and where there is none."""
    metric = find_metric(found.settings.metric)
    transitions = score_reads.consecutive(
        connection, scores.metric_id(connection, metric.name, metric.version), ids
    )
    return [None, *(None if np.isnan(transition) else float(transition) for transition in transitions)][
        : len(ids)
    ]


def _within_limits(body: Sequence[Track], final: Sequence[Track], settings: SongSettings) -> list[Track]:
    """Clips in order while they fit before the final ones; none is cut."""
    longest = math.inf if settings.length is None else settings.length
    most = math.inf if settings.clips is None else settings.clips
    ending = sum(_adds(before, track, settings) for before, track in pairwise([None, *final]) if track)
    if ending > longest or len(final) > most:
        return _within_limits(body, (), settings)
    kept: list[Track] = []
    length, before = 0.0, None
    for track in body:
        length += _adds(before, track, settings)
        joined = _adds(track, final[0], settings) - final[0].seconds if final else 0.0
        if length + joined + ending > longest or len(kept) + len(final) >= most:
            break
        kept.append(track)
        before = track
    return [*kept, *final]


def _adds(before: Track | None, track: Track, settings: SongSettings) -> float:
    """How many seconds a clip adds to a song behind another one."""
    if before is None:
        return track.seconds
    shared = min(settings.crossfade, before.seconds / 2, track.seconds / 2)
    shared = 0.0 if shared < min(settings.crossfade, settings.fade) else shared
    return track.seconds + settings.gap - shared


def _tracks(catalog: Catalog, connection: Connection, ids: Sequence[int]) -> list[Track]:
    """Clips as tracks in the order of `ids`, not placed yet."""
    found = clip_rows(connection, ids)
    places: dict[int, list[Any]] = {}
    for chunk in chunks(ids):
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
        loudness=row[clip.c.loudness],
    )
