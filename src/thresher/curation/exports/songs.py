"""Export a song: as a cue sheet, a playlist, a label track, a DAW project, a manifest, or its clips as stems."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thresher.catalog.atomic_files import whole_file, write_text
from thresher.catalog.audio import AudioReader
from thresher.catalog.catalog import Catalog
from thresher.catalog.encoding import OUTPUT_FORMATS, AudioWriter
from thresher.catalog.files import sha256_file
from thresher.catalog.paths import display_text
from thresher.catalog.values import checkpoint_text, format_duration
from thresher.curation.exports.formats.registry import FORMATS
from thresher.curation.exports.formats.timeline import Entry, Timeline
from thresher.curation.renderings.audio_file import subtype_of, target_of
from thresher.curation.renderings.history import Rendering, frozen, renderings
from thresher.curation.renderings.manifest import manifest_text, rendering_manifest, song_manifest
from thresher.curation.renderings.mixdown import Mix
from thresher.curation.renderings.plan import is_whole
from thresher.curation.renderings.render import source_files
from thresher.curation.songs.tracklist import Track, Tracklist, tracklist
from thresher.curation.workers import Progress, no_progress
from thresher.errors import AudioError, NotFoundError, UsageError
from thresher.formatting import counted, listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST_STEM_NAME = 150  # bytes, without the number and the suffix

_UNWANTED = '/\\:*?"<>|'  # not allowed in names on some file systems
_STEM = re.compile(r"[0-9]{3,} .*#[0-9]+\.wav", re.DOTALL)


@dataclass(frozen=True)
class SongExport:
    """An export of `rendering`, or of the song as it is today if that is None.

    `path` is the file that was written, or the folder of the `stems`, which are file names in order. `missing`
    are the former paths of clips whose files are missing. `has_audio` says whether the song's own file is at
    `audio` as it was rendered; it is None for formats that do not refer to it. `is_limited` says whether the
    song needs a limiter, which no export contains.
    """

    song: str
    rendering: int | None
    path: str
    format: str
    clips: int
    stems: tuple[str, ...]
    missing: tuple[str, ...]
    audio: str
    has_audio: bool | None
    is_limited: bool
    edits_not_applied: tuple[str, ...]


def export_song(
    catalog: Catalog,
    name: str,
    file: str | os.PathLike[str],
    *,
    rendering: int | None = None,
    overwrite: bool = False,
) -> SongExport:
    """Write a song, or a `rendering` of it, to `file` in the format that the suffix stands for.

    Raises UsageError for an unknown suffix, and if the file exists, unless `overwrite`.
    """
    target = target_of(file, "")
    form = FORMATS.get(target.suffix.lower())
    if form is None:
        raise UsageError(
            f'unknown export format "{target.name}" (expected a name that ends in {", ".join(sorted(FORMATS))})'
        )
    if os.path.lexists(target) and not overwrite:
        raise UsageError(f"{target} exists; give another file, or --overwrite")
    source = _source(catalog, name, rendering)
    files, missing = source_files(catalog, source.plan)
    timeline = _timeline(catalog, source, files)
    write_text(target, form.text(timeline, os.fsencode(target.parent)))
    return _export(catalog, source, target, form.suffix, missing, names_audio=form.names_audio)


def export_stems(
    catalog: Catalog,
    name: str,
    folder: str | os.PathLike[str],
    *,
    rendering: int | None = None,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> SongExport:
    """Write the clips of a song, or of a `rendering` of it, as they sound in it: one numbered WAV file per clip.

    Stems have the sample rate, channels, gains and fades of the song, and tags. They are not limited; if the song
    needs a limiter, their samples are floats. The folder is created. Raises UsageError if it is not empty, unless
    `overwrite`, and NotFoundError if source files are missing.
    """
    target = target_of(folder, "")
    if os.path.lexists(target) and not target.is_dir():
        raise UsageError(f"{target} is not a folder; give another --stems DIR")
    if target.is_dir() and any(target.iterdir()) and not overwrite:
        raise UsageError(f"{target} is not empty; give another --stems DIR, or --overwrite")
    source = _source(catalog, name, rendering)
    plan = source.plan
    files, missing = source_files(catalog, plan)
    if missing:
        count, names = counted(len(missing), "clip"), listed([track.path for track in missing])
        raise NotFoundError(
            f"the files of {count} are missing ({names}); restore them and `thresher ingest` their folder"
        )
    has_whole_numbers = source.subtype in ("PCM_16", "PCM_24")
    subtype = source.subtype if has_whole_numbers and not plan.is_limited else "FLOAT"
    target.mkdir(exist_ok=True)
    clips = Mix(plan, files, subtype, progress).clips(subtype)
    stems = [
        _write_stem(target, plan, number, blocks, subtype) for number, blocks in enumerate(clips, start=1)
    ]
    for old in target.iterdir() if overwrite else ():
        if old.name not in stems and _STEM.fullmatch(old.name):
            old.unlink()
    return _export(catalog, source, target, "stems", [], tuple(stems))


def _write_stem(
    folder: Path, plan: Tracklist, number: int, blocks: Iterable[NDArray[Any]], subtype: str
) -> str:
    """Write one clip, the blocks of which are given; returns the name of the file."""
    track, width = plan.tracks[number - 1], max(3, len(str(len(plan.tracks))))
    title = _title(track)
    stem = folder / f"{number:0{width}d} {_file_name(title)}.wav"
    at = format_duration(track.output_start / plan.sample_rate)
    tags = {"title": title, "comment": f"{number} of {plan.song.name}, at {at}"}
    with (
        whole_file(stem) as partial,
        AudioWriter(
            os.fsencode(partial),
            plan.sample_rate,
            plan.channels,
            "WAV",
            subtype,
            tags,
            frames=track.output_frames,
        ) as writer,
    ):
        for block in blocks:
            writer.write(block)
    return stem.name


@dataclass(frozen=True)
class _Source:
    """What is exported: a plan, its rendering (None if it was never rendered), and the subtype of its file."""

    plan: Tracklist
    rendering: Rendering | None
    subtype: str


def _source(catalog: Catalog, name: str, number: int | None) -> _Source:
    """The rendering of that number, or the song as it is today: its last rendering, if nothing changed since."""
    if number is not None:
        plan, rendering = frozen(catalog, name, number)
        return _Source(plan, rendering, rendering.subtype)
    plan = tracklist(catalog, name)
    if not plan.tracks:
        raise NotFoundError(f'song "{name}" has no clips; `thresher song show "{name}"` shows its query')
    last = next(iter(renderings(catalog, name)[-1:]), None)
    if last is not None and is_whole(plan, last.container, last.subtype, last.plan_sha256):
        return _Source(plan, last, last.subtype)
    return _Source(plan, None, subtype_of(plan, _DEFAULT_FORMAT))


_DEFAULT_FORMAT = OUTPUT_FORMATS[".wav"]  # of a song that was not rendered


def _audio(catalog: Catalog, source: _Source) -> bytes:
    """The path of the song's own file: where it was rendered, or the default path in the folder of the catalog."""
    default = f"{source.plan.song.name.replace('/', '_')}.wav"
    return catalog.absolute(os.fsencode(source.rendering.path if source.rendering else default))


