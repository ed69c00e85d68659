"""Export clips to a folder, for a DAW or another person: copies of their files, only their spans, or links.

Positions are frames at the recording's own sample rate. Paths and names are bytes, as in the file system; reports
contain them as text. All decisions are made before anything is written. Each file is written under a temporary name
and then renamed, and other existing files are not touched.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

from sqlalchemy import Connection

from thresher.catalog.audio.encoding import OUTPUT_FORMATS, suffix_of
from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import KnownFile, all_elsewhere, intact_file, keep_looks, known_files_in
from thresher.catalog.database.schema import checkpoint, clip, recording
from thresher.catalog.files.disk_trouble import refusal_to_write
from thresher.catalog.files.files import sha256_file
from thresher.catalog.files.partial_files import sweep, sync_folder
from thresher.catalog.files.paths import absolute, display_text
from thresher.catalog.files.temporary_files import temporary_folder
from thresher.catalog.output_guard import OutputGuard
from thresher.catalog.outputs import note_output
from thresher.catalog.queries.text import Terms
from thresher.catalog.recordings.clip_rows import clip_rows
from thresher.catalog.recordings.cut_clips import CutPlace, cut_places
from thresher.curation.clips.reach import no_match
from thresher.curation.clips.selection import select_ids
from thresher.curation.exports.clip_file import ExportedFile, Form, Item, encode, not_here, put
from thresher.curation.exports.file_names import distinct_names
from thresher.curation.songs.cut_fade import cut_fade
from thresher.curation.songs.settings import LONGEST_JOIN
from thresher.errors import AudioError, CatalogError, NotFoundError, ThresherError, UsageError
from thresher.formatting import counted, listed
from thresher.progress import Progress, no_progress

_MOST_SHOWN = 3  # names in an error
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}  # errors that the next file would have, too
_OTHER = "another file has this name"


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote, or what a dry run would write. `files` are in the order of the query.

    `bytes` is the total size of the written files, `faded` the number of files of parts and marks with faded ends.
    `refusal` is a sentence that says why nothing would be written; only a dry run can have one.
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
    faded: int = 0


def export_clips(
    catalog: Catalog,
    terms: Terms,
    folder: str | bytes | os.PathLike[str],
    *,
    form: Form = "copy",
    dry_run: bool = False,
    overwrite: bool = False,
    fade: float | None = None,
    progress: Progress = no_progress,
) -> ExportReport:
    """Write the clips that match the terms to a folder. The folder is created if its parent exists.

    "copy" writes the files of the clips, byte for byte; "link" writes symbolic links to them. "trimmed"
    writes only the span of each clip. Trimmed files keep their container and subtype if that is WAV or FLAC
    with 16 bits, 24 bits or floats; otherwise they are float32 WAV. Samples are not changed, except that PCM_32
    and DOUBLE lose precision beyond 24 bits.

    A part or a mark has no file of its own: "copy" writes its span, "link" reports it as failed. Both of its ends
    are faded for `fade` seconds, by default `[song] fade` of catalog.toml; 0 leaves its samples as they are.

    Files keep their names. Those of parts and marks also say which, as in `name-part03.wav`. The clip's id is added
    where names would be the same. A file that exists with the same contents is not written again. If other files
    have these names, nothing is written (UsageError), unless `overwrite`; a clip of the catalog is never replaced.
    Raises NotFoundError if no clip matches or no source file exists, and CatalogError if the disk is full; files
    that were written until then remain.
    """
    begun = time.monotonic()
    if form not in get_args(Form):
        raise UsageError(f'unknown form of export "{form}" (expected {", ".join(get_args(Form))})')
    fade_seconds = _checked_fade(catalog, form, fade)
    where = _checked_folder(folder)
    with catalog.reading() as connection:
        items = export_items(catalog, connection, terms, form, fade_seconds)
        if not items:
            raise no_match(catalog, connection, terms)
    guard = OutputGuard(catalog)
    names = distinct_names([item.name_request for item in items])
    items = [replace(item, target=os.path.join(where, name)) for item, name in zip(items, names, strict=True)]
    decided = list(_decided(catalog, items, guard, overwrite=overwrite, dry_run=dry_run, progress=progress))
    if all(file.state == "missing" for _, file in decided):
        raise _none_exists(decided)
    refusal = _refusal(where, [(item, file) for item, file in decided if file.state == "refused"])
    if refusal is not None and not dry_run:
        raise UsageError(refusal)
    if any(file.state == "written" for _, file in decided):
        _check_writable(where)
    files = (
        [file for _, file in decided]
        if dry_run
        else _write(catalog, where, decided, guard, progress, overwrite=overwrite)
    )
    if not dry_run:
        keep_looks(catalog)
    count = Counter(file.state for file in files)
    return ExportReport(
        folder=display_text(where),
        form=form,
        files=tuple(files),
        written=count["written"],
        there_already=count["there already"],
        refused=count["refused"],
        missing=count["missing"],
        failed=count["failed"],
        bytes=sum(file.bytes for file in files if file.state == "written"),
        refusal=refusal,
        seconds=time.monotonic() - begun,
        dry_run=dry_run,
        faded=_faded(items, files),
    )


def _checked_fade(catalog: Catalog, form: Form, fade: float | None) -> float:
    """Return the seconds for which the ends of parts and marks are faded. Raises UsageError."""
    if form == "link" and fade is not None:
        raise UsageError(
            "--fade contradicts --link: links lead to whole files, which are not faded; leave out one"
        )
    seconds = catalog.settings.song.fade if fade is None else fade
    if not 0 <= seconds <= LONGEST_JOIN:
        raise UsageError(f"a fade of {seconds:g} s is out of range (expected 0 to {LONGEST_JOIN:g})")
    return seconds


def _none_exists(decided: Sequence[tuple[Item, ExportedFile]]) -> NotFoundError:
    """Return the error for an export none of whose source files exists here."""
    sources = listed([file.source for _, file in decided], _MOST_SHOWN)
    return not_here(item for item, _ in decided) or NotFoundError(
        f"none of {counted(len(decided), 'file')} exists unchanged ({sources}); restore them and "
        "`thresher ingest` their folder"
    )


def _faded(items: Sequence[Item], files: Sequence[ExportedFile]) -> int:
    """Return how many of the files that are written, or there already, have fades."""
    return sum(
        item.fade.frames > 0 and file.state in ("written", "there already")
        for item, file in zip(items, files, strict=True)
    )


# -- files to write ---------------------------------------------------------------------------------


def export_items(
    catalog: Catalog, connection: Connection, terms: Terms, form: Form, fade: float
) -> list[Item]:
    """The files of an export in the order of the query, without their sources and targets."""
    ids = select_ids(catalog, connection, terms)
    known = clip_rows(connection, ids)
    cut = cut_places(connection, ids)
    locations = known_files_in(catalog, connection, {row[recording.c.sha256] for row in known.values()})
    items = []
    for row in (known[clip_id] for clip_id in ids):
        clip_id, kind = row[clip.c.id], row[clip.c.kind]
        container, subtype = _output_format(row[recording.c.container], row[recording.c.subtype])
        frames, rate = row[clip.c.end_frame] - row[clip.c.start_frame], row[recording.c.sample_rate] or 1
        items.append(
            Item(
                clip_id,
                row[recording.c.sha256],
                tuple(locations[row[recording.c.sha256]]),
                row[clip.c.start_frame],
                row[clip.c.end_frame],
                container,
                subtype,
                _comment(row, cut.get(clip_id)),
                "trimmed" if form == "copy" and kind != "whole" else form,
                row[recording.c.decoder],
                fade=cut_fade(kind, fade, frames, rate),
                cut=cut.get(clip_id),
            )
        )
    return items


def _output_format(container: str | None, subtype: str | None) -> tuple[str, str]:
    """Container and subtype of a trimmed clip: its own if they can be written, otherwise WAV with floats."""
    own = "FLAC" if container == "FLAC" else "WAV"
    if subtype is not None and subtype in OUTPUT_FORMATS[suffix_of(own)].subtypes:
        return own, subtype
    return "WAV", "FLOAT"


def _comment(row: Any, cut: CutPlace | None) -> str:
    """The checkpoint as text, and the part or mark."""
    parts = [
        ("", row[checkpoint.c.run]),
        ("epoch ", row[checkpoint.c.epoch]),
        ("step ", row[checkpoint.c.step]),
    ]
    text = " ".join(f"{name}{value}" for name, value in parts if value is not None)
    return ", ".join(filter(None, [text, None if cut is None else cut.text]))


# -- existing files -----------------------------------------------------------------------------------------


def _checked_folder(folder: str | bytes | os.PathLike[str]) -> bytes:
    """The absolute path of the folder, which exists or can be created."""
    where = absolute(os.fsencode(folder))
    parent, name = os.path.split(where)
    if not os.path.isdir(where):
        if os.path.lexists(where):
            raise UsageError(f"{display_text(where)} is not a folder; give another --to DIR")
        if not os.path.isdir(parent):
            raise NotFoundError(
                f"there is no folder {display_text(parent)} to create {display_text(name)} in; create it first"
            )
    return where


def _check_writable(where: bytes) -> None:
    folder = where if os.path.isdir(where) else os.path.dirname(where)
    if (why := refusal_to_write(folder)) is not None:
        raise CatalogError(f"{display_text(folder)} is not writable: {why}; give another --to DIR")


def _status(path: bytes) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _decided(
    catalog: Catalog,
    items: Sequence[Item],
    guard: OutputGuard,
    *,
    overwrite: bool,
    dry_run: bool,
    progress: Progress,
) -> Iterator[tuple[Item, ExportedFile]]:
    """Each item with its entry in the report; the state "written" means that it is to be written."""
    sources: dict[str, KnownFile | None] = {}
    for done, item in enumerate(items, start=1):
        if item.sha256 not in sources:
            sources[item.sha256] = intact_file(catalog, item.locations)
        progress("looking", done, len(items))
    absent = all_elsewhere(catalog, [sha256 for sha256, source in sources.items() if source is None])
    with temporary_folder() as scratch:
        for done, plain in enumerate(items, start=1):
            item = replace(plain, source=sources[plain.sha256], elsewhere=absent.get(plain.sha256))
            try:
                file = _entry(item, guard, os.fsencode(scratch), overwrite=overwrite, dry_run=dry_run)
            except (ThresherError, OSError) as error:
                advice = "set TMPDIR to a folder with more room"
                file = item.report("failed", reason=_reason(error, os.fsencode(scratch), advice))
            yield item, file
            progress("comparing", done, len(items))


def _entry(item: Item, guard: OutputGuard, scratch: bytes, *, overwrite: bool, dry_run: bool) -> ExportedFile:
    if item.source is None:
        return item.report("missing", reason=item.why_missing)
    if item.form == "trimmed" and item.start == item.end:
        return item.report("failed", reason="its span is empty")
    if item.form == "link" and item.cut is not None:
        return item.report("failed", reason="a link would lead to its whole recording; leave out --link")
    there = _status(item.target)
    size = 0 if item.form == "link" else os.stat(item.source.path).st_size
    encoded = None
    if item.form == "trimmed" and (there is not None or dry_run):
        # the size and digest are known only after encoding
        encoded = os.path.join(scratch, b"clip")
        size = encode(item, encoded)
    if there is None:
        return item.report("written", size)
    if _is_same(item, there, encoded):
        return item.report("there already", 0 if stat.S_ISLNK(there.st_mode) else there.st_size)
    refusal = guard.refusal(item.target)
    if refusal is not None:
        return item.report("refused", reason=f"the target {refusal}")
    if not (stat.S_ISREG(there.st_mode) or stat.S_ISLNK(there.st_mode)):
        return item.report("refused", reason="the target exists and is not a file")
    return item.report("written", size) if overwrite else item.report("refused", reason=_OTHER)


def _is_same(item: Item, there: os.stat_result, encoded: bytes | None) -> bool:
    """Whether the target has the contents that would be written.

    A link does not count as a copy, because a person who gets the folder may not have its target. Where links are
    asked for, a copy is good enough.
    """
    if stat.S_ISLNK(there.st_mode) and item.form != "link":
        return False
    try:
        wanted = {file.sha256 for file in item.locations} if encoded is None else {sha256_file(encoded)}
        return sha256_file(item.target) in wanted
    except (OSError, AudioError):
        return False


def _refusal(where: bytes, refused: Sequence[tuple[Item, ExportedFile]]) -> str | None:
    """Why nothing is written; None if no target is refused."""
    if not refused:
        return None
    permanent = [(item, file) for item, file in refused if file.reason != _OTHER]
    shown = permanent or refused
    names = listed([display_text(os.path.basename(item.target)) for item, _ in shown], _MOST_SHOWN)
    if permanent:
        return (
            f"{counted(len(shown), 'name')} in {display_text(where)} can't be used ({names}): "
            f"{shown[0][1].reason}, which is never replaced; give another --to DIR"
        )
    return (
        f"{display_text(where)} contains other files with {counted(len(shown), 'name')} ({names}); "
        "give another --to DIR, or replace them with --overwrite"
    )


# -- writing -----------------------------------------------------------------------------------------------


def _write(
    catalog: Catalog,
    where: bytes,
    decided: Sequence[tuple[Item, ExportedFile]],
    guard: OutputGuard,
    progress: Progress,
    *,
    overwrite: bool,
) -> list[ExportedFile]:
    """Write the files. A file that can't be written is reported, and the others are written."""
    folder = Path(os.fsdecode(where))
    wanted = sum(file.state == "written" for _, file in decided)
    if not wanted:
        return [file for _, file in decided]
    try:
        if not os.path.isdir(where):
            os.mkdir(where)
            sync_folder(folder.parent)
        sweep(folder, [Path(os.fsdecode(item.target)) for item, _ in decided], guard)
    except OSError as error:
        raise CatalogError(
            f"{display_text(where)} is not writable: {error.strerror}; give another --to DIR"
        ) from error
    note = partial(note_output, catalog, kind="clip")
    files, done = [], 0
    try:
        for item, planned in decided:
            file = planned
            if planned.state == "written":
                try:
                    file = replace(planned, bytes=put(item, guard, note, overwrite=overwrite))
                except (ThresherError, OSError) as error:
                    written = f"{done:,} of {counted(wanted, 'file')} are written"
                    kept = f"{written}; run the same command again to continue"
                    file = item.report("failed", reason=_reason(error, item.target, kept))
                done += 1
                progress("exporting", done, wanted)
            files.append(file)
    finally:
        sync_folder(folder)
    return files


def _reason(error: Exception, path: bytes, advice: str) -> str:
    """Why a file can't be written. Raises CatalogError if no other file could be written, either."""
    if not isinstance(error, OSError):
        return str(error)
    words = error.strerror or str(error)
    if error.errno in _NO_ROOM:
        raise CatalogError(f"{display_text(path)} could not be written: {words}; {advice}") from error
    return words
