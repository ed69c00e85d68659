"""Write a listening queue as an M3U playlist, for systems without a supported player."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from thresher.catalog.atomic_files import write_text
from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import content_files, keep_looks
from thresher.catalog.files.paths import display_text
from thresher.catalog.output_guard import OutputGuard
from thresher.catalog.text.values import checkpoint_text
from thresher.curation.exports.formats import m3u8
from thresher.curation.exports.formats.text import folder_of
from thresher.curation.exports.formats.timeline import Entry, Timeline
from thresher.curation.listening.queue import ListenRow, Queue
from thresher.curation.renderings.audio_file import target_of
from thresher.errors import NotFoundError, UsageError

FILE_NAME = "listen.m3u8"
TITLE = "thresher listen"
_OURS = f"#EXTM3U\n#PLAYLIST:{TITLE}\n"


@dataclass(frozen=True)
class Playlist:
    """The playlist written to `path`: its number of clips, and the clips left out because no file is present.

    `seconds` is its length in a player that plays each clip's span, as VLC does; `file_seconds` the length in a
    player that plays whole files.
    """

    path: str
    clips: int
    missing: tuple[str, ...]
    seconds: float
    file_seconds: float


def write_playlist(
    catalog: Catalog,
    queue: Queue,
    file: str | os.PathLike[str] | None = None,
    *,
    overwrite: bool = False,
) -> Playlist:
    """Write the clips of a queue that are not done as extended M3U, by default to listen.m3u8 next to the catalog.

    A playlist that this function wrote is replaced; any other file only with `overwrite` (else UsageError). Raises
    NotFoundError if no file of the queue is present.
    """
    target = playlist_target(catalog, file, overwrite=overwrite)
    files = content_files(catalog, {row.sha256 for row in queue.left})
    rows = [row for row in queue.left if row.sha256 in files]
    if not rows:
        raise NotFoundError(
            "no file of the queue is present; restore the files, then `thresher ingest` their folder"
        )
    seconds = sum(row.seconds for row in rows)
    entries = tuple(_entry(row, files[row.sha256]) for row in rows)
    timeline = Timeline(TITLE, queue.query, b"", 1, 1, seconds, entries, "")
    text = m3u8.playlist(timeline, folder_of(target))
    recheck = partial(playlist_target, catalog, target, overwrite=overwrite)
    write_text(target, text, OutputGuard(catalog), recheck)
    keep_looks(catalog)
    absent = (row.path or f"clip {row.id}" for row in queue.clips if row.missing and not row.done)
    missing = tuple(dict.fromkeys(absent))  # several clips may be of one file
    return Playlist(
        display_text(os.fsencode(target)), len(rows), missing, seconds, sum(row.file_seconds for row in rows)
    )


def playlist_target(
    catalog: Catalog, file: str | os.PathLike[str] | None = None, *, overwrite: bool = False
) -> Path:
    """Return the path to write a playlist to. Raises UsageError if `write_playlist` must not write there."""
    target = target_of(catalog.root / FILE_NAME if file is None else file, "")
    if target.suffix.lower() not in (".m3u8", ".m3u"):
        raise UsageError(f'"{target.name}" is not a playlist name; give a name that ends in .m3u8')
    if os.path.lexists(target) and not overwrite and not _is_ours(target):
        raise UsageError(
            f"{target} exists and is not a playlist of thresher; give another -o FILE, or --overwrite"
        )
    return target


def _is_ours(target: Path) -> bool:
    try:
        with open(target, encoding="utf-8", newline="") as file:
            return file.read(len(_OURS)) == _OURS
    except (OSError, UnicodeDecodeError):
        return False


def _entry(row: ListenRow, path: bytes) -> Entry:
    """Return the playlist entry of a clip: its title, path and span."""
    name = checkpoint_text(row.run, row.epoch, row.step)
    return Entry(
        clip=row.id,
        title=" · ".join(part for part in (name, row.part, f"clip {row.id}") if part),
        path=path,
        container="",
        channels=1,
        run=row.run,
        epoch=row.epoch,
        step=row.step,
        start=0.0,
        seconds=row.seconds,
        offset=row.start,
        gain=1.0,
        crossfade=0.0,
        fade_in=0.0,
        fade_out=0.0,
        transition=None,
    )
