"""Hand a song on: as a cue sheet, a playlist, labels, a project of a DAW, a manifest, or its clips as numbered
stems."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from thresher.catalog.atomic_files import whole_file, write_text
from thresher.catalog.audio import AudioReader, sha256_file
from thresher.catalog.catalog import Catalog
from thresher.catalog.encoding import AudioWriter
from thresher.catalog.paths import display_text
from thresher.catalog.values import checkpoint_text, format_duration
from thresher.curation.exports.formats.registry import FORMATS
from thresher.curation.exports.formats.timeline import Entry, Sheet
from thresher.curation.renderings.audio_file import format_of, subtype_of, target_of
from thresher.curation.renderings.history import Rendering, frozen, is_whole, renderings
from thresher.curation.renderings.manifest import manifest_text, unrendered
from thresher.curation.renderings.mixdown import Mix
from thresher.curation.renderings.render import source_files
from thresher.curation.songs.tracklist import Track, Tracklist, tracklist
from thresher.curation.workers import Progress, no_progress
from thresher.errors import AudioError, NotFoundError, UsageError
from thresher.formatting import listed

LONGEST_STEM_NAME = 150  # bytes, beside the number and the suffix

_UNWANTED = '/\\:*?"<>|'  # what some file system can't hold in a name
_STEM = re.compile(r"[0-9]{3,} .*#[0-9]+\.wav", re.DOTALL)


@dataclass(frozen=True)
class SongExport:
    """What was handed on: of `rendering`, or of the song today where that is None.

    `path` is the file written, or the folder of `stems`, whose names are in order; `missing` clips' files are
    named in it by where they were. `has_audio` tells whether the song's own file is at `audio` as it was rendered,
    None for formats that do not name it; `is_limited` whether a limiter, which no format hands on, keeps the song
    under full scale.
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
    unmet: tuple[str, ...]


def export_song(
    catalog: Catalog,
    name: str,
    file: str | os.PathLike[str],
    *,
    rendering: int | None = None,
    overwrite: bool = False,
) -> SongExport:
    """Write the song of that name, or a `rendering` of it, to `file` in the format that its suffix names.

    Raises UsageError for a suffix that names none, and for a file that is there, unless `overwrite`.
    """
    target = target_of(file, "")
    form = FORMATS.get(target.suffix.lower())
    if form is None:
        raise UsageError(
            f'"{target.name}" ends in no format that songs are exported to; use {", ".join(sorted(FORMATS))}'
        )
    if os.path.lexists(target) and not overwrite:
        raise UsageError(f"{target} exists; give another file, or --overwrite")
    plan, then = _chosen(catalog, name, rendering, target.parent)
    files, missing = source_files(catalog, plan)
    sheet = _sheet(catalog, plan, then, files)
    write_text(target, form.text(sheet, os.fsencode(target.parent)))
    return _export(catalog, plan, then, target, form.suffix, missing, looks_for_audio=form.names_audio)


