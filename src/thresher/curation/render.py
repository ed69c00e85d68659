"""Render a song: stream its clips into one file, and freeze what made it as a numbered rendering.

Clips are decoded, cut, resampled, down-mixed and faded a few ahead of the writer; memory depends on the
longest clip, not on the song. The file is written beside its place and renamed there once it is on the disk.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, insert, select

from thresher.catalog.audio import AudioReader, library_version, sha256_file
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import insert_row
from thresher.catalog.encoding import OUTPUT_FORMATS, AudioWriter, OutputFormat, encoder_samples, suffix_of
from thresher.catalog.schema import location, recording, rendering_clip
from thresher.catalog.schema import rendering as rendering_table
from thresher.curation.execution import Progress, WorkerDied, Workers, no_progress
from thresher.curation.renderings import frozen, plan_sha256, tags
from thresher.curation.tracklist import Track, Tracklist, tracklist, without
from thresher.errors import AudioError, CatalogError, NotFoundError, UsageError
from thresher.signal.mix import Resampler, downmix, fade_edges, resampler_version

AHEAD_FRAMES = 8_000_000
"""Clips up to this many samples are prepared ahead of the writer; longer ones are streamed in their turn."""

_LONGEST_PREFIX = 230  # bytes of a target's name in that of its partial file, of the 255 a name may have

Block = NDArray[np.float32]


@dataclass(frozen=True)
class RenderReport:
    """What a render made, or for a dry run would make.

    `number` is the rendering's; `is_new` tells whether the plan was new, `same_bytes` whether an earlier
    rendering of the same plan had the same audio (None where there was none to compare with). Where it had not,
    `largest_difference` is that of two samples, full scale being 1, if the earlier file is still there as it was.
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
    sha256: str | None
    is_new: bool
    same_bytes: bool | None
    largest_difference: float | None
    seconds: float
    dry_run: bool


@dataclass(frozen=True)
class _Source:
    """A track and the file that holds its content now."""

    track: Track
    file: bytes


@dataclass(frozen=True)
class _Mixdown:
    """How every track is brought to the song's form."""

    sample_rate: int
    channels: int
    fade_frames: int
    subtype: str


