"""Renderings as history: list them, and lay out a rendering as it was.

Renderings are never rewritten, and do not depend on what the song is today.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Select, func, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import checkpoint, clip, location, recording, rendering, rendering_clip
from thresher.catalog.decisions.journal import history
from thresher.catalog.recordings.clip_rows import clip_rows
from thresher.catalog.recordings.cut_clips import CutPlace, cut_places
from thresher.catalog.text.values import LARGEST_INTEGER
from thresher.curation.renderings.plan import is_whole, track_of_columns
from thresher.curation.songs.settings import SongSettings
from thresher.curation.songs.songs import Song, find_song
from thresher.curation.songs.tracklist import Track, Tracklist
from thresher.errors import NotFoundError
from thresher.formatting import command_on
from thresher.signal.ordering.orderings import parse_ordering


@dataclass(frozen=True)
class Rendering:
    """One rendering of a song, as it was first made. `created_at` is in seconds since 1970, UTC.

    `path` is where its file was first written, `root` the root of that path, and `sha256` the digest of that file;
    `frames` are at `sample_rate` Hz. `versions` are those of the program and of the libraries that affect the
    audio. `settings` are those of the song at the time, None in renderings of old catalogs that did not keep them.
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
    rewritten: Mapping[str, str] | None = None
    root: str = ""

    @property
    def seconds(self) -> float:
        """The length of the rendering."""
        return self.frames / self.sample_rate

    @property
    def known_settings(self) -> SongSettings:
        """The song's settings at the time, as far as they are known."""
        if self.settings is None:
            return SongSettings(self.query, parse_ordering(self.ordering), self.metric)
        return self.settings


def renderings(catalog: Catalog, name: str) -> list[Rendering]:
    """All renderings of a song, the first one first."""
    with catalog.reading() as connection:
        found = find_song(connection, name)
        return [_rendering(row) for row in connection.execute(_of_song(found).order_by(rendering.c.number))]


def _find_rendering(connection: Connection, found: Song, number: int | None) -> Rendering:
    """The rendering of that number, or the last one. Raises NotFoundError if it does not exist."""
    latest = _of_song(found).order_by(rendering.c.number.desc()).limit(1)
    if number is not None:
        latest = latest.where(rendering.c.number == min(number, LARGEST_INTEGER))
    row = connection.execute(latest).one_or_none()
    if row is not None:
        return _rendering(row)
    if number is None:
        raise NotFoundError(
            f'song "{found.name}" was never rendered; `{command_on("song render", found.name)}` renders it'
        )
    raise NotFoundError(
        f'song "{found.name}" has no rendering {number}; `{command_on("song renderings", found.name)}` lists all'
    )


def frozen(catalog: Catalog, name: str, number: int | None = None) -> tuple[Tracklist, Rendering]:
    """Lay out a rendering, by default the last one, as it was. Paths of its clips are where they are now.

    The settings of its song are those of the time. If the song was renamed later, its name is the one with
    which the plan has the rendering's digest.
    """
    with catalog.reading() as connection:
        found = find_song(connection, name)
        then = _find_rendering(connection, found, number)
        plan = _laid_out(connection, found, then)
        names = _names(connection, found)
    # Old renderings kept the length of each fade but not the setting. If all clips were shorter than two fades, the
    # setting is unknown, and the song's present one is tried.
    fades = (plan.fade_frames, round(found.settings.fade * plan.sample_rate))
    for title, fade in itertools.product(names, fades if then.settings is None else fades[:1]):
        candidate = replace(plan, song=replace(plan.song, name=title), fade_frames=fade)
        if is_whole(candidate, then.container, then.subtype, then.plan_sha256):
            return candidate, then
    return plan, then


