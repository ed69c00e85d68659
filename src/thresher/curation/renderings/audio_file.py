"""The audio file of a song: its path, its format, and writing it from a plan.

The catalog is not used: equal plans and equal source files make equal files on any machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thresher.catalog.atomic_files import Recheck, whole_file
from thresher.catalog.audio.encoding import OUTPUT_FORMATS, AudioWriter, OutputFormat
from thresher.catalog.audio.reader import AudioReader
from thresher.catalog.audio.sndfile_decoder import library_version
from thresher.catalog.files.files import sha256_file
from thresher.catalog.files.paths import LONGEST_FILE_NAME, name_too_long
from thresher.catalog.output_guard import OutputGuard
from thresher.curation.renderings.mixdown import Limiting, Mix
from thresher.curation.renderings.plan import quality_of, tags
from thresher.curation.songs.tracklist import Tracklist
from thresher.errors import AudioError, NotFoundError, UsageError
from thresher.formatting import any_of
from thresher.progress import Progress
from thresher.signal.mixing.resampling import resampler_version


@dataclass(frozen=True)
class SongFile:
    """The path and the format of a song's file, in libsndfile's words."""

    target: Path
    container: str
    subtype: str


@dataclass(frozen=True)
class Earlier:
    """An earlier rendering of the same plan, and the path at which its file was written.

    The path is None if its root is not on this machine.
    """

    number: int
    sha256: str
    file: bytes | None


@dataclass(frozen=True)
class WrittenFile:
    """A file that was written.

    `largest_difference` is the largest difference of a sample from the earlier file of the same plan, if the
    bytes differ; None if that file no longer exists unchanged. `loudness` is in LUFS, None unless the song
    brings its clips to a loudness.
    """

    sha256: str
    largest_difference: float | None
    limiting: Limiting | None
    loudness: float | None


def target_of(output: str | os.PathLike[str] | None, default: str) -> Path:
    """The absolute path of an output file, by default a file of that name in the current folder.

    Raises NotFoundError if its folder does not exist.
    """
    target = Path(os.path.abspath(output if output is not None else default.replace("/", "_")))
    if len(os.fsencode(target.name)) > LONGEST_FILE_NAME:
        raise name_too_long(os.fsencode(target))
    if not target.parent.is_dir():
        raise NotFoundError(f"there is no folder {target.parent} to write to; create it first")
    return target


def audio_target(output: str | os.PathLike[str] | None, default: str) -> Path:
    """The same as `target_of` for the audio of a song. Raises UsageError if the path is a folder."""
    target = target_of(output, default)
    if target.is_dir():
        raise UsageError(f"{target} is a folder; give -o a file in it")
    return target


def format_of(target: Path) -> OutputFormat:
    """The format that the suffix of a path stands for. Raises UsageError for an unknown suffix."""
    suffix = target.suffix.lower()
    if suffix not in OUTPUT_FORMATS:
        raise UsageError(
            f'unknown audio format "{target.name}" (expected a name that ends in {any_of(OUTPUT_FORMATS)})'
        )
    return OUTPUT_FORMATS[suffix]


def subtype_of(plan: Tracklist, form: OutputFormat) -> str:
    """The subtype of a song's file: the one in its settings, if the format offers a choice.

    Raises UsageError if the format can't hold that subtype.
    """
    wanted = plan.song.settings.subtype
    if wanted is None or len(form.subtypes) == 1:
        return form.default_subtype(track.subtype for track in plan.tracks)
    if wanted not in form.subtypes:
        raise UsageError(
            f"{form.container} can't hold {wanted}, the subtype of the song; render to .wav, or change the subtype "
            f"with `thresher song save` --subtype {' or '.join(form.subtypes)}"
        )
    return wanted


def may_be_unfinished(plan: Tracklist, song_file: SongFile) -> bool:
    """Whether the target looks like a file of this plan that was written and never stored as a rendering.

    Its content decides: the file is compared with the new one before it is replaced.
    """
    try:
        with AudioReader(os.fsencode(song_file.target)) as reader:
            there = reader.format
    except (OSError, AudioError):
        return False
    wanted = (song_file.subtype, plan.sample_rate, plan.channels, plan.frames)
    return (there.subtype, there.sample_rate, there.channels, there.frames) == wanted


def write_song(
    plan: Tracklist,
    files: Mapping[str, bytes],
    song_file: SongFile,
    progress: Progress,
    guard: OutputGuard,
    recheck: Recheck,
    *,
    cover: bytes | None = None,
    earlier: Earlier | None = None,
    note: Callable[[str], object] | None = None,
    check_sources: Callable[[], object],
) -> WrittenFile:
    """Write a song's file, completely or not at all.

    `files` holds the path of each source file by the SHA-256 of its contents. `cover` is the image that the
    settings of the song name. The file of `earlier` is compared before it may be replaced. `note` is called with
    the SHA-256 of the file before the file gets its name. `check_sources` is called when all source files are read,
    and raises if one of them has changed since it was found.
    """
    mix = Mix(plan, files, song_file.subtype, progress)
    with whole_file(song_file.target, guard, recheck) as partial:
        writer = AudioWriter(
            os.fsencode(partial),
            plan.sample_rate,
            plan.channels,
            song_file.container,
            song_file.subtype,
            tags(plan),
            frames=plan.frames,
            quality=quality_of(plan, song_file.subtype),
            cover=cover,
        )
        with writer:
            for block in mix.blocks():
                writer.write(block)
            check_sources()
            writer.finish()
            with ThreadPoolExecutor(1) as hasher:  # hashes while the disk writes
                digest = hasher.submit(sha256_file, os.fsencode(partial))
                writer.close()
                sha256 = digest.result()
        difference = None
        if earlier is not None and sha256 != earlier.sha256:
            difference = _largest_difference(earlier, os.fsencode(partial))
        if note is not None:
            note(sha256)
    return WrittenFile(sha256, difference, mix.limiting, mix.loudness)


def _largest_difference(earlier: Earlier, file: bytes) -> float | None:
    """The largest difference of a sample between the earlier file and this one.

    None if the earlier one has changed, or is not on this machine.
    """
    if earlier.file is None:
        return None
    try:
        if sha256_file(earlier.file) != earlier.sha256:
            return None
        with AudioReader(earlier.file) as old, AudioReader(file) as new:
            blocks = zip(old.blocks(), new.blocks(), strict=False)
            return max((float(np.abs(a[: len(b)] - b[: len(a)]).max()) for a, b in blocks), default=None)
    except (OSError, AudioError):
        return None


def versions() -> dict[str, str]:
    """The versions of the program and of the libraries that affect the audio."""
    from thresher.version import __version__

    return {
        "thresher": __version__,
        "libsndfile": library_version(),
        "soxr": resampler_version(),
        "numpy": np.__version__,
    }
