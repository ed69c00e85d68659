"""Export a song: as a cue sheet, a playlist, a label track, a DAW project, a manifest, or its clips as stems."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thresher.catalog.atomic_files import Recheck, always_replace, remove, whole_file, write_text
from thresher.catalog.audio.encoding import OUTPUT_FORMATS, AudioWriter
from thresher.catalog.audio.reader import AudioReader
from thresher.catalog.audio.sndfile_decoder import read_comment
from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import keep_looks
from thresher.catalog.files.files import sha256_file
from thresher.catalog.files.paths import display_text, text_bytes
from thresher.catalog.output_guard import OutputGuard
from thresher.catalog.outputs import is_stem, note_output
from thresher.catalog.recordings.covers import read_cover
from thresher.catalog.text.values import checkpoint_text, format_duration
from thresher.curation.exports.file_names import plain_name
from thresher.curation.exports.formats.registry import FORMATS
from thresher.curation.exports.formats.text import folder_of
from thresher.curation.exports.formats.timeline import Entry, Timeline
from thresher.curation.renderings.audio_file import subtype_of, target_of
from thresher.curation.renderings.history import Rendering, frozen, renderings
from thresher.curation.renderings.manifest import manifest_text, rendering_manifest, song_manifest
from thresher.curation.renderings.mixdown import Mix
from thresher.curation.renderings.plan import is_whole
from thresher.curation.renderings.render import check_sources, source_files
from thresher.curation.songs.tracklist import Track, Tracklist, tracklist
from thresher.errors import AudioError, CatalogError, NotFoundError, UsageError
from thresher.formatting import any_of, command_on, counted, listed
from thresher.progress import Progress, no_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST_STEM_NAME = 150  # bytes, without the number and the suffix

_STEM = re.compile(r"[0-9]{3,} .*#[0-9]+\.wav", re.DOTALL)
_STEM_COMMENT = re.compile(r"[0-9]+ of .+, at [0-9:]+", re.DOTALL)
_IGNORED = re.compile(r"\..*|[0-9]{3,} .*\.[0-9-]+\.part", re.DOTALL)  # hidden and partial files


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
    kept: tuple[str, ...] = ()


def export_song(
    catalog: Catalog,
    name: str,
    file: str | os.PathLike[str],
    *,
    rendering: int | None = None,
    overwrite: bool = False,
) -> SongExport:
    """Write a song, or a `rendering` of it, to `file` in the format that the suffix stands for.

    Raises UsageError for an unknown suffix, and if the file exists with other contents, unless `overwrite`.
    """
    target = target_of(file, "")
    form = FORMATS.get(target.suffix.lower())
    if form is None:
        raise UsageError(
            f'unknown export format "{target.name}" (expected a name that ends in {any_of(sorted(FORMATS))})'
        )
    guard = OutputGuard(catalog)
    guard.check(target)
    source = _source(catalog, name, rendering)
    files, missing = source_files(catalog, source.plan)
    timeline = _timeline(catalog, source, files)
    text = form.text(timeline, folder_of(target))
    write_text(target, text, guard, always_replace if overwrite else partial(_refuse, target))
    return _export(catalog, source, target, form.suffix, missing, names_audio=form.names_audio)


def _refuse(target: Path) -> None:
    raise UsageError(f"{target} exists with other contents; give another name, or --overwrite")


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
    needs a limiter, their samples are floats. The folder is created. If it contains other files than stems that an
    interrupted export of the same song left, UsageError is raised, unless `overwrite`. That replaces stems, removes
    those of an earlier export, and leaves all other files. Raises NotFoundError if source files are missing.
    """
    target = target_of(folder, "")
    if os.path.lexists(target) and not target.is_dir():
        raise UsageError(f"{target} is not a folder; give another --stems DIR")
    source = _source(catalog, name, rendering)
    plan = source.plan
    names = _stem_names(plan)
    guard = OutputGuard(catalog)
    before = _checked_stems(target, names, guard, overwrite=overwrite)
    files, missing = source_files(catalog, plan)
    if missing:
        count, paths = counted(len(missing), "clip"), listed([track.path for track in missing])
        raise NotFoundError(
            f"the files of {count} are missing or changed ({paths}); restore them and `thresher ingest` their "
            "folder"
        )
    has_whole_numbers = source.subtype in ("PCM_16", "PCM_24")
    subtype = source.subtype if has_whole_numbers and not plan.is_limited else "FLOAT"
    try:
        target.mkdir(exist_ok=True)
    except OSError as error:
        raise CatalogError(
            f"{target} can't be created: {error.strerror or error}; give another --stems DIR"
        ) from error
    for position, blocks in enumerate(Mix(plan, files, subtype, progress).clips(subtype)):
        stem = target / names[position]
        recheck = always_replace if overwrite else partial(_refuse, stem)
        sha256 = plan.tracks[position].recording_sha256
        check = partial(check_sources, catalog, plan, {sha256: files[sha256]})
        _write_stem(catalog, stem, plan, position, blocks, subtype, guard, recheck, check)
    kept = [old.name for old in before if overwrite and not _remove_old_stem(catalog, old, names, guard)]
    return _export(catalog, source, target, "stems", [], tuple(names), kept=tuple(kept))


