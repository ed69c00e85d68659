"""A song's own file: which formats there are, and writing one from a tracklist.

Nothing here asks the catalog: the same tracklist and the same contents give the same file anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thresher.catalog.atomic_files import whole_file
from thresher.catalog.audio import AudioReader, library_version, sha256_file
from thresher.catalog.encoding import OUTPUT_FORMATS, AudioWriter, OutputFormat
from thresher.curation.renderings.history import tags
from thresher.curation.renderings.mixdown import Limiting, Mix
from thresher.curation.songs.tracklist import Tracklist
from thresher.curation.workers import Progress
from thresher.errors import AudioError, NotFoundError, UsageError
from thresher.signal.mixing.mix import resampler_version


@dataclass(frozen=True)
class SongFile:
    """Where a song goes, and in which form."""

    target: Path
    container: str
    subtype: str


@dataclass(frozen=True)
class Earlier:
    """The first rendering of the same plan, and where its file was written."""

    number: int
    sha256: str
    file: bytes


@dataclass(frozen=True)
class Written:
    """What was written: its SHA-256, how far its samples are at most from those of an earlier file whose bytes
    are others (None where that can't be told), what was limited, and how loud it is (None where that was not
    asked for)."""

    sha256: str
    largest_difference: float | None
    limiting: Limiting | None
    loudness: float | None


def target_of(output: str | os.PathLike[str] | None, default: str) -> Path:
    """The absolute path of an output, by default a file of that name in the current folder."""
    target = Path(os.path.abspath(output if output is not None else default.replace("/", "_")))
    if not target.parent.is_dir():
        raise NotFoundError(f"there is no folder {target.parent} to write to; make it first")
    return target


def audio_target(output: str | os.PathLike[str] | None, default: str) -> Path:
    """The same for a song's audio; UsageError where that is a folder."""
    target = target_of(output, default)
    if target.is_dir():
        raise UsageError(f"{target} is a folder; give -o a file in it")
    return target


def format_of(target: Path) -> OutputFormat:
    """The format that a target's suffix names; UsageError where it names none."""
    suffix = target.suffix.lower()
    if suffix not in OUTPUT_FORMATS:
        raise UsageError(
            f'"{target.name}" ends in no format that can be written; use {", ".join(OUTPUT_FORMATS)}'
        )
    return OUTPUT_FORMATS[suffix]


def subtype_of(plan: Tracklist, form: OutputFormat) -> str:
    """The subtype that a song wants where its format leaves a choice; UsageError where that can't hold it."""
    wanted = plan.song.settings.subtype
    if wanted is None or len(form.subtypes) == 1:
        return form.default_subtype(track.subtype for track in plan.tracks)
    if wanted not in form.subtypes:
        raise UsageError(
            f"{form.container} can't hold {wanted}, which the song wants; render to .wav, or "
            f"`thresher song save` it with --subtype {' or '.join(form.subtypes)}"
        )
    return wanted


def write_song(
    plan: Tracklist,
    files: Mapping[str, bytes],
    song_file: SongFile,
    progress: Progress,
    earlier: Earlier | None = None,
) -> Written:
    """Write a song's file, whole or not at all; `earlier` is looked at before it might be replaced.

    `files` are by the SHA-256 of their contents.
    """
    mix = Mix(plan, files, song_file.subtype, progress)
    with whole_file(song_file.target) as partial:
        writer = AudioWriter(
            os.fsencode(partial),
            plan.sample_rate,
            plan.channels,
            song_file.container,
            song_file.subtype,
            tags(plan),
            frames=plan.frames,
        )
        with writer:
            for block in mix.blocks():
                writer.write(block)
            writer.finish()
            with ThreadPoolExecutor(1) as hasher:  # while the disk takes what is written
                digest = hasher.submit(sha256_file, os.fsencode(partial))
                writer.close()
                sha256 = digest.result()
        difference = None
        if earlier is not None and sha256 != earlier.sha256:
            difference = _largest_difference(earlier, os.fsencode(partial))
    return Written(sha256, difference, mix.limiting, mix.loudness)


def _largest_difference(earlier: Earlier, file: bytes) -> float | None:
    """Of two samples of the earlier rendering's file and this one; None where that one is gone or another now."""
    try:
        if sha256_file(earlier.file) != earlier.sha256:
            return None
        with AudioReader(earlier.file) as old, AudioReader(file) as new:
            blocks = zip(old.blocks(), new.blocks(), strict=False)
            return max((float(np.abs(a[: len(b)] - b[: len(a)]).max()) for a, b in blocks), default=None)
    except (OSError, AudioError):
        return None


def versions() -> dict[str, str]:
    """Those of the program and of the libraries that reach the audio."""
    from thresher.version import __version__

    return {
        "thresher": __version__,
        "libsndfile": library_version(),
        "soxr": resampler_version(),
        "numpy": np.__version__,
    }
