"""Export: clips as files in a folder, for a DAW or a friend; as they are, their spans alone, or links to them.

Positions are frames at the recording's own rate. Paths and names are bytes, as the file system has them; reports
hold them as text. What is to be done is settled before anything is written: each file is written beside its place
and renamed there once it is on the disk, and what is something else there is left alone.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from sqlalchemy import Connection, select

from thresher.catalog.atomic_files import sweep, sync_folder
from thresher.catalog.audio import sha256_file
from thresher.catalog.catalog import Catalog
from thresher.catalog.clip_rows import clip_rows
from thresher.catalog.content_files import KnownFile, intact_file, known_files
from thresher.catalog.encoding import OUTPUT_FORMATS, suffix_of
from thresher.catalog.paths import absolute, display_text
from thresher.catalog.query import join_terms
from thresher.catalog.schema import checkpoint, clip, location, recording
from thresher.curation.clips.selection import Terms, select_ids
from thresher.curation.exports.clip_file import ExportedFile, Form, Item, encode, put
from thresher.curation.exports.file_names import distinct_names
from thresher.curation.workers import Progress, no_progress
from thresher.errors import AudioError, CatalogError, NotFoundError, ThresherError, UsageError
from thresher.formatting import counted, listed

_MOST_SHOWN = 3  # names in an error
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}  # what the next file would meet, too
_OTHER = "another file is there"


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote, or for a dry run would write; `files` are in the query's order.

    `bytes` are those of the files written. `refusal` is why nothing at all would be written, in a sentence: only a
    dry run has one.
    """

    folder: str
    form: Form
    files: tuple[ExportedFile, ...]
    written: int
    there_already: int
    refused: int
    missing: int
    failed: int
    bytes: int
    refusal: str | None
    seconds: float
    dry_run: bool


