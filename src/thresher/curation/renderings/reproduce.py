"""Reproduce the audio of a manifest without a catalog, from source files anywhere in a folder."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import is_present
from thresher.catalog.encoding import suffix_of
from thresher.catalog.files import SUFFIXES, sha256_file
from thresher.curation.renderings.audio_file import SongFile, audio_target, format_of, write_song
from thresher.curation.renderings.manifest import read_manifest
from thresher.curation.renderings.render import RenderReport, report_of
from thresher.curation.songs.tracklist import Tracklist
from thresher.curation.workers import Progress, no_progress
from thresher.errors import AudioError, NotFoundError, ThresherError, UsageError
from thresher.formatting import counted, listed


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
    target = audio_target(output, f"{plan.song.name}{suffix_of(then.container)}")
    if format_of(target).container != then.container:
        raise UsageError(f"the manifest describes {then.container}; give -o FILE{suffix_of(then.container)}")
    files = _source_files(plan, Path(folder), progress)
    missing = [track.path for track in plan.tracks if track.recording_sha256 not in files]
    if missing:
        clips = f"{counted(len(missing), 'clip')} of the manifest"
        raise NotFoundError(f"{clips} not found under {folder} ({listed(missing)}); give another --files DIR")
    _check_not_a_clip(target, files)
    if target.exists() and not overwrite and sha256_file(os.fsencode(target)) != then.sha256:
        raise UsageError(
            f"{target} exists and is not what the manifest describes; give another -o FILE, or --overwrite"
        )
    song_file, written = SongFile(target, then.container, then.subtype), None
    if not dry_run:
        written = write_song(plan, files, song_file, progress)
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
    )


def _check_not_a_clip(target: Path, files: Mapping[str, bytes]) -> None:
    """Raise UsageError if the target is one of the source files, or a clip of a catalog in its folder."""
    if not target.exists():
        return
    is_clip = any(os.path.samefile(file, target) for file in files.values())
    if not is_clip:
        try:
            with Catalog.open(environ={}, start=target.parent) as catalog:
                is_clip = is_present(catalog, target)
        except ThresherError:  # there is no catalog, or this program can't read it
            return
    if is_clip:
        raise UsageError(f"{target} is a clip and is not overwritten; give another -o FILE")


def _source_files(plan: Tracklist, folder: Path, progress: Progress) -> dict[str, bytes]:
    """The source files of a plan under a folder, by the SHA-256 of their contents.

    Files with the name of a clip are hashed first, then those with a suffix of audio, then all others.
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
            sha256 = sha256_file(os.fsencode(path))
        except (OSError, AudioError):
            continue
        if sha256 in wanted:
            found.setdefault(sha256, os.fsencode(path))
        progress("looking for clips", done, len(candidates))
    return found


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)
