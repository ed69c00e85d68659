"""The tracklist: the clips of a song in time, as the song is today.

It decides everything that a rendering needs: spans, gains, and positions to the frame. Equal tracklists make equal
renderings. Audio is read only to measure the loudness of clips whose channels have to be mixed.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, select

from thresher.catalog.audio.decoder_names import LIBSNDFILE
from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import content_files
from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import checkpoint, clip, location, recording
from thresher.catalog.files.paths import Roots
from thresher.catalog.recordings.clip_rows import clip_rows
from thresher.catalog.recordings.cut_clips import CutPlace, cut_places
from thresher.curation.songs.placement import DEFAULT_RATE, placed, within_limits
from thresher.curation.songs.sequence import Arranged, current_order, edits_not_applied, with_edits
from thresher.curation.songs.settings import SongSettings, check_settings
from thresher.curation.songs.songs import Song, find_song
from thresher.errors import NotFoundError
from thresher.signal.mixing.mix import Fade, peak_gain
from thresher.signal.mixing.resampling import resampled_frames
from thresher.signal.ordering.orderings import parse_ordering

WORST_TRANSITIONS = 5

TRUE_PEAK_CEILING = -1.0
"""The true peak in dBTP that a song does not exceed if its clips are brought to a loudness, as in EBU R 128."""


@dataclass(frozen=True)
class Track:
    """One clip in a song.

    The span is in frames at the clip's own `sample_rate`. `output_start`, `output_frames` and `crossfade`, the
    overlap with the clip before, are in frames of the song. `gain` is linear. `loudness` is that of the clip
    alone, in LUFS. `transition` is the score with the clip before, None if the two have no score. `path` is
    where the file was last seen, and `root` its root; `missing` says that none of its locations holds a file now.
    `decoder` reads the span; the version that read it first may not be known. `audio_key` is equal for equal audio,
    None if it is not known. `kind` is one of schema.CLIP_KINDS, `name` that of a mark. `part` says which part or
    mark of its recording the clip is, such as `part 3 of 50`; None for a whole.
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
    decoder: str = LIBSNDFILE
    decoder_version: str | None = None
    audio_key: str | None = None
    kind: str = "whole"
    name: str | None = None
    part: str | None = None
    root: str = ""

    @property
    def seconds(self) -> float:
        """The length of the clip."""
        return (self.end_frame - self.start_frame) / self.sample_rate


@dataclass(frozen=True)
class Transition:
    """The join of two consecutive clips, `at` seconds into the song, with their score."""

    at: float
    before: int
    after: int
    score: float


