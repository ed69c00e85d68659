"""The manifest of a rendering: a JSON file from which its audio can be reproduced without a catalog.

Contents are identified by SHA-256, so their files can have any name. docs/manifest.md describes the format. A
program reads the versions that it knows and refuses others.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from thresher.catalog.audio.decoder_names import LIBSNDFILE
from thresher.catalog.audio.encoding import is_written
from thresher.curation.renderings.audio_file import versions
from thresher.curation.renderings.history import Rendering
from thresher.curation.renderings.plan import faults, plan_sha256, tags
from thresher.curation.songs.settings import SongSettings, check_settings
from thresher.curation.songs.songs import Song
from thresher.curation.songs.tracklist import Track, Tracklist
from thresher.errors import NotFoundError, ThresherError, UsageError
from thresher.signal.ordering.orderings import parse_ordering

FORMAT = "thresher manifest"
VERSION = 1


@dataclass(frozen=True)
class ManifestClip:
    """One clip of a manifest: the frames `[start_frame, end_frame)` of the content `sha256` at its
    `sample_rate`, and their position and fades in the song, in frames of the output. The fields are the keys in
    the file."""

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
    decoder: str
    decoder_version: str | None
    audio_key: str | None
    kind: str
    name: str | None
    part: str | None


@dataclass(frozen=True)
class ManifestOutput:
    """The audio file that a manifest describes. `sha256` is None if it was never written."""

    container: str
    subtype: str
    sample_rate: int
    channels: int
    frames: int
    sha256: str | None


@dataclass(frozen=True)
class Manifest:
    """The contents of the JSON file, key by key. `created_at` is in seconds since 1970, UTC; `fade_frames` is
    in frames of the output; `rendering` is None for a song that was not rendered.
    `cover` is an image in Base64."""

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
    cover: str | None = None

    @property
    def image(self) -> bytes | None:
        """The cover image, None if the song has none."""
        return None if self.cover is None else base64.b64decode(self.cover)


def rendering_manifest(plan: Tracklist, rendering: Rendering, cover: bytes | None = None) -> Manifest:
    """The manifest of a rendering. `plan` is the rendering's own, see `history.frozen`; `cover` is its image."""
    return _manifest(
        plan,
        ManifestOutput(
            rendering.container,
            rendering.subtype,
            plan.sample_rate,
            plan.channels,
            plan.frames,
            rendering.sha256,
        ),
        number=rendering.number,
        created_at=rendering.created_at,
        digest=rendering.plan_sha256,
        made_with=rendering.versions,
        cover=cover,
    )


def song_manifest(plan: Tracklist, container: str, subtype: str, cover: bytes | None = None) -> Manifest:
    """The manifest of a song that was not rendered, for a file of that container and subtype."""
    return _manifest(
        plan,
        ManifestOutput(container, subtype, plan.sample_rate, plan.channels, plan.frames, sha256=None),
        number=None,
        created_at=time.time(),
        digest=plan_sha256(plan, container, subtype),
        made_with=versions(),
        cover=cover,
    )


def _manifest(
    plan: Tracklist,
    output: ManifestOutput,
    *,
    number: int | None,
    created_at: float,
    digest: str,
    made_with: Mapping[str, str],
    cover: bytes | None,
) -> Manifest:
    settings = plan.song.settings
    return Manifest(
        format=FORMAT,
        version=VERSION,
        song=plan.song.name,
        rendering=number,
        created_at=created_at,
        query=plan.song.tag_query,
        ordering=str(settings.ordering),
        metric=settings.metric,
        settings=settings,
        versions=dict(made_with),
        tags=tags(plan),
        output=output,
        fade_frames=plan.fade_frames,
        plan_sha256=digest,
        clips=_clips(plan),
        cover=None if cover is None else base64.b64encode(cover).decode("ascii"),
    )


def manifest_text(manifest: Manifest) -> str:
    """A manifest as JSON."""
    content = asdict(manifest)
    content["settings"]["ordering"] = str(manifest.settings.ordering)
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


_SHARED = {
    each.name: "recording_sha256" if each.name == "sha256" else each.name
    for each in fields(ManifestClip)
    if each.name not in ("fade_in", "fade_out")
}
"""The fields of a clip in a manifest that come from a track, and their names there."""


def _clips(plan: Tracklist) -> tuple[ManifestClip, ...]:
    return tuple(
        ManifestClip(
            **{name: getattr(track, of_track) for name, of_track in _SHARED.items()},
            fade_in=fade_in.frames,
            fade_out=fade_out.frames,
        )
        for track, (fade_in, fade_out) in zip(plan.tracks, plan.fades, strict=True)
    )


def read_manifest(file: str | os.PathLike[str]) -> tuple[Tracklist, Manifest]:
    """Read a manifest, and lay out the song that it describes.

    Raises NotFoundError if the file does not exist, and ThresherError if it is not a manifest, has an unknown
    version, or is not consistent.
    """
    manifest = _validated(Path(file))
    plan = plan_of(manifest)
    fault = next(_faults(manifest, plan), None)
    if fault:
        raise ThresherError(f"{file} was changed or is damaged: {fault}; write it again with {_WRITER}")
    return plan, manifest


