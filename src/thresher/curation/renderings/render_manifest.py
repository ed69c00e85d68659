"""Make the audio of a manifest again where there is no catalog, from contents that lie anywhere under a folder."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from thresher.catalog.audio import SUFFIXES, sha256_file
from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import is_present
from thresher.catalog.encoding import suffix_of
from thresher.curation.renderings.audio_file import SongFile, audio_target, format_of, write_song
from thresher.curation.renderings.manifest import read_manifest
from thresher.curation.renderings.render import RenderReport, report_of
from thresher.curation.songs.tracklist import Tracklist
from thresher.curation.workers import Progress, no_progress
from thresher.errors import AudioError, NotFoundError, ThresherError, UsageError
from thresher.formatting import counted, listed


def render_manifest(
    file: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    dry_run: bool = False,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> RenderReport:
    """Make the audio of a manifest again, from contents that lie anywhere under `folder`, without a catalog.

    Raises NotFoundError, listing them, for contents that are not there, and UsageError where the output is there
    with other bytes, unless `overwrite`.
    """
    begun = time.monotonic()
    plan, then = read_manifest(file)
    target = audio_target(output, f"{plan.song.name}{suffix_of(then.container)}")
    form = format_of(target)
    if form.container != then.container:
        raise UsageError(f"the manifest is of {then.container}; give -o FILE{suffix_of(then.container)}")
    files = _found(plan, Path(folder), progress)
    missing = [track for track in plan.tracks if track.recording_sha256 not in files]
    if missing:
        names = listed([track.path for track in missing])
        clips = f"{counted(len(missing), 'clip')} of the manifest"
        raise NotFoundError(f"{clips} not found under {folder} ({names}); give another --files DIR")
    _check_clips(target, files)
    if target.exists() and not overwrite and sha256_file(os.fsencode(target)) != then.sha256:
        raise UsageError(
            f"{target} exists and is not what the manifest makes; give another -o FILE or --overwrite"
        )
    written = None
    if not dry_run:
        written = write_song(plan, files, SongFile(target, then.container, then.subtype), progress)
    return report_of(
        plan.song.name,
        plan,
        SongFile(target, then.container, then.subtype),
        written,
        begun,
        number=then.number or None,
        missing=(),
        is_new=False,
        same_bytes=written.sha256 == then.sha256 if written and then.sha256 else None,
        manifest=None,
    )


def _check_clips(target: Path, files: Mapping[str, bytes]) -> None:
    """UsageError where the target is one of the clips, or one of a catalog that lies there."""
    if not target.exists():
        return
    is_clip = any(os.path.samefile(file, target) for file in files.values())
    if not is_clip:
        try:
            with Catalog.open(environ={}, start=target.parent) as catalog:
                is_clip = is_present(catalog, target)
        except ThresherError:  # none is there, or not one that this program can read
            return
    if is_clip:
        raise UsageError(f"{target} is a clip and is not overwritten; give another -o FILE")


def _found(plan: Tracklist, folder: Path, progress: Progress) -> dict[str, bytes]:
    """Files under a folder by their SHA-256, as far as the plan needs them; those of a wanted name are tried first,
    then what is called like audio."""
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
