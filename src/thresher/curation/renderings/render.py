"""Render a song: write its clips into one audio file, and store the plan as a numbered rendering."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, func, insert, select

from thresher.catalog.atomic_files import write_text
from thresher.catalog.audio.encoding import COVER_CONTAINERS, LOSSY_SUBTYPES, OutputFormat, suffix_of
from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import all_elsewhere, changed_since, content_files, keep_looks
from thresher.catalog.database.database import insert_row
from thresher.catalog.database.schema import rendering as rendering_table
from thresher.catalog.database.schema import rendering_clip
from thresher.catalog.files.files import sha256_file
from thresher.catalog.files.paths import display_text
from thresher.catalog.output_guard import OutputGuard
from thresher.catalog.outputs import note_output, rendered_contents
from thresher.catalog.recordings.covers import read_cover
from thresher.curation.renderings.audio_file import (
    Earlier,
    SongFile,
    WrittenFile,
    audio_target,
    format_of,
    may_be_unfinished,
    subtype_of,
    target_of,
    versions,
    write_song,
)
from thresher.curation.renderings.decoders import decoder_changes
from thresher.curation.renderings.history import Rendering, frozen
from thresher.curation.renderings.manifest import manifest_song, manifest_text, rendering_manifest
from thresher.curation.renderings.mixdown import Limiting
from thresher.curation.renderings.plan import plan_sha256, track_columns
from thresher.curation.songs.settings import FILE_RULE, check_settings
from thresher.curation.songs.tracklist import Track, Tracklist, tracklist, without
from thresher.errors import NotFoundError, UsageError
from thresher.formatting import command_on, counted, listed
from thresher.progress import Progress, no_progress


@dataclass(frozen=True)
class RenderReport:
    """What a render wrote, or what a dry run would write.

    `number` is that of the rendering, None for a song without one. `is_new` says whether the plan is new.
    `same_bytes` says whether the file equals that of the earlier rendering of the same plan, None if there is
    none. If it differs, `largest_difference` is the largest difference of a sample, full scale being 1, or None
    if the earlier file no longer exists unchanged. `limited` says what the limiter turned down, if anything.
    `loudness` is that of the whole song in LUFS, if its clips are brought to a loudness. `manifest` is the path
    of the manifest, if one was written. `decoder_changes` are sentences that say why a rendering that is made again
    may have other bytes. `cover_left_out` says that the song has a cover and that the format can't hold one.
    """

    song: str
    number: int | None
    path: str
    container: str
    subtype: str
    sample_rate: int
    channels: int
    frames: int
    clips: int
    left_out: int
    missing: tuple[str, ...]
    edits_not_applied: tuple[str, ...]
    sha256: str | None
    is_new: bool
    same_bytes: bool | None
    largest_difference: float | None
    limited: Limiting | None
    loudness: float | None
    manifest: str | None
    decoder_changes: tuple[str, ...]
    seconds: float
    dry_run: bool
    cover_left_out: bool


def render(
    catalog: Catalog,
    name: str,
    output: str | os.PathLike[str] | None = None,
    *,
    rendering: int | None = None,
    manifest: str | os.PathLike[str] | bool = False,
    dry_run: bool = False,
    without_missing: bool = False,
    overwrite: bool = False,
    quality: float | None = None,
    progress: Progress = no_progress,
) -> RenderReport:
    """Write a song to `output`, by default to NAME.wav in the current folder, and store it as a rendering.

    With the number of a `rendering`, write that rendering again (by default to "NAME NUMBER" and its suffix),
    from the same contents wherever they are now, even if the song has changed. `manifest` writes a manifest too:
    True next to the output, or to a path. `quality` (0 to 10) replaces the song's for this rendering, which
    must be of a lossy format. Opus files have the next higher sample rate that Opus knows.

    Raises NotFoundError, which lists them, if source files are missing, unless `without_missing` leaves their
    clips out. Raises UsageError if `output` exists and is not a rendering of this song, unless `overwrite`; a
    clip of the catalog is never overwritten. A dry run raises the same errors and writes nothing.
    """
    begun = time.monotonic()
    plan, then, target = _plan(catalog, name, rendering, output, quality)
    form = format_of(target)
    if then is not None:
        _check_same_format(then, form)
        if without_missing:
            raise UsageError("a rendering is always made again completely; leave out --without-missing")
    plan, files, missing = _sources(catalog, name, plan, without_missing=without_missing)
    if not plan.tracks:
        raise NotFoundError(
            f'song "{name}" has no clips to render; `{command_on("song show", name)}` shows its query'
        )
    song_file = SongFile(target, form.container, then.subtype if then else subtype_of(plan, form))
    digest = then.plan_sha256 if then else plan_sha256(plan, song_file.container, song_file.subtype)
    with catalog.reading() as connection:
        cover = read_cover(connection, plan.song.settings.cover)
    check_target = partial(_check_target, catalog, plan, target, overwrite=overwrite)
    manifest_target = partial(_manifest_target, name, target, manifest, overwrite=overwrite)
    guard = OutputGuard(catalog)
    guard.check(target)
    if not may_be_unfinished(plan, song_file):
        check_target()
    manifest_file = manifest_target()
    if manifest_file is not None:
        guard.check(manifest_file)
    earlier = _earlier(catalog, plan, digest)
    number, written, same = (None if earlier is None else earlier.number), None, None
    if not dry_run:
        written = write_song(
            plan,
            files,
            song_file,
            progress,
            guard,
            check_target,
            cover=cover,
            earlier=earlier,
            note=partial(note_output, catalog, kind="rendering", song_id=plan.song.id),
            check_sources=partial(check_sources, catalog, plan, files),
        )
        number, same = _store(catalog, plan, song_file, digest, written.sha256)
        if manifest_file is not None:
            text = manifest_text(rendering_manifest(*frozen(catalog, name, number), cover))
            write_text(manifest_file, text, guard, manifest_target)
        keep_looks(catalog)
    return report_of(
        name,
        plan,
        song_file,
        written,
        begun,
        number=number,
        missing=tuple(track.path for track in missing),
        is_new=number is None if dry_run else same is None,
        same_bytes=same,
        manifest=manifest_file,
        made_with={} if then is None else then.versions,
    )


def _plan(
    catalog: Catalog,
    name: str,
    number: int | None,
    output: str | os.PathLike[str] | None,
    quality: float | None,
) -> tuple[Tracklist, Rendering | None, Path]:
    """What to render and where to: the song as it is today, or the rendering of that number."""
    if number is None:
        target = audio_target(output, f"{name}.wav")
        form = format_of(target)
        if quality is not None and LOSSY_SUBTYPES.isdisjoint(form.subtypes):
            raise UsageError(
                f"{target.name} is a {form.container} file, which has no quality; leave out --quality, or give "
                "-o a name that ends in .mp3, .ogg or .opus"
            )
        plan = tracklist(catalog, name, rate_for=form.rate_for)
        if quality is not None:
            settings = replace(plan.song.settings, quality=quality, file_rule=FILE_RULE)
            check_settings(settings)
            plan = replace(plan, song=replace(plan.song, settings=settings))
        return plan, None, target
    if quality is not None:
        raise UsageError("a rendering is made again with its own quality; leave out --quality")
    plan, then = frozen(catalog, name, number)
    return plan, then, audio_target(output, f"{name} {number}{suffix_of(then.container, then.subtype)}")


def _check_same_format(then: Rendering, form: OutputFormat) -> None:
    """Raise UsageError if a file of this format can't hold the same bytes as that of a rendering."""
    if form.container != then.container or then.subtype not in form.subtypes:
        raise UsageError(
            f"rendering {then.number} is {then.container} {then.subtype}; "
            f"give -o FILE{suffix_of(then.container, then.subtype)}"
        )


