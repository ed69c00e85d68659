"""Render a song: stream its clips into one file, and freeze what made it as a numbered rendering."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select

from thresher.catalog.atomic_files import write_text
from thresher.catalog.audio import sha256_file
from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import content_files, is_present
from thresher.catalog.database import insert_row
from thresher.catalog.encoding import suffix_of
from thresher.catalog.paths import display_text
from thresher.catalog.schema import rendering as rendering_table
from thresher.catalog.schema import rendering_clip
from thresher.curation.renderings.audio_file import (
    Earlier,
    SongFile,
    Written,
    audio_target,
    format_of,
    subtype_of,
    target_of,
    versions,
    write_song,
)
from thresher.curation.renderings.history import frozen, plan_sha256
from thresher.curation.renderings.manifest import manifest_song, manifest_text
from thresher.curation.renderings.mixdown import Limiting
from thresher.curation.songs.tracklist import Track, Tracklist, tracklist, without
from thresher.curation.workers import Progress, no_progress
from thresher.errors import NotFoundError, UsageError
from thresher.formatting import listed


@dataclass(frozen=True)
class RenderReport:
    """What a render made, or for a dry run would make.

    `number` is the rendering's, None where it was made from a manifest; `is_new` tells whether the plan was new,
    `same_bytes` whether an earlier rendering of the same plan had the same audio (None where there was none to
    compare with). Where it had not, `largest_difference` is that of two samples, full scale being 1, if the
    earlier file is still there as it was. `limited` tells what was turned down to keep the sum of clips under
    full scale, if anything. `loudness` is that of the whole in LUFS, where clips are brought to one. `manifest`
    is where that was written.
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
    unmet: tuple[str, ...]
    sha256: str | None
    is_new: bool
    same_bytes: bool | None
    largest_difference: float | None
    limited: Limiting | None
    loudness: float | None
    manifest: str | None
    seconds: float
    dry_run: bool


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
    progress: Progress = no_progress,
) -> RenderReport:
    """Write the song of that name to `output` (default: its name, as WAV, in the current folder).

    With the number of a `rendering` that one again, from the same content wherever it lies now, whatever the
    song is today (default: its name and number). `manifest` asks for one, beside the output or at a path. Clips
    whose files are missing stop it (NotFoundError lists them) unless `without_missing`; a file that is no
    rendering of this song is not replaced unless `overwrite`. A dry run stops where the render would.
    """
    begun = time.monotonic()
    then = None
    if rendering is None:
        plan = tracklist(catalog, name)
        target = audio_target(output, f"{name}.wav")
    else:
        plan, then = frozen(catalog, name, rendering)
        target = audio_target(output, f"{name} {rendering}{suffix_of(then.container)}")
        if without_missing:
            raise UsageError("a rendering is made again whole or not at all; leave out --without-missing")
    form = format_of(target)
    if then is not None and form.container != then.container:
        raise UsageError(
            f"rendering {then.number} is {then.container}; give -o FILE{suffix_of(then.container)}"
        )
    files, missing = source_files(catalog, plan)
    if missing and without_missing and len(missing) == len(plan.tracks):
        raise NotFoundError(_missing_sentence(name, missing, instead=""))
    if missing and without_missing:
        plan = without(catalog, plan, {track.clip for track in missing})
    elif missing:
        raise NotFoundError(_missing_sentence(name, missing))
    if not plan.tracks:
        raise NotFoundError(
            f'song "{name}" has no clips to render; `thresher song show "{name}"` tells its query'
        )
    subtype = then.subtype if then else subtype_of(plan, form)
    song_file = SongFile(target, form.container, subtype)
    digest = then.plan_sha256 if then else plan_sha256(plan, form.container, subtype)
    _check_target(catalog, plan, target, overwrite=overwrite)
    beside = _manifest_target(name, target, manifest, overwrite=overwrite)
    earlier = _earlier(catalog, plan, digest)
    number, written, same = (None if earlier is None else earlier.number), None, None
    if not dry_run:
        written = write_song(plan, files, song_file, progress, earlier)
        number, same = _record(catalog, plan, song_file, digest, written.sha256)
        if beside is not None:
            write_text(beside, manifest_text(*frozen(catalog, name, number)))
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
        manifest=beside,
    )


def source_files(catalog: Catalog, plan: Tracklist) -> tuple[dict[str, bytes], list[Track]]:
    """A file for each content of a song, by its SHA-256, and the tracks that have none."""
    files = content_files(catalog, {track.recording_sha256 for track in plan.tracks})
    return files, [track for track in plan.tracks if track.recording_sha256 not in files]


