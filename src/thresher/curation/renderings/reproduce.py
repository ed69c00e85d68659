"""Reproduce the audio of a manifest without a catalog, from source files anywhere in a folder."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from thresher.catalog.audio.audio_key import audio_key
from thresher.catalog.audio.encoding import suffix_of
from thresher.catalog.catalog import Catalog
from thresher.catalog.files.files import SUFFIXES, sha256_file
from thresher.catalog.files.paths import display_text
from thresher.catalog.files.stamps import Stamp, is_same, stamp_of
from thresher.catalog.output_guard import OutputGuard
from thresher.curation.renderings.audio_file import (
    SongFile,
    audio_target,
    format_of,
    may_be_unfinished,
    write_song,
)
from thresher.curation.renderings.manifest import read_manifest
from thresher.curation.renderings.render import RenderReport, report_of
from thresher.curation.songs.tracklist import Tracklist
from thresher.errors import AudioError, NotFoundError, ThresherError, UsageError
from thresher.formatting import counted, listed
from thresher.progress import Progress, no_progress


def reproduce(
    manifest: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    dry_run: bool = False,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> RenderReport:
    """Write the audio that a manifest describes to `output`, by default to the song's name in the current folder.

    The source files are found by their contents anywhere under `folder`. Raises NotFoundError, which lists them, if
    contents are missing there, and UsageError if `output` exists with other contents, unless `overwrite`.
    """
    begun = time.monotonic()
    plan, read = read_manifest(manifest)
    then = read.output
    target = audio_target(output, f"{plan.song.name}{suffix_of(then.container, then.subtype)}")
    form = format_of(target)
    if form.container != then.container or then.subtype not in form.subtypes:
        suffix = suffix_of(then.container, then.subtype)
        raise UsageError(f"the manifest describes {then.container} {then.subtype}; give -o FILE{suffix}")
    stamps: dict[bytes, Stamp] = {}
    files = _source_files(plan, Path(folder), stamps, progress)
    missing = [track.path for track in plan.tracks if track.recording_sha256 not in files]
    if missing:
        clips = f"{counted(len(missing), 'clip')} of the manifest"
        raise NotFoundError(f"{clips} not found under {folder} ({listed(missing)}); give another --files DIR")
    recheck = partial(_check_target, target, then.sha256, overwrite=overwrite)
    song_file, written = SongFile(target, then.container, then.subtype), None
    with _catalog_near(target) as catalog:
        guard = OutputGuard(catalog, [os.fsencode(manifest), *files.values()])
        guard.check(target)
        if not may_be_unfinished(plan, song_file):
            recheck()
        if not dry_run:
            check = partial(_check_sources, files, stamps)
            written = write_song(
                plan, files, song_file, progress, guard, recheck, cover=read.image, check_sources=check
            )
    return report_of(
        plan.song.name,
        plan,
        song_file,
        written,
        begun,
        number=read.rendering,
        missing=(),
        is_new=False,
        same_bytes=written.sha256 == then.sha256 if written and then.sha256 else None,
        manifest=None,
        made_with=read.versions,
    )


def _check_target(target: Path, sha256: str | None, *, overwrite: bool) -> None:
    """Raise UsageError if the target exists with another content than the manifest's, unless `overwrite`."""
    if target.exists() and not overwrite and sha256_file(os.fsencode(target)) != sha256:
        raise UsageError(
            f"{target} exists and is not what the manifest describes; give another -o FILE, or --overwrite"
        )


def _check_sources(files: Mapping[str, bytes], stamps: Mapping[bytes, Stamp]) -> None:
    """Raise NotFoundError if a file has another stamp than before it was hashed."""
    for path in files.values():
        try:
            now = stamp_of(os.stat(path))
        except OSError:  # it held its content while it could be read
            continue
        if not is_same(stamps[path], now):
            raise NotFoundError(
                f"{display_text(path)} changed while the song was made; run the command again"
            )


@contextmanager
def _catalog_near(target: Path) -> Iterator[Catalog | None]:
    """Open the catalog of the folder of the target; None if there is none, or this program can't read it."""
    try:
        catalog = Catalog.open(environ={}, start=target.parent)
    except ThresherError:
        yield None
        return
    with catalog:
        yield catalog


def _source_files(
    plan: Tracklist, folder: Path, stamps: dict[bytes, Stamp], progress: Progress
) -> dict[str, bytes]:
    """The source files of a plan under a folder, by the SHA-256 of their contents.

    Files with the name of a clip are hashed first, then those with a suffix of audio, then all others. The stamps
    of the files before they were read are added to `stamps`.
    """
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {folder}; give --files DIR")
    wanted = {track.recording_sha256 for track in plan.tracks}
    names = {os.path.basename(track.path) for track in plan.tracks}
    candidates = sorted(
        _files(folder),
        key=lambda path: (path.name not in names, path.suffix.lower() not in SUFFIXES, os.fsencode(path)),
    )
    found: dict[str, bytes] = {}
    for done, path in enumerate(candidates, start=1):
        if len(found) == len(wanted):
            break
        try:
            stamp = stamp_of(os.stat(path))
            sha256 = sha256_file(os.fsencode(path))
        except (OSError, AudioError):
            continue
        if sha256 in wanted:
            found.setdefault(sha256, os.fsencode(path))
            stamps[os.fsencode(path)] = stamp
        progress("looking for clips", done, len(candidates))
    return found | _tagged_files(plan, wanted - found.keys(), candidates, stamps, progress)


def _tagged_files(
    plan: Tracklist,
    lacking: Collection[str],
    candidates: Sequence[Path],
    stamps: dict[bytes, Stamp],
    progress: Progress,
) -> dict[str, bytes]:
    """Find contents that are only there in other bytes, by the key of their audio: re-tagged or converted files."""
    wanted: dict[str, set[str]] = {}
    for track in plan.tracks:
        if track.audio_key is not None and track.recording_sha256 in lacking:
            wanted.setdefault(_of_complete(track.audio_key), set()).add(track.recording_sha256)
    found: dict[str, bytes] = {}
    for done, path in enumerate(candidates if wanted else (), start=1):
        if not wanted:
            break
        try:
            stamp = stamp_of(os.stat(path))
            key = audio_key(os.fsencode(path)) if path.suffix.lower() in SUFFIXES else None
        except (OSError, AudioError):
            continue
        if key is not None:
            found |= dict.fromkeys(wanted.pop(key, ()), os.fsencode(path))
            stamps[os.fsencode(path)] = stamp
        progress("comparing audio", done, len(candidates))
    return found


def _of_complete(key: str) -> str:
    """Return the audio key that the file would have if it did not count as truncated."""
    return key.replace("-cut:", ":", 1)


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)