def _sources(
    catalog: Catalog, name: str, plan: Tracklist, *, without_missing: bool
) -> tuple[Tracklist, dict[str, bytes], list[Track]]:
    """The plan, its source files, and the tracks that are left out because their files are missing."""
    files, missing = source_files(catalog, plan)
    if missing and not without_missing:
        raise NotFoundError(
            _missing_sentence(catalog, name, missing, "or leave them out with --without-missing")
        )
    if missing and len(missing) == len(plan.tracks):
        raise NotFoundError(_missing_sentence(catalog, name, missing))
    if missing:
        plan = without(catalog, plan, {track.clip for track in missing})
    return plan, files, missing


def source_files(catalog: Catalog, plan: Tracklist) -> tuple[dict[str, bytes], list[Track]]:
    """The source files of a plan by the SHA-256 of their contents, and the tracks whose files are missing."""
    files = content_files(catalog, {track.recording_sha256 for track in plan.tracks})
    return files, [track for track in plan.tracks if track.recording_sha256 not in files]


def check_sources(catalog: Catalog, plan: Tracklist, files: Mapping[str, bytes]) -> None:
    """Raise NotFoundError if a source file of a plan has changed since `source_files` found it."""
    changed = set(changed_since(catalog, files))
    if changed:
        paths = list(dict.fromkeys(track.path for track in plan.tracks if track.recording_sha256 in changed))
        raise NotFoundError(
            f"{counted(len(paths), 'file')} changed while the song was made ({listed(paths)}); `thresher ingest` "
            "the folder, and run the command again"
        )


