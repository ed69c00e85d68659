"""Renderings as history: what a song was each time it was rendered – listed, and laid out again as it was frozen.

Nothing here asks what the song is today, and nothing here is ever rewritten.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Select, func, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database import chunks
from thresher.catalog.decisions import history
from thresher.catalog.schema import checkpoint, location, recording, rendering, rendering_clip
from thresher.curation.songs.songs import Song, SongSettings, find_song
from thresher.curation.songs.tracklist import TRUE_PEAK_CEILING, Track, Tracklist
from thresher.errors import NotFoundError
from thresher.signal.mixing.mix import resampled_frames


@dataclass(frozen=True)
class Rendering:
    """One rendering of a song, as it was first made. `created_at` is in seconds since 1970, UTC.

    `path` is where its file was first written, `sha256` that file's; `frames` are at `sample_rate` Hz; `versions`
    are those of the program and of the libraries that reach the audio, `settings` all that the song was at the time
    (None in renderings of catalogs that did not keep them).
    """

    id: int
    number: int
    created_at: float
    clips: int
    query: str
    ordering: str
    metric: str
    path: str
    container: str
    subtype: str
    sample_rate: int
    channels: int
    frames: int
    sha256: str
    plan_sha256: str
    versions: Mapping[str, str]
    settings: SongSettings | None = None

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.frames / self.sample_rate


def renderings(catalog: Catalog, name: str) -> list[Rendering]:
    """All renderings of the song of that name, the first one first."""
    with catalog.reading() as connection:
        found = find_song(connection, name)
        return [_rendering(row) for row in connection.execute(_of_song(found).order_by(rendering.c.number))]


def find_rendering(connection: Connection, found: Song, number: int | None = None) -> Rendering:
    """The rendering of that number, or the last one; NotFoundError where there is none."""
    latest = _of_song(found).order_by(rendering.c.number.desc()).limit(1)
    statement = latest if number is None else latest.where(rendering.c.number == number)
    row = connection.execute(statement).one_or_none()
    if row is not None:
        return _rendering(row)
    if number is None:
        raise NotFoundError(
            f'song "{found.name}" was never rendered; `thresher song render "{found.name}"` does it'
        )
    raise NotFoundError(
        f'song "{found.name}" has no rendering {number}; `thresher song renderings "{found.name}"` shows all'
    )


def frozen(catalog: Catalog, name: str, number: int | None = None) -> tuple[Tracklist, Rendering]:
    """A rendering – the last one, if no number is given – laid out as it was, its clips where they lie now.

    The settings of its song are those of the time. Where a song was renamed since, its name is that which gave the
    rendering its digest.
    """
    with catalog.reading() as connection:
        found = find_song(connection, name)
        then = find_rendering(connection, found, number)
        plan = _laid_out(connection, found, then)
        names = _names(connection, found)
    # Older renderings kept the fades only as they were; of clips all shorter than two of them the setting is not
    # known: that of today may have been that of the time.
    fades = (plan.fade_frames, round(found.settings.fade * plan.sample_rate))
    for title, fade in itertools.product(names, fades if then.settings is None else fades[:1]):
        again = replace(plan, song=replace(plan.song, name=title), fade_frames=fade)
        if is_whole(again, then):
            return again, then
    return plan, then


def is_whole(plan: Tracklist, then: Rendering) -> bool:
    """Whether a plan is that of a rendering, to the last gain."""
    return plan_sha256(plan, then.container, then.subtype) == then.plan_sha256


def plan_sha256(plan: Tracklist, container: str, subtype: str) -> str:
    """What makes two renderings the same one: everything that reaches the file, and no paths or dates."""
    tracks = [
        [track.recording_sha256, track.start_frame, track.end_frame, track.gain, track.mono_channel]
        for track in plan.tracks
    ]
    form = [plan.sample_rate, plan.channels, plan.fade_frames, container, subtype]
    parts = [form, tags(plan), tracks, *filter(None, [_more(plan, subtype)])]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _more(plan: Tracklist, subtype: str) -> dict[str, Any]:
    """What reaches the file besides; nothing for clips end to end as they are, whose digests are older than
    this."""
    more: dict[str, Any] = {}
    ends = [0, *(track.output_start + track.output_frames for track in plan.tracks[:-1])]
    if ends != [track.output_start for track in plan.tracks]:
        more["places"] = [[track.output_start, track.crossfade] for track in plan.tracks]
    if plan.song.settings.lufs is not None:
        more["ceiling"] = TRUE_PEAK_CEILING
    elif plan.is_limited:
        more["ceiling"] = 0.0
    if plan.song.settings.dither and subtype == "PCM_16":
        more["dither"] = True
    return more


def faults(plan: Tracklist, then: Rendering) -> Iterator[str]:
    """What does not add up in what was frozen, in sentences."""
    if not plan.tracks:
        yield "it lists no clip"
    gap = round(plan.song.settings.gap * plan.sample_rate)
    end = 0
    for number, track in enumerate(plan.tracks):
        if track.output_start != end - track.crossfade + (gap if number else 0):
            yield f"clip {track.clip} does not lie at the end of the one before"
            break
        end = track.output_start + track.output_frames
    if plan.frames != then.frames:
        yield f"its clips are {plan.frames} frames long, and its file {then.frames}"
    wrong = [track.clip for track in plan.tracks if not _fits(track, plan)]
    if wrong:
        yield f"the places of clips {', '.join(map(str, wrong))} do not fit their spans"
    if not is_whole(plan, then):
        yield "its digest is that of other clips, gains or settings"


def _fits(track: Track, plan: Tracklist) -> bool:
    frames = track.end_frame - track.start_frame
    return frames > 0 and track.output_frames == resampled_frames(frames, track.sample_rate, plan.sample_rate)


def tags(plan: Tracklist) -> dict[str, str]:
    """What a song's file says of itself."""
    return {"title": plan.song.name, "comment": plan.song.settings.query}