def export_clips(
    catalog: Catalog,
    terms: Terms,
    folder: str | bytes | os.PathLike[str],
    *,
    form: Form = "copy",
    dry_run: bool = False,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> ExportReport:
    """Write the clips that the terms find, as `list_clips` finds them, to a folder, which is made if its parent is
    there.

    "copy" writes each recording's file once, byte for byte; "link" a symbolic link to it. "trimmed" writes each
    clip's span alone, in the container and subtype it has if that is WAV or FLAC of 16 or 24 bits or float, else as
    WAV of float32: decoded samples as they are, but for the bits beyond 24 of PCM_32 and DOUBLE.

    Files keep their names; those whose names would meet have their clip's id in them. A file that is there already
    as it would be written stays; where something else is, nothing is written (UsageError) unless `overwrite`, and a
    clip of the catalog is never replaced. Raises NotFoundError where no clip is found or no file is there, and
    CatalogError where the disk is full; what was written until then stays.
    """
    begun = time.monotonic()
    if form not in get_args(Form):
        raise UsageError(f'"{form}" is no form of an export; it is one of {", ".join(get_args(Form))}')
    where = _checked_folder(folder)
    with catalog.reading() as connection:
        items = _items(catalog, connection, terms, form)
        clips = _clips_in(catalog, connection, where)
    if not items:
        asked = join_terms(terms) or "at all"
        raise NotFoundError(f"no clip matches {asked}; `thresher list` shows what there is")
    names = distinct_names([item.wanted_name for item in items])
    items = [replace(item, target=os.path.join(where, name)) for item, name in zip(items, names, strict=True)]
    settled = list(_settled(items, clips, overwrite=overwrite, dry_run=dry_run, progress=progress))
    if all(file.state == "missing" for _, file in settled):
        sources = listed([file.source for _, file in settled], _MOST_SHOWN)
        raise NotFoundError(
            f"of {counted(len(items), 'file')} none is there as it was ({sources}); put them back and "
            "`thresher ingest` their folder"
        )
    refusal = _refusal(where, [(item, file) for item, file in settled if file.state == "refused"])
    if refusal is not None and not dry_run:
        raise UsageError(refusal)
    if any(file.state == "written" for _, file in settled):
        _check_writable(where)
    files = (
        [file for _, file in settled] if dry_run else _write(where, settled, progress, overwrite=overwrite)
    )
    count = Counter(file.state for file in files)
    return ExportReport(
        display_text(where),
        form,
        tuple(files),
        count["written"],
        count["there already"],
        count["refused"],
        count["missing"],
        count["failed"],
        sum(file.bytes for file in files if file.state == "written"),
        refusal,
        time.monotonic() - begun,
        dry_run,
    )


# -- what is to be written ---------------------------------------------------------------------------------


def _items(catalog: Catalog, connection: Connection, terms: Terms, form: Form) -> list[Item]:
    """The files of an export, in the query's order; their sources and targets are not settled yet."""
    ids = select_ids(catalog, connection, terms)
    known = clip_rows(connection, ids)
    places = known_files(catalog, {row[recording.c.sha256] for row in known.values()})
    items: dict[int, Item] = {}
    for row in (known[clip_id] for clip_id in ids):
        clip_id, recording_id = row[clip.c.id], row[recording.c.id]
        whole = items.get(recording_id)
        if form != "trimmed" and whole is not None:
            items[recording_id] = replace(whole, clip=min(whole.clip, clip_id))
            continue
        container, subtype = _output_format(row[recording.c.container], row[recording.c.subtype])
        items[clip_id if form == "trimmed" else recording_id] = Item(
            clip_id,
            row[recording.c.sha256],
            tuple(places[row[recording.c.sha256]]),
            row[clip.c.start_frame],
            row[clip.c.end_frame],
            container,
            subtype,
            _comment(row),
            form,
        )
    return list(items.values())


def _output_format(container: str | None, subtype: str | None) -> tuple[str, str]:
    """Container and subtype of a trimmed clip: its own where they can be written, else what holds any samples."""
    own = "FLAC" if container == "FLAC" else "WAV"
    if subtype is not None and subtype in OUTPUT_FORMATS[suffix_of(own)].subtypes:
        return own, subtype
    return "WAV", "FLOAT"


def _comment(row: Any) -> str:
    """The checkpoint in words."""
    said = [
        ("", row[checkpoint.c.run]),
        ("epoch ", row[checkpoint.c.epoch]),
        ("step ", row[checkpoint.c.step]),
    ]
    return " ".join(f"{name}{value}" for name, value in said if value is not None)


# -- what is there -----------------------------------------------------------------------------------------


def _checked_folder(folder: str | bytes | os.PathLike[str]) -> bytes:
    """The folder's absolute path; it is there, or can be made."""
    where = absolute(os.fsencode(folder))
    parent, name = os.path.split(where)
    if not os.path.isdir(where):
        if os.path.lexists(where):
            raise UsageError(f"{display_text(where)} is no folder; give another --to DIR")
        if not os.path.isdir(parent):
            raise NotFoundError(
                f"there is no folder {display_text(parent)} to make {display_text(name)} in; make it first"
            )
    return where


def _check_writable(where: bytes) -> None:
    folder = where if os.path.isdir(where) else os.path.dirname(where)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CatalogError(f"nothing can be written to {display_text(folder)}; give another --to DIR")


def _clips_in(catalog: Catalog, connection: Connection, folder: bytes) -> set[tuple[int, int]]:
    """The files of the folder itself that are the catalog's, by device and number: names may differ in case."""
    prefix = catalog.stored_absolute(os.path.join(folder, b"x")).path[:-1]
    inside = location.c.path >= prefix
    if prefix:
        inside &= location.c.path < prefix[:-1] + b"0"  # which comes after "/"
    paths = connection.scalars(select(location.c.path).where(inside, location.c.missing_since.is_(None)))
    return _identities([catalog.absolute(path) for path in paths if b"/" not in path[len(prefix) :]])


def _identities(paths: Collection[bytes]) -> set[tuple[int, int]]:
    """Device and number of the files at these paths, and of those that links there lead to."""
    found = set()
    for path in paths:
        for look in (os.lstat, os.stat):
            with suppress(OSError):
                status = look(path)
                found.add((status.st_dev, status.st_ino))
    return found


def _status(path: bytes) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _settled(
    items: Sequence[Item],
    clips: set[tuple[int, int]],
    *,
    overwrite: bool,
    dry_run: bool,
    progress: Progress,
) -> Iterator[tuple[Item, ExportedFile]]:
    """Each item with what becomes of it; "written" is what is to be written."""
    sources: dict[str, KnownFile | None] = {}
    for done, item in enumerate(items, start=1):
        if item.sha256 not in sources:
            sources[item.sha256] = intact_file(item.sha256, item.places)
        progress("looking", done, len(items))
    # a file may be back where the catalog holds it for missing
    clips = clips | _identities([place.path for place in sources.values() if place is not None])
    with tempfile.TemporaryDirectory(prefix="thresher-") as scratch:
        for done, plain in enumerate(items, start=1):
            item = replace(plain, source=sources[plain.sha256])
            try:
                file = _judged(item, clips, os.fsencode(scratch), overwrite=overwrite, dry_run=dry_run)
            except (ThresherError, OSError) as error:
                advice = "set TMPDIR to a folder with more room"
                file = item.told("failed", reason=_reason(error, os.fsencode(scratch), advice))
            yield item, file
            progress("comparing", done, len(items))


def _judged(
    item: Item, clips: set[tuple[int, int]], scratch: bytes, *, overwrite: bool, dry_run: bool
) -> ExportedFile:
    if item.source is None:
        return item.told("missing", reason="the file is gone or has changed")
    if item.form == "trimmed" and item.start == item.end:
        return item.told("failed", reason="there is nothing to hear in it")
    there = _status(item.target)
    size = 0 if item.form == "link" else os.stat(item.source.path).st_size
    encoded = None
    if item.form == "trimmed" and (there is not None or dry_run):
        # what the encoder makes of it is known once it has
        encoded = os.path.join(scratch, b"clip")
        size = encode(item, encoded)
    if there is None:
        return item.told("written", size)
    if _is_same(item, there, encoded):
        return item.told("there already", 0 if stat.S_ISLNK(there.st_mode) else there.st_size)
    if (there.st_dev, there.st_ino) in clips:
        return item.told("refused", reason="a clip of the catalog is there")
    if not (stat.S_ISREG(there.st_mode) or stat.S_ISLNK(there.st_mode)):
        return item.told("refused", reason="something is there that is no file")
    return item.told("written", size) if overwrite else item.told("refused", reason=_OTHER)


def _is_same(item: Item, there: os.stat_result, encoded: bytes | None) -> bool:
    """Whether what is at the target is what would be written. A link is no copy: who gets the folder may not
    have what it leads to; but where links are wanted, the content itself does as well."""
    if stat.S_ISLNK(there.st_mode) and item.form != "link":
        return False
    try:
        return sha256_file(item.target) == (item.sha256 if encoded is None else sha256_file(encoded))
    except (OSError, AudioError):
        return False


def _refusal(where: bytes, refused: Sequence[tuple[Item, ExportedFile]]) -> str | None:
    """Why nothing is written; None where nothing is in the way."""
    if not refused:
        return None
    for_good = [(item, file) for item, file in refused if file.reason != _OTHER]
    shown = for_good or refused
    names = listed([display_text(os.path.basename(item.target)) for item, _ in shown], _MOST_SHOWN)
    if for_good:
        return (
            f"{counted(len(shown), 'name')} in {display_text(where)} can't be used ({names}): "
            f"{shown[0][1].reason}, which is never replaced; give another --to DIR"
        )
    return (
        f"{display_text(where)} holds something else under {counted(len(shown), 'name')} ({names}); "
        "give another --to DIR, or replace it with --overwrite"
    )


# -- writing -----------------------------------------------------------------------------------------------


def _write(
    where: bytes, settled: Sequence[tuple[Item, ExportedFile]], progress: Progress, *, overwrite: bool
) -> list[ExportedFile]:
    """Write what is to be written; a file that can't be is told, and the rest is done."""
    folder = Path(os.fsdecode(where))
    wanted = sum(file.state == "written" for _, file in settled)
    if not wanted:
        return [file for _, file in settled]
    try:
        if not os.path.isdir(where):
            os.mkdir(where)
            sync_folder(folder.parent)
        sweep(folder, [Path(os.fsdecode(item.target)) for item, _ in settled])
    except OSError as error:
        raise CatalogError(
            f"nothing can be written to {display_text(where)}: {error.strerror}; give another --to DIR"
        ) from error
    files, done = [], 0
    try:
        for item, planned in settled:
            file = planned
            if planned.state == "written":
                try:
                    file = replace(planned, bytes=put(item, overwrite=overwrite))
                except (ThresherError, OSError) as error:
                    kept = (
                        f"{done:,} of {counted(wanted, 'file')} done, and the same command goes on from there"
                    )
                    file = item.told("failed", reason=_reason(error, item.target, kept))
                done += 1
                progress("exporting", done, wanted)
            files.append(file)
    finally:
        sync_folder(folder)
    return files


def _reason(error: Exception, path: bytes, advice: str) -> str:
    """Why one file can't be written; CatalogError where no other could be, either."""
    if not isinstance(error, OSError):
        return str(error)
    words = error.strerror or str(error)
    if error.errno in _NO_ROOM:
        raise CatalogError(f"{display_text(path)} could not be written: {words}; {advice}") from error
    return words