def report_of(
    name: str,
    plan: Tracklist,
    song_file: SongFile,
    written: WrittenFile | None,
    begun: float,
    *,
    number: int | None,
    missing: tuple[str, ...],
    is_new: bool,
    same_bytes: bool | None,
    manifest: Path | None,
    made_with: Mapping[str, str] = MappingProxyType({}),
) -> RenderReport:
    """The report of a render that began at `begun` on the monotonic clock. Nothing written means a dry run.

    `made_with` are the versions of the libraries of an earlier rendering.
    """
    return RenderReport(
        song=name,
        number=number,
        path=display_text(os.fsencode(song_file.target)),
        container=song_file.container,
        subtype=song_file.subtype,
        sample_rate=plan.sample_rate,
        channels=plan.channels,
        frames=plan.frames,
        clips=len(plan.tracks),
        left_out=plan.left_out,
        missing=missing,
        edits_not_applied=plan.edits_not_applied,
        sha256=None if written is None else written.sha256,
        is_new=is_new,
        same_bytes=same_bytes,
        largest_difference=None if written is None else written.largest_difference,
        limited=None if written is None else written.limiting,
        loudness=None if written is None else written.loudness,
        manifest=None if manifest is None else display_text(os.fsencode(manifest)),
        decoder_changes=decoder_changes(plan.tracks, made_with),
        seconds=time.monotonic() - begun,
        dry_run=written is None,
        cover_left_out=plan.song.settings.cover is not None and song_file.container not in COVER_CONTAINERS,
    )


# -- the output --------------------------------------------------------------------------------------------


def _missing_sentence(catalog: Catalog, name: str, missing: list[Track], alternative: str = "") -> str:
    names = listed([track.path for track in missing])
    verb = "is" if len(missing) == 1 else "are"
    files = counted(len(missing), "clip") + (" whose file" if len(missing) == 1 else " whose files")
    known = all_elsewhere(catalog, [track.recording_sha256 for track in missing])
    for track in missing:
        absent = known.get(track.recording_sha256)
        if absent is not None:
            otherwise = f"; render it where they are{f', {alternative}' if alternative else ''}"
            return f'song "{name}" needs {files} {verb} not here: clip {track.clip} is {absent}{otherwise}'
    return (
        f'song "{name}" needs {files} {verb} missing or changed ({names}); restore and `thresher ingest` '
        f"{'it' if len(missing) == 1 else 'them'}{f', {alternative}' if alternative else ''}"
    )