def _export(
    catalog: Catalog,
    source: _Source,
    target: Path,
    form: str,
    missing: list[Track],
    stems: tuple[str, ...] = (),
    *,
    names_audio: bool = False,
) -> SongExport:
    plan, rendering, audio = source.plan, source.rendering, _audio(catalog, source)
    return SongExport(
        plan.song.name,
        None if rendering is None else rendering.number,
        display_text(os.fsencode(target)),
        form,
        len(plan.tracks),
        stems,
        tuple(track.path for track in missing),
        display_text(audio),
        _holds(audio, "" if rendering is None else rendering.sha256) if names_audio else None,
        plan.is_limited,
        plan.edits_not_applied,
    )


def _holds(file: bytes, sha256: str) -> bool:
    try:
        return sha256_file(file) == sha256
    except (OSError, AudioError):
        return False


def _timeline(catalog: Catalog, source: _Source, files: Mapping[str, bytes]) -> Timeline:
    plan, rate = source.plan, source.plan.sample_rate
    entries = tuple(
        Entry(
            clip=track.clip,
            title=_title(track),
            path=files.get(track.recording_sha256) or catalog.absolute(os.fsencode(track.path)),
            container=_container(files.get(track.recording_sha256)),
            channels=track.channels,
            run=track.run,
            epoch=track.epoch,
            step=track.step,
            start=track.output_start / rate,
            seconds=track.output_frames / rate,
            offset=track.start_frame / track.sample_rate,
            gain=track.gain,
            crossfade=track.crossfade / rate,
            fade_in=0.0 if fade_in.is_crossfade else fade_in.frames / rate,
            fade_out=0.0 if fade_out.is_crossfade else fade_out.frames / rate,
            transition=track.transition,
        )
        for track, (fade_in, fade_out) in zip(plan.tracks, plan.fades, strict=True)
    )
    return Timeline(
        plan.song.name,
        plan.song.settings.query,
        _audio(catalog, source),
        rate,
        plan.channels,
        plan.frames / rate,
        entries,
        _manifest_text(source),
    )


def _manifest_text(source: _Source) -> str:
    if source.rendering is None:
        return manifest_text(song_manifest(source.plan, _DEFAULT_FORMAT.container, source.subtype))
    return manifest_text(rendering_manifest(source.plan, source.rendering))


def _container(file: bytes | None) -> str:
    """libsndfile's name of a file's container; "WAV" if the file can't be read."""
    try:
        if file is not None:
            with AudioReader(file) as reader:
                return reader.format.container
    except (OSError, AudioError):
        pass
    return "WAV"


def _title(track: Track) -> str:
    """The title of a clip: its checkpoint, the name of its file and its id."""
    name = os.path.splitext(os.path.basename(track.path))[0]
    parts = [checkpoint_text(track.run, track.epoch, track.step), name, f"#{track.clip}"]
    return " ".join(part for part in parts if part)


def _file_name(title: str) -> str:
    """A title as a valid file name."""
    plain = "".join("_" if char in _UNWANTED or not char.isprintable() else char for char in title)
    return plain.encode("utf-8", "replace")[:LONGEST_STEM_NAME].decode("utf-8", "ignore").strip()