MOST_GAIN = 1e6
"""The largest gain of a clip, 120 dB: the quietest loudness that a clip can have, raised to the loudest song."""


def _shown(text: str) -> str:
    return f'"{text[:40]}"'


def plan_of(manifest: Manifest) -> Tracklist:
    """The song that a manifest describes, laid out; it is not checked."""
    output = manifest.output
    tracks = tuple(
        Track(missing=False, **{of_track: getattr(clip, name) for name, of_track in _SHARED.items()})
        for clip in manifest.clips
    )
    song = Song(0, manifest.song, manifest.settings, manifest.created_at)
    return Tracklist(song, tracks, 0, output.sample_rate, output.channels, manifest.fade_frames)


_WRITER = "`thresher song render NAME --manifest`"


def _faults(manifest: Manifest, plan: Tracklist) -> Iterator[str]:
    """The inconsistencies of a manifest, as sentences. The first checks protect the later ones."""
    output = manifest.output
    rates = [output.sample_rate, *(each.sample_rate for each in manifest.clips)]
    if min(rates) < 1 or output.channels not in (1, 2) or (manifest.rendering or 0) < 0:
        yield "a sample rate, the number of channels or the number of the rendering is out of range"
        return
    if not is_written(output.container, output.subtype):
        yield f"{_shown(output.container)} with {_shown(output.subtype)} is not a format that thresher writes"
        return
    if "\0" in manifest.song:
        yield "the name of its song holds a character that no file name can hold"
        return
    if not all(0 <= each.gain <= MOST_GAIN for each in manifest.clips):
        yield "the gain of a clip is out of range"
        return
    if not _has_its_cover(manifest):
        yield "its cover is not the image that its settings name"
        return
    try:
        check_settings(manifest.settings)
    except UsageError as error:
        yield f"its settings are invalid: {error}"
    yield from faults(
        plan, output.container, output.subtype, frames=output.frames, expected_sha256=manifest.plan_sha256
    )
    if _clips(plan) != manifest.clips:
        yield "its fades do not match the positions of its clips"


def _has_its_cover(manifest: Manifest) -> bool:
    try:
        image = manifest.image
    except ValueError:
        return False
    digest = None if image is None else hashlib.sha256(image).hexdigest()
    return digest == manifest.settings.cover


def manifest_song(file: Path) -> str | None:
    """The name of the song in a manifest, which need not be valid; None if the file is not a manifest."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    is_manifest = isinstance(content, dict) and content.get("format") == FORMAT
    return str(content.get("song")) if is_manifest else None


def _validated(file: Path) -> Manifest:
    from pydantic import TypeAdapter, ValidationError

    try:
        content = json.loads(file.read_text(encoding="utf-8"), parse_constant=_refused)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no manifest {file}; {_WRITER} writes one") from error
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ThresherError(f"{file} can't be read as JSON: {why}; {_WRITER} writes a manifest") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ThresherError(f"{file} is not the manifest of a song; {_WRITER} writes one")
    if content.get("version") != VERSION:
        raise ThresherError(
            f"{file} is a manifest of version {content.get('version')}, but this program reads version {VERSION}; "
            "a newer thresher may read it"
        )
    try:
        text = json.dumps(_modern(content))
        return TypeAdapter(Manifest).validate_json(text, strict=True)
    except UsageError as error:
        raise ThresherError(f"{file}, settings.ordering: {error}; write it again with {_WRITER}") from error
    except ValidationError as error:
        mistake = error.errors()[0]
        where = ".".join(map(str, mistake["loc"]))
        raise ThresherError(
            f"{file}{where and ', '}{where}: {mistake['msg'].lower()}; write it again with {_WRITER}"
        ) from error


def _refused(constant: str) -> NoReturn:
    """Refuse NaN and Infinity, which JSON does not have."""
    raise ValueError(f"{constant} is not a number")


_ADDED: Mapping[str, Any] = MappingProxyType(
    {
        "decoder": LIBSNDFILE,
        "decoder_version": None,
        "audio_key": None,
        "kind": "whole",
        "name": None,
        "part": None,
    }
)
"""The keys of a clip that early manifests do not have, and what they mean there."""


def _modern(content: dict[str, Any]) -> dict[str, Any]:
    """The contents of a manifest with the keys and values of today's dataclasses, not validated yet.

    The key `transition` was called `seam` once. Manifests without decoders are from programs that had only one. An
    ordering is text in the file.
    """
    content = dict(content)
    if isinstance(settings := content.get("settings"), dict):
        text = settings.get("ordering")
        ordering = asdict(parse_ordering(text)) if isinstance(text, str) else None
        content["settings"] = {**settings, "ordering": ordering}
    if isinstance(clips := content.get("clips"), list):
        content["clips"] = [
            {**_ADDED, **({"transition": each["seam"]} if "seam" in each else {}), **each}
            if isinstance(each, dict)
            else each
            for each in clips
        ]
    return content
