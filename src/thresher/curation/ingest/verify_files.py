"""Check the files of a catalog: whether they are there, and whether they still hold their audio."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, select, update

from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import FileCheck, FileState, KnownFile, check_file, content_state
from thresher.catalog.database.schema import USABLE_STATUSES, clip, location, recording, rendering
from thresher.catalog.files.files import Hashes
from thresher.catalog.files.stamps import Unstable, is_same, stamp_of
from thresher.catalog.recordings.clip_source import IS_SHOWN, STATUS
from thresher.catalog.recordings.locations import look_at
from thresher.curation.workers import Workers
from thresher.progress import Progress


@dataclass(frozen=True)
class FilesReport:
    """The state of the files that the catalog does not mark missing; paths are as listings show them.

    `gone` files are not there. `changed` files hold other bytes; without `rehashed`, their size or time of
    change differs, which says only that they may. `unreadable` files may still hold their audio. `marked`
    counts the recordings of which no file is left, which `missing:yes` finds. Listings leave out
    `marked_hidden` of them, which are rejected or not usable. If `rehashed`, `renderings` are compared with their
    hashes too: those in `renderings_changed` hold other bytes, and those in `renderings_gone` are not there.
    `elsewhere` other files are below roots that this machine lacks, and were not looked at; neither were renderings
    there.
    """

    files: int
    gone: tuple[str, ...]
    changed: tuple[str, ...]
    unreadable: tuple[str, ...]
    marked: int
    marked_hidden: int
    rehashed: bool
    renderings: int = 0
    renderings_gone: tuple[str, ...] = ()
    renderings_changed: tuple[str, ...] = ()
    elsewhere: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether each file holds its audio, as far as it was checked; renderings may be moved or deleted."""
        return not (
            self.gone or self.unreadable or (self.rehashed and self.changed) or self.renderings_changed
        )


def check_files(catalog: Catalog, *, rehash: bool, progress: Progress) -> FilesReport:
    """Look at every file, and with `rehash` read it. The next ingest reads again what has changed."""
    with catalog.reading() as connection:
        rows = connection.execute(
            select(location)
            .where(location.c.missing_since.is_(None), location.c.recording_id.is_not(None))
            .order_by(location.c.root, location.c.path)
        ).all()
        marked, hidden = _recordings_without_file(connection)
    roots = catalog.roots.as_now()
    known = [
        (row.id, KnownFile(path, row.path_text, row.sha256, look_at(row)))
        for row in rows
        if (path := roots.absolute(row.root, row.path)) is not None
    ]
    found: dict[FileState, list[str]] = {state: [] for state in FileState}
    changed: list[int] = []
    for done, (location_id, file, check) in enumerate(_checks(known, rehash=rehash), start=1):
        found[check.state].append(file.path_text)
        if rehash and check.state is FileState.CHANGED:
            changed.append(location_id)
            catalog.hashes.forget(file.path)
        progress("reading files" if rehash else "looking at files", done, len(known))
    if changed:  # equal stamps would hide the change from the next ingest
        catalog.write(partial(_forget_looks, location_ids=changed))
    rendered = _renderings(catalog) if rehash else {}
    return FilesReport(
        len(known),
        tuple(found[FileState.MISSING]),
        tuple(found[FileState.CHANGED]),
        tuple(found[FileState.UNREADABLE]),
        marked,
        hidden,
        rehash,
        len(rendered),
        tuple(path for path, state in rendered.items() if state is FileState.MISSING),
        tuple(path for path, state in rendered.items() if state in (FileState.CHANGED, FileState.UNREADABLE)),
        len(rows) - len(known),
    )


def _forget_looks(connection: Connection, location_ids: Sequence[int]) -> None:
    for location_id in location_ids:
        nothing = update(location).where(location.c.id == location_id)
        connection.execute(nothing.values(ctime_ns=None, inode=None, looked_at=None))


def _renderings(catalog: Catalog) -> dict[str, FileState]:
    """Read the files of renderings: at each path, the last rendering that was written there."""
    with catalog.reading() as connection:
        columns = (rendering.c.root, rendering.c.path_text, rendering.c.sha256)
        last = {row[:2]: row[2] for row in connection.execute(select(*columns).order_by(rendering.c.id))}
    return {
        text: content_state(path, sha256)
        for (root, text), sha256 in last.items()
        if (path := catalog.absolute_of_text(text, root)) is not None
    }


def _recordings_without_file(connection: Connection) -> tuple[int, int]:
    """Return how many recordings have no file any more, and how many of them no listing shows."""
    present = select(location.c.recording_id).where(
        location.c.missing_since.is_(None), location.c.recording_id.is_not(None)
    )
    lost = select(location.c.recording_id).where(location.c.recording_id.not_in(present)).distinct()
    shown = (
        select(recording.c.id)
        .join(clip, clip.c.recording_id == recording.c.id)
        .where(recording.c.id.in_(lost), STATUS.in_(USABLE_STATUSES), ~clip.c.rejected, IS_SHOWN)
        .distinct()
    )
    total = len(connection.scalars(lost).all())
    return total, total - len(connection.scalars(shown).all())


def _checks(
    known: list[tuple[int, KnownFile]], *, rehash: bool
) -> Iterator[tuple[int, KnownFile, FileCheck]]:
    look = partial(check_file, hashes=Hashes(), rehash=True) if rehash else _look
    with Workers("threads:2") as workers:
        for (location_id, file), check in workers.map(look, ((each, each[1]) for each in known)):
            assert isinstance(check, FileCheck)
            yield location_id, file, check


def _look(file: KnownFile) -> FileCheck:
    try:
        stamp = stamp_of(os.stat(file.path))
    except (FileNotFoundError, NotADirectoryError):
        return FileCheck(FileState.MISSING)
    except OSError:
        return FileCheck(FileState.UNREADABLE)
    is_equal = is_same(file.look, stamp, Unstable(ctime=True, inode=True))
    return FileCheck(FileState.INTACT if is_equal else FileState.CHANGED, file.look)