def _laid_out(connection: Connection, found: Song, then: Rendering) -> Tracklist:
    rows = connection.execute(
        select(rendering_clip)
        .where(rendering_clip.c.rendering_id == then.id)
        .order_by(rendering_clip.c.position)
    ).all()
    known = _known(connection, sorted({row.recording_sha256 for row in rows}))
    clips = clip_rows(connection, [row.clip_id for row in rows])
    if then.settings is None:
        fade = max((row.fade_frames for row in rows), default=0)
        settings = replace(then.known_settings, fade=fade / then.sample_rate)
    else:
        fade = round(then.settings.fade * then.sample_rate)
        settings = replace(
            then.settings, query=then.query, ordering=parse_ordering(then.ordering), metric=then.metric
        )
    cut = cut_places(connection, [row.clip_id for row in rows])
    tracks = tuple(
        _track(
            row,
            known.get(row.recording_sha256),
            clips.get(row.clip_id, _FORGOTTEN),
            cut.get(row.clip_id),
        )
        for row in rows
    )
    former = None
    if then.rewritten is not None:
        former = then.query
        ordering = parse_ordering(then.rewritten["ordering"])
        settings = replace(settings, query=then.rewritten["query"], ordering=ordering)
    song = replace(found, settings=settings, former_query=former)
    may_limit = then.settings is not None  # programs that did not keep the settings had no limiter
    return Tracklist(song, tracks, 0, then.sample_rate, then.channels, fade, may_limit=may_limit)


def _names(connection: Connection, found: Song) -> list[str]:
    """The song's name, then its earlier names, the latest first. A file's title is the name at the time."""
    names = [found.name]
    for decided in history(connection):
        for change in decided.changes:
            if change.field_key == ("song", found.id, "name"):
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
        None if row.rewritten is None else json.loads(row.rewritten),
        row.root,
    )


def _known(connection: Connection, sha256s: list[str]) -> dict[str, Any]:
    """The format, checkpoint and location of contents as the catalog knows them today, by SHA-256."""
    found: dict[str, Any] = {}
    for chunk in chunks(sha256s):
        rows = connection.execute(
            select(
                recording.c.sha256,
                recording.c.channels,
                recording.c.subtype,
                recording.c.audio_key,
                checkpoint.c.run,
                checkpoint.c.epoch,
                checkpoint.c.step,
                location.c.path_text,
                location.c.root,
                location.c.missing_since,
            )
            .outerjoin(checkpoint, checkpoint.c.id == recording.c.checkpoint_id)
            .outerjoin(location, location.c.recording_id == recording.c.id)
            .where(recording.c.sha256.in_(chunk))
            .order_by(location.c.missing_since.is_not(None).desc(), location.c.id.desc())
        )
        found.update(
            (row.sha256, row) for row in rows
        )  # the last row wins: present, and the earliest location
    return found


_FORGOTTEN: Mapping[Any, Any] = MappingProxyType({clip.c.kind: "whole", clip.c.name: None})
"""What is taken to be true of a clip that was forgotten."""


def _former_part(row: Any, of_clip: Mapping[Any, Any]) -> str | None:
    """Which part or mark a clip was that was taken away since; None for a whole."""
    if of_clip[clip.c.kind] == "whole":
        return None
    start, end = row.start_frame / row.sample_rate, row.end_frame / row.sample_rate
    noun = "mark" if of_clip[clip.c.kind] == "marked" else "part"
    named = f' "{of_clip[clip.c.name]}"' if of_clip[clip.c.name] else ""
    return f"former {noun}{named} from {start:.1f} s to {end:.1f} s"


def _track(row: Any, known: Any, of_clip: Mapping[Any, Any], cut: CutPlace | None) -> Track:
    """A clip of a rendering, with what the catalog knows about it and its content today.

    `known` is None if the content was forgotten.
    """
    has_location = known is not None and known.path_text is not None
    track = track_of_columns(
        row._mapping,
        missing=not has_location or known.missing_since is not None,
        run=None if known is None else known.run,
        epoch=None if known is None else known.epoch,
        step=None if known is None else known.step,
        channels=1 if known is None else known.channels or 1,
        subtype="" if known is None else known.subtype or "",
        audio_key=None if known is None else known.audio_key,
        kind=of_clip[clip.c.kind],
        name=of_clip[clip.c.name],
        part=_former_part(row, of_clip) if cut is None else cut.text,
    )
    return replace(track, path=known.path_text, root=known.root) if has_location else track
