"""A rendering as a JSON file that needs no catalog: enough to make its audio again from the same contents.

Contents are named by SHA-256, and their files found by it under any folder, whatever they are called there.
docs/manifest.md describes the format; a program reads the versions that it knows, and refuses others by number.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from thresher.curation.renderings.audio_file import versions
from thresher.curation.renderings.history import Rendering, faults, plan_sha256, tags
from thresher.curation.songs.songs import Song, SongSettings, check_settings
from thresher.curation.songs.tracklist import Track, Tracklist
from thresher.errors import NotFoundError, ThresherError, UsageError

FORMAT = "thresher manifest"
VERSION = 1


@dataclass(frozen=True)
class ManifestClip:
    """One clip of a manifest: the frames `[start_frame, end_frame)` of the content `sha256`, at its `sample_rate`,
    and where they lie in the song, in frames of the output."""

    clip: int
    sha256: str
    path: str
    run: str | None
    epoch: int | None
    step: int | None
    start_frame: int
    end_frame: int
    sample_rate: int
    channels: int
    subtype: str
    mono_channel: int | None
    gain: float
    fade_in: int
    fade_out: int
    crossfade: int
    output_start: int
    output_frames: int
    transition: float | None


@dataclass(frozen=True)
class ManifestOutput:
    """The file that a manifest describes; `sha256` is None where it was never written."""

    container: str
    subtype: str
    sample_rate: int
    channels: int
    frames: int
    sha256: str | None


@dataclass(frozen=True)
class Manifest:
    """What the JSON file holds, key by key; `created_at` is in seconds since 1970, UTC, `fade_frames` in frames
    of the output, `rendering` None for a song that was not rendered."""

    format: str
    version: int
    song: str
    rendering: int | None
    created_at: float
    query: str
    ordering: str
    metric: str
    settings: SongSettings
    versions: dict[str, str]
    tags: dict[str, str]
    output: ManifestOutput
    fade_frames: int
    plan_sha256: str
    clips: tuple[ManifestClip, ...]


def manifest_text(plan: Tracklist, then: Rendering) -> str:
    """The manifest of a rendering, or of a song as `unrendered` describes it, as JSON."""
    settings = plan.song.settings
    manifest = Manifest(
        format=FORMAT,
        version=VERSION,
        song=plan.song.name,
        rendering=then.number or None,
        created_at=then.created_at,
        query=settings.query,
        ordering=settings.ordering,
        metric=settings.metric,
        settings=settings,
        versions=dict(then.versions),
        tags=tags(plan),
        output=ManifestOutput(
            container=then.container,
            subtype=then.subtype,
            sample_rate=plan.sample_rate,
            channels=plan.channels,
            frames=plan.frames,
            sha256=then.sha256 or None,
        ),
        fade_frames=plan.fade_frames,
        plan_sha256=then.plan_sha256,
        clips=_clips(plan),
    )
    return json.dumps(asdict(manifest), ensure_ascii=False, indent=1) + "\n"


def _clips(plan: Tracklist) -> tuple[ManifestClip, ...]:
    return tuple(
        ManifestClip(
            clip=track.clip,
            sha256=track.recording_sha256,
            path=track.path,
            run=track.run,
            epoch=track.epoch,
            step=track.step,
            start_frame=track.start_frame,
            end_frame=track.end_frame,
            sample_rate=track.sample_rate,
            channels=track.channels,
            subtype=track.subtype,
            mono_channel=track.mono_channel,
            gain=track.gain,
            fade_in=fade_in.frames,
            fade_out=fade_out.frames,
            crossfade=track.crossfade,
            output_start=track.output_start,
            output_frames=track.output_frames,
            transition=track.transition,
        )
        for track, (fade_in, fade_out) in zip(plan.tracks, plan.fades, strict=True)
    )


def unrendered(plan: Tracklist, container: str, subtype: str) -> Rendering:
    """A song of today as the rendering it would be, of number 0 and without a file."""
    output = ManifestOutput(container, subtype, plan.sample_rate, plan.channels, plan.frames, sha256=None)
    digest = plan_sha256(plan, container, subtype)
    return _rendering(plan.song.settings, len(plan.tracks), output, 0, time.time(), digest, versions())


def _rendering(
    settings: SongSettings,
    clips: int,
    output: ManifestOutput,
    number: int,
    created_at: float,
    digest: str,
    made_with: Mapping[str, str],
) -> Rendering:
    """A rendering that no catalog knows."""
    return Rendering(
        id=0,
        number=number,
        created_at=created_at,
        clips=clips,
        query=settings.query,
        ordering=settings.ordering,
        metric=settings.metric,
        path="",
        container=output.container,
        subtype=output.subtype,
        sample_rate=output.sample_rate,
        channels=output.channels,
        frames=output.frames,
        sha256=output.sha256 or "",
        plan_sha256=digest,
        versions=made_with,
        settings=settings,
    )


def read_manifest(file: str | os.PathLike[str]) -> tuple[Tracklist, Rendering]:
    """What a manifest describes; ThresherError where it is none, or does not add up."""
    manifest = _checked(Path(file))
    output, settings = manifest.output, manifest.settings
    tracks = tuple(
        Track(
            clip=each.clip,
            recording_sha256=each.sha256,
            path=each.path,
            missing=False,
            run=each.run,
            epoch=each.epoch,
            step=each.step,
            start_frame=each.start_frame,
            end_frame=each.end_frame,
            sample_rate=each.sample_rate,
            channels=each.channels,
            mono_channel=each.mono_channel,
            subtype=each.subtype,
            gain=each.gain,
            output_start=each.output_start,
            output_frames=each.output_frames,
            crossfade=each.crossfade,
            transition=each.transition,
        )
        for each in manifest.clips
    )
    song = Song(0, manifest.song, settings, manifest.created_at)
    plan = Tracklist(song, tracks, 0, output.sample_rate, output.channels, manifest.fade_frames)
    then = _rendering(
        settings,
        len(tracks),
        output,
        manifest.rendering or 0,
        manifest.created_at,
        manifest.plan_sha256,
        manifest.versions,
    )
    wrong = next(_faults(manifest, plan, then), None)
    if wrong:
        raise ThresherError(f"{file} was changed or is not whole: {wrong}; write it again with --manifest")
    return plan, then


def _faults(manifest: Manifest, plan: Tracklist, then: Rendering) -> Iterator[str]:
    """What does not add up in a manifest, in sentences; what would keep the rest from being looked at first."""
    rates = [manifest.output.sample_rate, *(each.sample_rate for each in manifest.clips)]
    if min(rates) < 1 or manifest.output.channels not in (1, 2) or then.number < 0:
        yield "a rate, a number or the channels of its output can't be"
        return
    try:
        check_settings(manifest.settings)
    except UsageError as error:
        yield f"its settings can't be: {error}"
    yield from faults(plan, then)
    if _clips(plan) != manifest.clips:
        yield "its fades are others than those of its places"


def manifest_song(file: Path) -> str | None:
    """The song whose manifest a file says that it is, whole or not; None where it is none."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    is_one = isinstance(content, dict) and content.get("format") == FORMAT
    return str(content.get("song")) if is_one else None


def _checked(file: Path) -> Manifest:
    from pydantic import TypeAdapter, ValidationError

    try:
        text = file.read_text(encoding="utf-8")
        content = json.loads(text)
    except FileNotFoundError as error:
        raise NotFoundError(
            f"there is no manifest {file}; `thresher song render NAME --manifest` writes one"
        ) from error
    except (OSError, ValueError) as error:
        raise ThresherError(f"{file} can't be read as JSON: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ThresherError(
            f"{file} is no manifest of a song; `thresher song render NAME --manifest` writes one"
        )
    if content.get("version") != VERSION:
        raise ThresherError(
            f"{file} is a manifest of version {content.get('version')}, and this program reads version {VERSION}; "
            "a newer thresher may read it"
        )
    try:
        return TypeAdapter(Manifest).validate_json(text, strict=True)
    except ValidationError as error:
        mistake = error.errors()[0]
        where = ".".join(map(str, mistake["loc"]))
        raise ThresherError(
            f"{file}, {where}: {mistake['msg'].lower()}; write it again with --manifest"
        ) from error