def render(
    catalog: Catalog,
    name: str,
    output: str | os.PathLike[str] | None = None,
    *,
    rendering: int | None = None,
    dry_run: bool = False,
    without_missing: bool = False,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> RenderReport:
    """Write the song of that name to `output` (default: its name, as WAV, in the current folder).

    With the number of a `rendering` that one again, from the same content wherever it lies now, whatever the song
    is today (default: its name and number). Clips whose files are missing stop it (NotFoundError lists them) unless
    `without_missing`; a file that is no rendering of this song is not replaced unless `overwrite`. A dry run stops
    where the render would.
    """
    begun = time.monotonic()
    then = None
    if rendering is None:
        plan = tracklist(catalog, name)
        target = _target(output, f"{name}.wav")
    else:
        plan, then = frozen(catalog, name, rendering)
        target = _target(output, f"{name} {rendering}{suffix_of(then.container)}")
        if without_missing:
            raise UsageError("a rendering is made again whole or not at all; leave out --without-missing")
    form = _output_format(target)
    if then is not None and form.container != then.container:
        raise UsageError(
            f"rendering {then.number} is {then.container}; give -o FILE{suffix_of(then.container)}"
        )
    files, missing = _files(catalog, plan)
    if missing and without_missing:
        plan = without(catalog, plan, {track.clip for track in missing})
    elif missing:
        raise NotFoundError(_missing_sentence(name, missing))
    if not plan.tracks:
        raise NotFoundError(
            f'song "{name}" has no clips to render; `thresher song show "{name}"` tells its query'
        )
    subtype = then.subtype if then else form.default_subtype(track.subtype for track in plan.tracks)
    digest = then.plan_sha256 if then else plan_sha256(plan, form.container, subtype)
    _check_target(catalog, plan, target, overwrite=overwrite)
    earlier = _earlier(catalog, plan, digest)
    number = None if earlier is None else earlier.number
    sha256, same, difference = None, None, None
    if not dry_run:
        sha256, difference = _write(plan, files, target, form, subtype, earlier, progress)
        number, same = _record(catalog, plan, target, form, subtype, digest, sha256)
    return RenderReport(
        name,
        number,
        str(target),
        form.container,
        subtype,
        plan.sample_rate,
        plan.channels,
        plan.frames,
        len(plan.tracks),
        plan.left_out,
        tuple(track.path for track in missing),
        sha256,
        number is None if dry_run else same is None,
        same,
        difference,
        time.monotonic() - begun,
        dry_run,
    )


# -- where the clips' content lies -------------------------------------------------------------------------


def _files(catalog: Catalog, plan: Tracklist) -> tuple[dict[str, bytes], list[Track]]:
    """A file for each content of the song, by its SHA-256, and the tracks that have none."""
    wanted = {track.recording_sha256 for track in plan.tracks}
    places: dict[str, list[Any]] = {}
    with catalog.reading() as connection:
        statement = (
            select(recording.c.sha256, location.c.path, location.c.size, location.c.mtime_ns)
            .join(location, location.c.recording_id == recording.c.id)
            .order_by(location.c.missing_since.is_not(None), location.c.id)
        )
        for row in connection.execute(statement):
            if row.sha256 in wanted:
                places.setdefault(row.sha256, []).append(row)
    found = {sha256: _unchanged_file(catalog, sha256, places.get(sha256, [])) for sha256 in wanted}
    files = {sha256: file for sha256, file in found.items() if file is not None}
    return files, [track for track in plan.tracks if track.recording_sha256 not in files]


def _unchanged_file(catalog: Catalog, sha256: str, places: list[Any]) -> bytes | None:
    """A file whose content is still `sha256`; one that was touched since is hashed to be sure."""
    for place in places:
        path = catalog.absolute(place.path)
        try:
            now = os.stat(path)
            same = (now.st_size, now.st_mtime_ns) == (place.size, place.mtime_ns)
            if same or sha256_file(path) == sha256:
                return path
        except (OSError, AudioError):
            continue
    return None


def _missing_sentence(name: str, missing: list[Track]) -> str:
    shown = ", ".join(track.path for track in missing[:5])
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    return (
        f'song "{name}" needs {len(missing)} clips whose files are missing ({shown}{more}); put them back '
        "and `thresher ingest` their folder, or render what is there with --without-missing"
    )


# -- the output --------------------------------------------------------------------------------------------


def _target(output: str | os.PathLike[str] | None, default: str) -> Path:
    return Path(os.path.abspath(output if output is not None else default.replace("/", "_")))


def _output_format(target: Path) -> OutputFormat:
    suffix = target.suffix.lower()
    if suffix not in OUTPUT_FORMATS:
        raise UsageError(
            f'"{target.name}" ends in no format that can be written; use {", ".join(OUTPUT_FORMATS)}'
        )
    return OUTPUT_FORMATS[suffix]


def _check_target(catalog: Catalog, plan: Tracklist, target: Path, *, overwrite: bool) -> None:
    if not target.parent.is_dir():
        raise NotFoundError(f"there is no folder {target.parent} to write to; make it first")
    stored = catalog.stored(target)
    with catalog.reading() as connection:
        source = connection.scalar(
            select(func.count()).where(location.c.path == stored.path, location.c.missing_since.is_(None))
        )
        own = {
            row.path_text: row.sha256
            for row in connection.execute(
                select(rendering_table.c.path_text, rendering_table.c.sha256).where(
                    rendering_table.c.song_id == plan.song.id
                )
            )
        }
    if source:
        raise UsageError(f"{target} is a clip of the catalog and is not overwritten; give another -o FILE")
    if overwrite or not target.exists() or stored.path_text in own:
        return
    # a rendering may be written to several places, of which the first is remembered
    if sha256_file(os.fsencode(target)) not in own.values():
        raise UsageError(
            f'{target} exists and is no rendering of "{plan.song.name}"; give another -o FILE or --overwrite'
        )


def _write(
    plan: Tracklist,
    files: Mapping[str, bytes],
    target: Path,
    form: OutputFormat,
    subtype: str,
    earlier: _Earlier | None,
    progress: Progress,
) -> tuple[str, float | None]:
    """Write the song's file, whole or not at all: its SHA-256, and how far it is from the `earlier` rendering's,
    looked at before that one might be replaced."""
    _sweep(target)
    partial = target.with_name(f"{_partial_prefix(target)}{os.getpid()}.part")
    try:
        writer = AudioWriter(
            os.fsencode(partial),
            plan.sample_rate,
            plan.channels,
            form.container,
            subtype,
            tags(plan),
            frames=plan.frames,
        )
        with writer:
            for block in _mixed(plan, files, subtype, progress):
                writer.write(block)
            writer.finish()
            with ThreadPoolExecutor(1) as hasher:  # while the disk takes what is written
                digest = hasher.submit(sha256_file, os.fsencode(partial))
                writer.close()
                sha256 = digest.result()
        difference = None
        if earlier is not None and sha256 != earlier.sha256:
            difference = _largest_difference(earlier, os.fsencode(partial))
        os.replace(partial, target)
    except OSError as error:
        raise CatalogError(
            f"{target} could not be written: {error.strerror}; the old file, if any, stays"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    _sync_folder(target.parent)
    return sha256, difference


def _largest_difference(earlier: _Earlier, file: bytes) -> float | None:
    """Of two samples of the earlier rendering's file and this one; None where that one is gone or another now."""
    try:
        if sha256_file(earlier.file) != earlier.sha256:
            return None
        with AudioReader(earlier.file) as old, AudioReader(file) as new:
            blocks = zip(old.blocks(), new.blocks(), strict=False)
            return max((float(np.abs(a[: len(b)] - b[: len(a)]).max()) for a, b in blocks), default=None)
    except (OSError, AudioError):
        return None


def _partial_prefix(target: Path) -> str:
    """What the names of files on their way to `target` begin with; the process follows, so that two don't meet."""
    return f"{os.fsdecode(os.fsencode(target.name)[:_LONGEST_PREFIX])}."


def _sweep(target: Path) -> None:
    """Take away what renders to `target` left that were killed."""
    prefix = _partial_prefix(target)
    for name in os.listdir(target.parent):
        process, _, suffix = name.removeprefix(prefix).partition(".")
        if (
            name.startswith(prefix)
            and process.isdecimal()
            and suffix == "part"
            and not _is_running(int(process))
        ):
            target.with_name(name).unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    if os.name != "posix":  # elsewhere asking would end it
        return process != os.getpid()
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _mixed(
    plan: Tracklist, files: Mapping[str, bytes], subtype: str, progress: Progress
) -> Iterator[NDArray[Any]]:
    """The song's blocks in order, shape (frames, channels) each, as its encoder takes them."""
    mixdown = _Mixdown(plan.sample_rate, plan.channels, plan.fade_frames, subtype)

    def tasks() -> Iterator[tuple[_Source, tuple[_Source, _Mixdown] | None]]:
        for track in plan.tracks:
            source = _Source(track, files[track.recording_sha256])
            size = (track.end_frame - track.start_frame) * track.channels
            yield source, (source, mixdown) if size <= AHEAD_FRAMES else None

    with Workers("threads") as workers:
        for done, (source, prepared) in enumerate(workers.map(_prepared, tasks()), start=1):
            assert not isinstance(prepared, WorkerDied)
            yield from _track_blocks(source, mixdown) if prepared is None else prepared
            progress("rendering", done, len(plan.tracks))


def _prepared(argument: tuple[_Source, _Mixdown]) -> list[NDArray[Any]]:
    return list(_track_blocks(*argument))


def _track_blocks(source: _Source, mixdown: _Mixdown) -> Iterator[NDArray[Any]]:
    """One clip as the song wants it: gain, channels, rate, fades; exactly `output_frames` frames."""
    track = source.track
    total, position = track.output_frames, 0
    fade = min(mixdown.fade_frames, total // 2)
    with AudioReader(source.file) as reader:
        as_it_is = _needs_no_change(track, mixdown)
        blocks = _copied(reader, track, fade) if as_it_is else _resampled(reader, track, mixdown)
        for block in blocks:
            yield encoder_samples(fade_edges(block, position, total, fade, fade), mixdown.subtype)
            position += len(block)
    if position != total:
        raise AudioError(
            f"clip {track.clip} gave {position} of {total} frames; `thresher ingest` {track.path} again"
        )


def _needs_no_change(track: Track, mixdown: _Mixdown) -> bool:
    """Whether a clip's own 16-bit samples are those of the song, but for the fades."""
    theirs = (track.subtype, track.sample_rate, track.channels, track.gain)
    return theirs == ("PCM_16", mixdown.sample_rate, mixdown.channels, 1) and mixdown.subtype == "PCM_16"


def _copied(reader: AudioReader, track: Track, fade: int) -> Iterator[NDArray[Any]]:
    """The span as floats where it fades, and as the file's own samples in between."""
    start, end = track.start_frame, track.end_frame
    yield from reader.blocks(start, start + fade)
    yield from reader.pcm16_blocks(start + fade, end - fade)
    yield from reader.blocks(end - fade, end)


def _resampled(reader: AudioReader, track: Track, mixdown: _Mixdown) -> Iterator[Block]:
    resampler = None
    if track.sample_rate != mixdown.sample_rate:
        resampler = Resampler(track.sample_rate, mixdown.sample_rate, mixdown.channels)
    for block in reader.blocks(track.start_frame, track.end_frame):
        mixed = downmix(block, mixdown.channels, track.mono_channel)
        if track.gain != 1:
            mixed = mixed * np.float32(track.gain)
        yield mixed if resampler is None else resampler.process(mixed)
    if resampler is not None:
        yield resampler.process(np.empty((0, mixdown.channels), np.float32), last=True)


# -- the rendering as history ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Earlier:
    """The first rendering of the same plan, and where its file was written."""

    number: int
    sha256: str
    file: bytes


def _earlier(catalog: Catalog, plan: Tracklist, digest: str) -> _Earlier | None:
    with catalog.reading() as connection:
        same = _same_plan(connection, plan, digest)
    if same is None:
        return None
    return _Earlier(same.number, same.sha256, catalog.absolute(os.fsencode(same.path_text)))


def _same_plan(connection: Connection, plan: Tracklist, digest: str) -> Any:
    return connection.execute(
        select(rendering_table).where(
            rendering_table.c.song_id == plan.song.id, rendering_table.c.plan_sha256 == digest
        )
    ).one_or_none()


def _record(
    catalog: Catalog,
    plan: Tracklist,
    target: Path,
    form: OutputFormat,
    subtype: str,
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
            "path_text": catalog.stored(target).path_text,
            "container": form.container,
            "subtype": subtype,
            "sample_rate": plan.sample_rate,
            "channels": plan.channels,
            "frames": plan.frames,
            "sha256": sha256,
            "versions": json.dumps(_versions(), sort_keys=True),
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
                    "seam": track.seam,
                }
                for position, track in enumerate(plan.tracks)
            ],
        )
    return number, None


def _versions() -> dict[str, str]:
    from thresher import __version__

    return {
        "thresher": __version__,
        "libsndfile": library_version(),
        "soxr": resampler_version(),
        "numpy": np.__version__,
    }