def _laid_out(connection: Connection, found: Song, then: Rendering) -> Tracklist:
    rows = connection.execute(
        select(rendering_clip)
        .where(rendering_clip.c.rendering_id == then.id)
        .order_by(rendering_clip.c.position)
    ).all()
    known = _known(connection, sorted({row.recording_sha256 for row in rows}))
    fade = max((row.fade_frames for row in rows), default=0)
    settings = then.settings
    if settings is None:
        settings = SongSettings(then.query, then.ordering, then.metric, fade=fade / then.sample_rate)
    else:
        settings = replace(settings, query=then.query, ordering=then.ordering, metric=then.metric)
        fade = round(settings.fade * then.sample_rate)
    tracks = tuple(_track(row, known.get(row.recording_sha256)) for row in rows)
    song = replace(found, settings=settings)
    may_limit = then.settings is not None  # programs that did not keep them had no limiter
    return Tracklist(song, tracks, 0, then.sample_rate, then.channels, fade, may_limit=may_limit)


def _names(connection: Connection, found: Song) -> list[str]:
    """What a song is called, then what it was called before, the latest first: the file's title is of its time."""
    names = [found.name]
    for decided in history(connection):
        for change in decided.changes:
            if change.place == ("song", found.id, "name"):
                names += [str(change.after), str(change.before)]
    return list(dict.fromkeys(names))


def _of_song(found: Song) -> Select[Any]:
    clips = (
        select(func.count())
        .where(rendering_clip.c.rendering_id == rendering.c.id)
        .correlate(rendering)
        .scalar_subquery()
        .label("clips")
    )
    return select(rendering, clips).where(rendering.c.song_id == found.id)


def _rendering(row: Any) -> Rendering:
    return Rendering(
        row.id,
        row.number,
        row.created_at,
        row.clips,
        row.query,
        row.ordering,
        row.metric,
        row.path_text,
        row.container,
        row.subtype,
        row.sample_rate,
        row.channels,
        row.frames,
        row.sha256,
        row.plan_sha256,
        json.loads(row.versions),
        SongSettings.from_plain(settings) if (settings := json.loads(row.settings)) else None,
    )


def _known(connection: Connection, sha256s: list[str]) -> dict[str, Any]:
    """What the catalog knows today of contents: their form, and a place, one where they are now if there is one."""
    found: dict[str, Any] = {}
    for chunk in chunks(sha256s):
        rows = connection.execute(
            select(
                recording.c.sha256,
                recording.c.channels,
                recording.c.subtype,
                checkpoint.c.run,
                checkpoint.c.epoch,
                checkpoint.c.step,
                location.c.path_text,
                location.c.missing_since,
            )
            .outerjoin(checkpoint, checkpoint.c.id == recording.c.checkpoint_id)
            .outerjoin(location, location.c.recording_id == recording.c.id)
            .where(recording.c.sha256.in_(chunk))
            .order_by(location.c.missing_since.is_not(None).desc(), location.c.id.desc())
        )
        found.update((row.sha256, row) for row in rows)  # the last one counts: present, and the earliest
    return found


def _track(row: Any, known: Any) -> Track:
    here = known is not None and known.path_text is not None
    return Track(
        clip=row.clip_id,
        recording_sha256=row.recording_sha256,
        path=known.path_text if here else row.path_text,
        missing=not here or known.missing_since is not None,
        run=None if known is None else known.run,
        epoch=None if known is None else known.epoch,
        step=None if known is None else known.step,
        start_frame=row.start_frame,
        end_frame=row.end_frame,
        sample_rate=row.sample_rate,
        channels=1 if known is None else known.channels or 1,
        mono_channel=row.mono_channel,
        subtype="" if known is None else known.subtype or "",
        gain=row.gain,
        output_start=row.output_start,
        output_frames=row.output_frames,
        crossfade=row.crossfade_frames,
        transition=row.transition,
    )