def report_of(
    name: str,
    plan: Tracklist,
    song_file: SongFile,
    written: Written | None,
    begun: float,
    *,
    number: int | None,
    missing: tuple[str, ...],
    is_new: bool,
    same_bytes: bool | None,
    manifest: Path | None,
) -> RenderReport:
    """What is told of a render of the song of that name that began at `begun`, of the monotonic clock; a dry one
    where nothing was written."""
    return RenderReport(
        name,
        number,
        display_text(os.fsencode(song_file.target)),
        song_file.container,
        song_file.subtype,
        plan.sample_rate,
        plan.channels,
        plan.frames,
        len(plan.tracks),
        plan.left_out,
        missing,
        plan.unmet,
        None if written is None else written.sha256,
        is_new,
        same_bytes,
        None if written is None else written.largest_difference,
        None if written is None else written.limiting,
        None if written is None else written.loudness,
        None if manifest is None else display_text(os.fsencode(manifest)),
        time.monotonic() - begun,
        written is None,
    )


# -- the output --------------------------------------------------------------------------------------------


def _missing_sentence(
    name: str, missing: list[Track], instead: str = ", or render what is there with --without-missing"
) -> str:
    names = listed([track.path for track in missing])
    which = "clip whose file is" if len(missing) == 1 else "clips whose files are"
    return (
        f'song "{name}" needs {len(missing)} {which} missing ({names}); put '
        f"{'it' if len(missing) == 1 else 'them'} back and `thresher ingest` the folder{instead}"
    )


def _check_target(catalog: Catalog, plan: Tracklist, target: Path, *, overwrite: bool) -> None:
    stored = catalog.stored(target)
    with catalog.reading() as connection:
        own = {
            row.path_text: row.sha256
            for row in connection.execute(
                select(rendering_table.c.path_text, rendering_table.c.sha256).where(
                    rendering_table.c.song_id == plan.song.id
                )
            )
        }
    if is_present(catalog, target):
        raise UsageError(f"{target} is a clip of the catalog and is not overwritten; give another -o FILE")
    if overwrite or not target.exists() or stored.path_text in own:
        return
    # a rendering may be written to several places, of which the first is remembered
    if sha256_file(os.fsencode(target)) not in own.values():
        raise UsageError(
            f'{target} exists and is no rendering of "{plan.song.name}"; give another -o FILE or --overwrite'
        )


def _manifest_target(
    name: str, target: Path, wanted: str | os.PathLike[str] | bool, *, overwrite: bool
) -> Path | None:
    """Where a manifest goes; UsageError where that is no file of its own, or another one is there."""
    if wanted is False:
        return None
    beside = target.with_name(f"{target.name}.manifest.json") if wanted is True else target_of(wanted, "")
    if beside.suffix.lower() != ".json":
        raise UsageError(f'"{beside.name}" does not end in .json, as a manifest does')
    if os.path.lexists(beside) and not overwrite and manifest_song(beside) != name:
        raise UsageError(
            f'{beside} exists and is no manifest of "{name}"; give another --manifest FILE or --overwrite'
        )
    return beside


# -- the rendering as history ------------------------------------------------------------------------------


def _earlier(catalog: Catalog, plan: Tracklist, digest: str) -> Earlier | None:
    with catalog.reading() as connection:
        same = _same_plan(connection, plan, digest)
    if same is None:
        return None
    return Earlier(same.number, same.sha256, catalog.absolute(os.fsencode(same.path_text)))


def _same_plan(connection: Connection, plan: Tracklist, digest: str) -> Any:
    return connection.execute(
        select(rendering_table).where(
            rendering_table.c.song_id == plan.song.id, rendering_table.c.plan_sha256 == digest
        )
    ).one_or_none()


def _record(
    catalog: Catalog,
    plan: Tracklist,
    song_file: SongFile,
    digest: str,
    sha256: str,
) -> tuple[int, bool | None]:
    """Number of the rendering, and whether an earlier one of the same plan had the same audio."""
    settings = plan.song.settings
    with catalog.writing() as connection:
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
            "query": settings.query,
            "ordering": settings.ordering,
            "metric": settings.metric,
            "path_text": catalog.stored(song_file.target).path_text,
            "container": song_file.container,
            "subtype": song_file.subtype,
            "sample_rate": plan.sample_rate,
            "channels": plan.channels,
            "frames": plan.frames,
            "sha256": sha256,
            "settings": json.dumps(settings.plain(), sort_keys=True),
            "versions": json.dumps(versions(), sort_keys=True),
        }
        rendering_id = insert_row(connection, rendering_table, values)
        connection.execute(
            insert(rendering_clip),
            [
                {
                    "rendering_id": rendering_id,
                    "position": position,
                    "clip_id": track.clip,
                    "recording_sha256": track.recording_sha256,
                    "path_text": track.path,
                    "start_frame": track.start_frame,
                    "end_frame": track.end_frame,
                    "sample_rate": track.sample_rate,
                    "mono_channel": track.mono_channel,
                    "gain": track.gain,
                    "fade_frames": min(plan.fade_frames, track.output_frames // 2),
                    "output_start": track.output_start,
                    "output_frames": track.output_frames,
                    "crossfade_frames": track.crossfade,
                    "transition": track.transition,
                }
                for position, track in enumerate(plan.tracks)
            ],
        )
    return number, None