def export_stems(
    catalog: Catalog,
    name: str,
    folder: str | os.PathLike[str],
    *,
    rendering: int | None = None,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> SongExport:
    """Write the clips of a song, or of a `rendering` of it, as they sound in it: one numbered WAV each, with tags.

    They have its rate, channels, gains and fades; where the song needs a limiter, which stems have not, they are
    floats. The folder is made; UsageError where it holds something, unless `overwrite`, and NotFoundError where
    files are missing.
    """
    target = target_of(folder, "")
    if os.path.lexists(target) and not target.is_dir():
        raise UsageError(f"{target} is no folder; give another --stems DIR")
    if target.is_dir() and any(target.iterdir()) and not overwrite:
        raise UsageError(f"{target} is not empty; give another --stems DIR, or --overwrite")
    plan, then = _chosen(catalog, name, rendering, target.parent)
    files, missing = source_files(catalog, plan)
    if missing:
        names = listed([track.path for track in missing])
        raise NotFoundError(
            f"{len(missing)} clips' files are missing ({names}); put them back and `thresher ingest` their folder"
        )
    subtype = then.subtype if then.subtype in ("PCM_16", "PCM_24") and not plan.is_limited else "FLOAT"
    target.mkdir(exist_ok=True)
    width = max(3, len(str(len(plan.tracks))))
    stems = []
    mix = Mix(plan, files, subtype, progress)
    for number, (track, blocks) in enumerate(zip(plan.tracks, mix.clips(subtype), strict=True), start=1):
        title = _title(track)
        stem = target / f"{number:0{width}d} {_file_name(title)}.wav"
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
        stems.append(stem.name)
    for old in target.iterdir() if overwrite else ():
        if old.name not in stems and _STEM.fullmatch(old.name):
            old.unlink()
    return _export(catalog, plan, then, target, "stems", [], tuple(stems))


def _chosen(catalog: Catalog, name: str, number: int | None, folder: Path) -> tuple[Tracklist, Rendering]:
    """What to hand on: a rendering, or the song of today – as the last rendering of it, if that is what it is."""
    if number is not None:
        return frozen(catalog, name, number)
    plan = tracklist(catalog, name)
    if not plan.tracks:
        raise NotFoundError(f'song "{name}" has no clips; `thresher song show "{name}"` tells its query')
    last = renderings(catalog, name)[-1:]
    if last and is_whole(plan, last[0]):
        return plan, last[0]
    target = folder / f"{name.replace('/', '_')}.wav"
    form = format_of(target)
    return plan, unrendered(plan, form.container, subtype_of(plan, form))


def _audio(catalog: Catalog, plan: Tracklist, then: Rendering) -> bytes:
    """The song's own file: where it was rendered, or else would be by default, beside the catalog."""
    path = then.path or f"{plan.song.name.replace('/', '_')}.wav"
    return catalog.absolute(os.fsencode(path))


def _export(
    catalog: Catalog,
    plan: Tracklist,
    then: Rendering,
    target: Path,
    form: str,
    missing: list[Track],
    stems: tuple[str, ...] = (),
    *,
    looks_for_audio: bool = False,
) -> SongExport:
    audio = _audio(catalog, plan, then)
    return SongExport(
        plan.song.name,
        then.number or None,
        display_text(os.fsencode(target)),
        form,
        len(plan.tracks),
        stems,
        tuple(track.path for track in missing),
        display_text(audio),
        _holds(audio, then.sha256) if looks_for_audio else None,
        plan.is_limited,
        plan.unmet,
    )


def _holds(file: bytes, sha256: str) -> bool:
    try:
        return sha256_file(file) == sha256
    except (OSError, AudioError):
        return False


def _sheet(catalog: Catalog, plan: Tracklist, then: Rendering, files: Mapping[str, bytes]) -> Sheet:
    rate = plan.sample_rate
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
    return Sheet(
        plan.song.name,
        plan.song.settings.query,
        _audio(catalog, plan, then),
        rate,
        plan.channels,
        plan.frames / rate,
        entries,
        manifest_text(plan, then),
    )


def _container(file: bytes | None) -> str:
    """libsndfile's name of a file's container; that of most where it can't be read."""
    try:
        if file is not None:
            with AudioReader(file) as reader:
                return reader.format.container
    except (OSError, AudioError):
        pass
    return "WAV"


def _title(track: Track) -> str:
    """What people read of a clip: its checkpoint, its file's name, its id."""
    name = os.path.splitext(os.path.basename(track.path))[0]
    parts = [checkpoint_text(track.run, track.epoch, track.step), name, f"#{track.clip}"]
    return " ".join(part for part in parts if part)


def _file_name(title: str) -> str:
    """A title as a file may be called."""
    plain = "".join("_" if char in _UNWANTED or not char.isprintable() else char for char in title)
    return plain.encode("utf-8", "replace")[:LONGEST_STEM_NAME].decode("utf-8", "ignore").strip()