@dataclass(frozen=True)
class Tracklist:
    """A song laid out in time: its `tracks` in order, at most two of which sound at once.

    `left_out` is the number of clips beyond the song's limits. `edits_not_applied` are sentences. `fade_frames`
    is in frames of the song. `may_limit` is False for renderings by programs that had no limiter.
    """

    song: Song
    tracks: tuple[Track, ...]
    left_out: int
    sample_rate: int
    channels: int
    fade_frames: int
    edits_not_applied: tuple[str, ...] = ()
    may_limit: bool = True

    @property
    def is_limited(self) -> bool:
        """Whether a limiter is needed: overlaps, resampling and gains can raise the song above full scale."""
        may_exceed = any(track.crossfade or track.sample_rate != self.sample_rate for track in self.tracks)
        return self.may_limit and (may_exceed or self.song.settings.lufs is not None)

    @property
    def frames(self) -> int:
        """The length of the song in frames at its own rate."""
        return self.tracks[-1].output_start + self.tracks[-1].output_frames if self.tracks else 0

    @property
    def fades(self) -> tuple[tuple[Fade, Fade], ...]:
        """The fades of each track at its start and end: a crossfade with its neighbour, or a fade of its own."""
        shared = [*(track.crossfade for track in self.tracks), 0]
        alone = [Fade(min(self.fade_frames, track.output_frames // 2)) for track in self.tracks]
        ends = pairwise(Fade(frames, is_crossfade=True) for frames in shared)
        return tuple(
            (rising if rising.frames else fade, falling if falling.frames else fade)
            for (rising, falling), fade in zip(ends, alone, strict=True)
        )

    @property
    def seconds(self) -> float:
        """The length of the song."""
        return self.frames / self.sample_rate

    @property
    def transitions(self) -> tuple[float, ...]:
        """The scores of all transitions that have one."""
        return tuple(track.transition for track in self.tracks if track.transition is not None)

    @property
    def worst(self) -> tuple[Transition, ...]:
        """The five transitions with the lowest scores, the worst first."""
        found = [
            Transition(track.output_start / self.sample_rate, before.clip, track.clip, track.transition)
            for before, track in pairwise(self.tracks)
            if track.transition is not None
        ]
        return tuple(
            sorted(found, key=lambda transition: (transition.score, transition.at))[:WORST_TRANSITIONS]
        )


def tracklist(catalog: Catalog, name: str, *, rate_for: Callable[[int], int] | None = None) -> Tracklist:
    """Lay out a song as it is today. Raises NotFoundError if the song does not exist.

    `rate_for` returns the sample rate of a file for that of the song, for formats that have only some rates.
    """
    with catalog.reading() as connection:
        found = find_song(connection, name)
    plan = lay_out(catalog, found, rate_for=rate_for)
    return at_loudness(catalog, plan)


def compare(
    catalog: Catalog, name: str, orderings: Sequence[str], metric: str | None = None
) -> list[Tracklist]:
    """Lay out a song in each of several orderings, with `metric` or the song's own. Nothing is saved."""
    with catalog.reading() as connection:
        found = find_song(connection, name)
        by = found.settings.metric if metric is None else metric
        variants = [
            # without a loudness, because gains are not compared
            replace(found.settings, ordering=parse_ordering(text), metric=by, lufs=None)
            for text in orderings
        ]
    for settings in variants:
        check_settings(settings)
    return [lay_out(catalog, replace(found, settings=settings)) for settings in variants]


def lay_out(catalog: Catalog, found: Song, *, rate_for: Callable[[int], int] | None = None) -> Tracklist:
    """Lay out a song as it is today, with the settings in `found`; each clip has its own loudness.

    Its ordering is computed outside of transactions. `rate_for` is that of `tracklist`.
    """
    order = current_order(catalog, found)
    with catalog.reading() as connection:
        sequence = with_edits(connection, found.settings, order)
        rows = _read_rows(connection, [*sequence.body, *sequence.final])
    tracks = {track.clip: track for track in rows.tracks(catalog)}
    with catalog.reading() as connection:
        plan = _in_time(connection, found, sequence, tracks)
        rate = plan.sample_rate if rate_for is None else rate_for(plan.sample_rate)
        if rate != plan.sample_rate:
            settings = replace(found.settings, sample_rate=rate)
            plan = _in_time(connection, replace(found, settings=settings), sequence, tracks)
    return plan


def _in_time(
    connection: Connection, found: Song, sequence: Arranged, tracks: Mapping[int, Track]
) -> Tracklist:
    """Lay out a song whose clips are in this sequence; `tracks` are those of its clips, by id."""
    settings = found.settings
    # a clip may have been forgotten since the order was computed
    body, final = (
        [tracks[each] for each in ids if each in tracks] for ids in (sequence.body, sequence.final)
    )
    count, keeps_final = within_limits(
        [track.seconds for track in body], [track.seconds for track in final], settings
    )
    kept, cut = [*body[:count], *final], body[count:]
    if not keeps_final:
        kept, cut = body[:count], [*cut, *final]
    sentences = edits_not_applied(sequence.not_applied, [track.clip for track in cut], settings)
    return _laid_out(connection, found, kept, len(cut), sentences)


def without(catalog: Catalog, plan: Tracklist, clips: Collection[int]) -> Tracklist:
    """The tracklist without some of its clips; the clips after them move forward."""
    kept = [track for track in plan.tracks if track.clip not in clips]
    with catalog.reading() as connection:
        shorter = _laid_out(connection, plan.song, kept, plan.left_out, plan.edits_not_applied)
    return at_loudness(catalog, shorter)


def _laid_out(
    connection: Connection,
    found: Song,
    kept: Sequence[Track],
    left_out: int,
    not_applied: tuple[str, ...],
) -> Tracklist:
    settings = found.settings
    transitions = _transitions(connection, settings, [track.clip for track in kept])
    rate = settings.sample_rate or max((track.sample_rate for track in kept), default=DEFAULT_RATE)
    widest = max((track.channels for track in kept), default=1)
    channels = settings.channels or (2 if widest > 1 else 1)
    lengths = [
        resampled_frames(track.end_frame - track.start_frame, track.sample_rate, rate) for track in kept
    ]
    tracks = tuple(
        replace(
            track,
            output_start=start,
            output_frames=length,
            crossfade=crossfade,
            transition=transition,
        )
        for track, length, (start, crossfade), transition in zip(
            kept, lengths, placed(lengths, settings, rate), transitions, strict=True
        )
    )
    fade_frames = round(settings.fade * rate)
    return Tracklist(found, tracks, left_out, rate, channels, fade_frames, not_applied)


def at_loudness(catalog: Catalog, plan: Tracklist) -> Tracklist:
    """A tracklist whose clips have the gains that bring them to the loudness of the song, if it has one.

    Clips without a loudness keep their own gains. This reads audio files, which can take long: never call it inside
    of a transaction, which would keep other programs from the catalog.
    """
    lufs = plan.song.settings.lufs
    if lufs is None:
        return plan
    gains = _gains(catalog, plan.tracks, plan.channels, lufs)
    return replace(
        plan,
        tracks=tuple(replace(track, gain=gain) for track, gain in zip(plan.tracks, gains, strict=True)),
    )


def _gains(catalog: Catalog, tracks: Sequence[Track], channels: int, lufs: float) -> list[float]:
    """The gain that brings each clip to a loudness; its own gain if it has no loudness."""
    from thresher.curation.songs.clip_loudness import Sound, song_loudness

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
            track.decoder,
        )
        for track in tracks
    )
    loudnesses = song_loudness(sounds, channels)
    return [
        track.gain if loudness is None else float(10 ** ((lufs - loudness) / 20))
        for track, loudness in zip(tracks, loudnesses, strict=True)
    ]


def track_of_clip(catalog: Catalog, clip_id: int) -> Track:
    """One clip as a track, to play or render it alone."""
    with catalog.reading() as connection:
        rows = _read_rows(connection, [clip_id])
    tracks = rows.tracks(catalog)
    if not tracks or tracks[0].end_frame == tracks[0].start_frame:
        raise NotFoundError(f"clip {clip_id} has no sound to play; `thresher show {clip_id}` says why")
    return tracks[0]


def _transitions(connection: Connection, settings: SongSettings, ids: Sequence[int]) -> list[float | None]:
    """The score of each clip with the clip before; None for the first clip, and for two clips without a score."""
    from thresher.catalog.scores import score_reads, scores
    from thresher.signal.metrics.registry import find_metric

    metric = find_metric(settings.metric)
    found = score_reads.consecutive(
        connection, scores.metric_id(connection, metric.name, metric.version), ids
    ).tolist()
    transitions = [None if math.isnan(score) else score for score in found]
    return [None, *transitions] if ids else []


@dataclass(frozen=True)
class _Rows:
    """The rows of clips, in the order of `ids`, of the locations of their recordings, and of their places."""

    ids: Sequence[int]
    clips: Mapping[int, Any]
    locations: Mapping[int, Sequence[Any]]
    cut: Mapping[int, CutPlace]

    def tracks(self, catalog: Catalog) -> list[Track]:
        """Look for the files, and return the clips as tracks in their order, without positions in the song.

        Never call this inside of a transaction.
        """
        roots = catalog.roots.as_now()
        return [
            _track(roots, self.clips[clip_id], self.locations, self.cut.get(clip_id))
            for clip_id in self.ids
            if clip_id in self.clips
        ]


def _read_rows(connection: Connection, ids: Sequence[int]) -> _Rows:
    found = clip_rows(connection, ids)
    locations: dict[int, list[Any]] = {}
    for chunk in chunks(ids):
        for row in connection.execute(
            select(
                *(location.c[name] for name in ("recording_id", "root", "path", "path_text", "missing_since"))
            )
            .join(clip, clip.c.recording_id == location.c.recording_id)
            .where(clip.c.id.in_(chunk))
            .order_by(location.c.missing_since.is_not(None), location.c.id)
        ):
            locations.setdefault(row.recording_id, []).append(row)
    return _Rows(ids, found, locations, cut_places(connection, ids))


def _track(roots: Roots, row: Any, locations: Mapping[int, Sequence[Any]], cut: CutPlace | None) -> Track:
    known = locations.get(row[recording.c.id], [])
    present = (
        each
        for each in known
        # other audio may be where a file that is marked missing was
        if each.missing_since is None
        and (path := roots.absolute(each.root, each.path)) is not None
        and os.path.exists(path)
    )
    found = next(present, None)  # a recording can have thousands of files
    shown = found or next(iter(known), None)
    return Track(
        clip=row[clip.c.id],
        recording_sha256=row[recording.c.sha256],
        path="" if shown is None else shown.path_text,
        root="" if shown is None else shown.root,
        missing=found is None,
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
        decoder=row[recording.c.decoder] or LIBSNDFILE,
        decoder_version=row[recording.c.decoder_version],
        audio_key=row[recording.c.audio_key],
        kind=row[clip.c.kind],
        name=row[clip.c.name],
        part=None if cut is None else cut.text,
    )