def _check_target(catalog: Catalog, plan: Tracklist, target: Path, *, overwrite: bool) -> None:
    """Raise UsageError if the target is a file that is not a rendering of this song, unless `overwrite`."""
    if overwrite or not target.exists():
        return
    of_song = rendering_table.c.song_id == plan.song.id
    with catalog.reading() as connection:
        own_paths = set(connection.scalars(select(rendering_table.c.path_text).where(of_song)))
        own_contents = rendered_contents(connection, plan.song.id)
    stored = catalog.stored(target)
    # below no root, the file may be another one than that of the machine that rendered the song
    if stored.path_text in own_paths and (stored.root or not catalog.is_shared):
        return
    # a rendering may have been written to several paths, of which only the first is stored
    if sha256_file(os.fsencode(target)) not in own_contents:
        raise UsageError(
            f'{target} exists and is not a rendering of "{plan.song.name}"; give another -o FILE, or --overwrite'
        )


def _manifest_target(
    name: str, target: Path, wanted: str | os.PathLike[str] | bool, *, overwrite: bool
) -> Path | None:
    """The path of the manifest. Raises UsageError if another file is there or its name does not end in .json."""
    if wanted is False:
        return None
    file = target.with_name(f"{target.name}.manifest.json") if wanted is True else target_of(wanted, "")
    if file.suffix.lower() != ".json":
        raise UsageError(f'"{file.name}" does not end in .json; give a manifest a name that does')
    if os.path.lexists(file) and not overwrite and manifest_song(file) != name:
        raise UsageError(
            f'{file} exists and is not a manifest of "{name}"; give another --manifest-file FILE, or --overwrite'
        )
    return file


# -- the rendering as history ------------------------------------------------------------------------------


def _earlier(catalog: Catalog, plan: Tracklist, digest: str) -> Earlier | None:
    with catalog.reading() as connection:
        same = _same_plan(connection, plan, digest)
    if same is None:
        return None
    return Earlier(same.number, same.sha256, catalog.absolute_of_text(same.path_text, same.root))


def _same_plan(connection: Connection, plan: Tracklist, digest: str) -> Any:
    return connection.execute(
        select(rendering_table).where(
            rendering_table.c.song_id == plan.song.id, rendering_table.c.plan_sha256 == digest
        )
    ).one_or_none()


def _store(
    catalog: Catalog, plan: Tracklist, song_file: SongFile, digest: str, sha256: str
) -> tuple[int, bool | None]:
    """Store a rendering, unless the same plan was rendered before.

    Returns its number, and whether the file equals that of the earlier rendering (None if there is none).
    """
    settings = plan.song.settings.plain()
    stored = catalog.stored(song_file.target)
    rewritten = None
    if plan.song.former_query is not None:
        rewritten = json.dumps({name: settings[name] for name in ("query", "ordering")}, ensure_ascii=False)
        settings["query"] = plan.song.former_query

    def store(connection: Connection) -> tuple[int, bool | None]:
        same = _same_plan(connection, plan, digest)
        if same is not None:
            return int(same.number), bool(same.sha256 == sha256)
        last = connection.scalar(
            select(func.max(rendering_table.c.number)).where(rendering_table.c.song_id == plan.song.id)
        )
        number = int(last or 0) + 1
        values = {
            "song_id": plan.song.id,
            "number": number,
            "created_at": time.time(),
            "plan_sha256": digest,
            **{name: settings[name] for name in ("query", "ordering", "metric")},
            "path_text": stored.path_text,
            "root": stored.root,
            "container": song_file.container,
            "subtype": song_file.subtype,
            "sample_rate": plan.sample_rate,
            "channels": plan.channels,
            "frames": plan.frames,
            "sha256": sha256,
            "settings": json.dumps(settings, sort_keys=True),
            "rewritten": rewritten,
            "versions": json.dumps(versions(), sort_keys=True),
        }
        rendering_id = insert_row(connection, rendering_table, values)
        clips = [
            {
                "rendering_id": rendering_id,
                "position": position,
                "fade_frames": min(plan.fade_frames, track.output_frames // 2),
                **track_columns(track),
            }
            for position, track in enumerate(plan.tracks)
        ]
        connection.execute(insert(rendering_clip), clips)
        return number, None

    return catalog.write(store)
