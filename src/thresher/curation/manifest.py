"""A rendering as a JSON file that needs no catalog: enough to make its audio again from the same contents.

Contents are named by SHA-256, and their files found by it under any folder, whatever they are called there.
docs/manifest.md describes the format; a program reads the versions that it knows, and refuses others by number.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from thresher.curation.renderings import Rendering, faults, plan_sha256, tags
from thresher.curation.song_file import versions
from thresher.curation.songs import Song, SongSettings
from thresher.curation.tracklist import Track, Tracklist
from thresher.errors import NotFoundError, ThresherError

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
    seam: float | None


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
    settings: dict[str, Any]
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
        FORMAT,
        VERSION,
        plan.song.name,
        then.number or None,
        then.created_at,
        settings.query,
        settings.ordering,
        settings.metric,
        settings.plain(),
        dict(then.versions),
        tags(plan),
        ManifestOutput(
            then.container, then.subtype, plan.sample_rate, plan.channels, plan.frames, then.sha256 or None
        ),
        plan.fade_frames,
        then.plan_sha256,
        tuple(
            ManifestClip(
                track.clip,
                track.recording_sha256,
                track.path,
                track.run,
                track.epoch,
                track.step,
                track.start_frame,
                track.end_frame,
                track.sample_rate,
                track.channels,
                track.subtype,
                track.mono_channel,
                track.gain,
                fade_in.frames,
                fade_out.frames,
                track.crossfade,
                track.output_start,
                track.output_frames,
                track.seam,
            )
            for track, (fade_in, fade_out) in zip(plan.tracks, plan.fades, strict=True)
        ),
    )
    return json.dumps(asdict(manifest), ensure_ascii=False, indent=1) + "\n"


def unrendered(plan: Tracklist, container: str, subtype: str) -> Rendering:
    """A song of today as the rendering it would be, of number 0 and without a file."""
    settings = plan.song.settings
    return Rendering(
        0,
        0,
        time.time(),
        len(plan.tracks),
        settings.query,
        settings.ordering,
        settings.metric,
        "",
        container,
        subtype,
        plan.sample_rate,
        plan.channels,
        plan.frames,
        "",
        plan_sha256(plan, container, subtype),
        versions(),
        settings,
    )


def read_manifest(file: str | os.PathLike[str]) -> tuple[Tracklist, Rendering]:
    """What a manifest describes; ThresherError where it is none, or does not add up."""
    manifest = _checked(Path(file))
    settings = SongSettings.from_plain(manifest.settings)
    song = Song(0, manifest.song, settings, manifest.created_at)
    tracks = tuple(
        Track(
            each.clip,
            each.sha256,
            each.path,
            False,
            each.run,
            each.epoch,
            each.step,
            each.start_frame,
            each.end_frame,
            each.sample_rate,
            each.channels,
            each.mono_channel,
            each.subtype,
            each.gain,
            None,
            each.output_start,
            each.output_frames,
            each.crossfade,
            each.seam,
        )
        for each in manifest.clips
    )
    output = manifest.output
    plan = Tracklist(song, tracks, 0, output.sample_rate, output.channels, manifest.fade_frames)
    then = Rendering(
        0,
        manifest.rendering or 0,
        manifest.created_at,
        len(tracks),
        manifest.query,
        manifest.ordering,
        manifest.metric,
        "",
        output.container,
        output.subtype,
        output.sample_rate,
        output.channels,
        output.frames,
        output.sha256 or "",
        manifest.plan_sha256,
        manifest.versions,
        settings,
    )
    wrong = next(faults(plan, then), None)
    if wrong:
        raise ThresherError(f"{file} was changed or is not whole: {wrong}; write it again with --manifest")
    return plan, then


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
        content = json.loads(file.read_text(encoding="utf-8"))
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
        return TypeAdapter(Manifest).validate_python(content)
    except ValidationError as error:
        mistake = error.errors()[0]
        where = ".".join(map(str, mistake["loc"]))
        raise ThresherError(
            f"{file}, {where}: {mistake['msg'].lower()}; write it again with --manifest"
        ) from error