def _stem_names(plan: Tracklist) -> list[str]:
    """The file names of the stems of a song, in order."""
    width = max(3, len(str(len(plan.tracks))))
    return [
        f"{number:0{width}d} {plain_name(_title(track), LONGEST_STEM_NAME).decode()}.wav"
        for number, track in enumerate(plan.tracks, start=1)
    ]


def _checked_stems(folder: Path, names: Sequence[str], guard: OutputGuard, *, overwrite: bool) -> list[Path]:
    """The files in the folder that have names of stems. Raises UsageError if the stems can't be written there."""
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    others = [each for each in there if each.name not in names and not _IGNORED.fullmatch(each.name)]
    if others and not overwrite:
        raise UsageError(f"{folder} is not empty; give another --stems DIR, or --overwrite")
    for name in names:
        guard.check(folder / name)
    return [each for each in there if _STEM.fullmatch(each.name)]


def _remove_old_stem(catalog: Catalog, file: Path, names: Sequence[str], guard: OutputGuard) -> bool:
    """Remove a stem of an earlier export; False if the file is not a stem that thresher wrote, or is a clip."""
    if file.name in names:
        return True
    if not file.is_file() or file.is_symlink() or guard.refusal(file) is not None:
        return False
    sha256 = sha256_file(os.fsencode(file))
    with catalog.reading() as connection:
        is_ours = is_stem(connection, sha256)
    # older programs did not note their stems
    if not is_ours and not _STEM_COMMENT.fullmatch(read_comment(os.fsencode(file))):
        return False
    remove(file, guard)
    return True


def _write_stem(
    catalog: Catalog,
    stem: Path,
    plan: Tracklist,
    position: int,
    blocks: Iterable[NDArray[Any]],
    subtype: str,
    guard: OutputGuard,
    recheck: Recheck,
    check_source: Callable[[], object],
) -> None:
    """Write the clip at a position of the song, the blocks of which are given.

    `check_source` is called when they are read, and raises if their file has changed since it was found.
    """
    track = plan.tracks[position]
    at = format_duration(track.output_start / plan.sample_rate)
    tags = {"title": _title(track), "comment": f"{position + 1} of {plan.song.name}, at {at}"}
    with whole_file(stem, guard, recheck) as file:
        with AudioWriter(
            os.fsencode(file),
            plan.sample_rate,
            plan.channels,
            "WAV",
            subtype,
            tags,
            frames=track.output_frames,
        ) as writer:
            for block in blocks:
                writer.write(block)
        check_source()
        note_output(catalog, sha256_file(os.fsencode(file)), "stem", plan.song.id)


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
        raise NotFoundError(f'song "{name}" has no clips; `{command_on("song show", name)}` shows its query')
    last = next(iter(renderings(catalog, name)[-1:]), None)
    if last is not None and is_whole(plan, last.container, last.subtype, last.plan_sha256):
        return _Source(plan, last, last.subtype)
    return _Source(plan, None, subtype_of(plan, _DEFAULT_FORMAT))


_DEFAULT_FORMAT = OUTPUT_FORMATS[".wav"]  # of a song that was not rendered


def _audio(catalog: Catalog, source: _Source) -> bytes:
    """The path of the song's own file: where it was rendered, or the default path in the folder of the catalog."""
    default = f"{source.plan.song.name.replace('/', '_')}.wav"
    then = source.rendering
    path = None if then is None else catalog.absolute_of_text(then.path, then.root)
    path = path or catalog.absolute_of_text(default)
    assert path is not None  # the default path has no root
    return path


def _export(
    catalog: Catalog,
    source: _Source,
    target: Path,
    form: str,
    missing: list[Track],
    stems: tuple[str, ...] = (),
    *,
    names_audio: bool = False,
    kept: tuple[str, ...] = (),
) -> SongExport:
    plan, rendering, audio = source.plan, source.rendering, _audio(catalog, source)
    keep_looks(catalog)
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
        kept,
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
            path=files.get(track.recording_sha256)
            or catalog.absolute_of_text(track.path, track.root)
            or text_bytes(track.path),
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
        "",  # the query is in the manifest, not in files for others
        _audio(catalog, source),
        rate,
        plan.channels,
        plan.frames / rate,
        entries,
        _manifest_text(catalog, source),
    )


def _manifest_text(catalog: Catalog, source: _Source) -> str:
    with catalog.reading() as connection:
        cover = read_cover(connection, source.plan.song.settings.cover)
    if source.rendering is None:
        return manifest_text(song_manifest(source.plan, _DEFAULT_FORMAT.container, source.subtype, cover))
    return manifest_text(rendering_manifest(source.plan, source.rendering, cover))


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
    """The title of a clip: its checkpoint, the name of its file, its part or the name of its mark, and its id."""
    name = os.path.splitext(os.path.basename(track.path))[0]
    parts = [
        checkpoint_text(track.run, track.epoch, track.step),
        name,
        track.name or track.part,
        f"#{track.clip}",
    ]
    return " ".join(part for part in parts if part)
