"""Import an exported curation into a catalog of the same audio.

First the recordings are cut as in the file: splits and marks are decisions of their own. Then one decision brings
in everything else, so that one `undo` reverts it. An import can be repeated, for example after more audio was
ingested: it adds what was missing, and changes nothing else. The user who imports makes these decisions; their text
names the people who decided in the other catalog.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.writers import this_label
from thresher.catalog.decisions.decide import decide
from thresher.catalog.decisions.journal import Assignment
from thresher.curation.backups.curation_records import Curation, Ref, read_curation
from thresher.curation.backups.import_cuts import cut, missing_marks, to_split
from thresher.curation.backups.import_judgements import Chooser, judgements, verdicts
from thresher.curation.backups.import_matching import Matches, match
from thresher.curation.backups.import_songs import IMPORT, SongImport
from thresher.curation.comparison.score import score_all
from thresher.curation.comparison.suspects import examine
from thresher.errors import UsageError
from thresher.progress import Progress, no_progress


@dataclass(frozen=True)
class MissingAudio:
    """A recording of the file that is not in the catalog, and the path that it had."""

    sha256: str
    path: str | None


@dataclass(frozen=True)
class CurationImport:
    """What an import did, or what a dry run would do.

    `recordings` of the file were found here; `missing` were not, and `missing_clips` parts and marks of those found
    are not here. `cuts` counts the splits and marks that a dry run would make first. `changes` is the number of
    changed fields. `conflicts` are sentences about values that the catalog and the file have differently, and
    `notes` sentences about what could not be brought in as it was. `waiting` renderings have clips that are not
    here.
    """

    recordings: int
    missing: tuple[MissingAudio, ...]
    missing_clips: int
    cuts: int
    changes: int
    songs: int
    renderings: int
    waiting: int
    conflicts: tuple[str, ...]
    notes: tuple[str, ...]
    decision: int | None
    dry_run: bool


def import_catalog(
    catalog: Catalog,
    file: Path,
    *,
    replace: bool = False,
    dry_run: bool = False,
    executor: str | None = None,
    progress: Progress = no_progress,
) -> CurationImport:
    """Bring the curation in a file into the catalog.

    What the catalog says stays; with `replace`, the file wins. Raises NotFoundError if there is no such file, and
    UsageError for one that is not an exported curation, or damaged.
    """
    curation = read_curation(file)
    with catalog.reading() as connection:
        matches = match(connection, curation.recording)
        splits = sum(map(len, to_split(connection, curation.recording, matches)[0].values()))
    marks = sum(
        len(missing_marks(each, matches)) for each in curation.recording if each.sha256 in matches.recordings
    )
    notes: tuple[str, ...] = ()
    if not dry_run and splits + marks:
        # what is wrong with the file is found before anything is cut
        _carried_out(catalog, file, curation, matches, notes, 0, replace=replace, dry_run=True)
        source = _source(file, curation)
        notes = cut(catalog, curation.recording, matches, source, executor=executor, progress=progress)
        with catalog.reading() as connection:
            matches = match(connection, curation.recording)
    if not dry_run and any(clip.kind != "whole" for each in curation.recording for clip in each.clips):
        # of the parts and marks of this import, and of an interrupted one; songs are compared by their scores
        score_all(catalog, progress, executor=executor)
        examine(catalog)
    return _carried_out(
        catalog, file, curation, matches, notes, splits + marks, replace=replace, dry_run=dry_run
    )


def _carried_out(
    catalog: Catalog,
    file: Path,
    curation: Curation,
    matches: Matches,
    notes: tuple[str, ...],
    cuts: int,
    *,
    replace: bool,
    dry_run: bool,
) -> CurationImport:
    def carry_out(connection: Connection) -> CurationImport:
        chooser = Chooser(replace=replace)
        songs = SongImport(catalog, connection, matches, replaces=replace)

        def assignments() -> Iterator[Assignment]:
            # each part is read only when the journal has made the assignments before it
            yield from judgements(connection, curation.recording, matches, chooser)
            yield from verdicts(connection, curation.checkpoint, chooser)
            yield from songs.queries(curation)
            yield from songs.changes(curation)

        songs.store_covers(curation)
        made = decide(connection, IMPORT, f"import {_source(file, curation)}", assignments())
        songs.store_renderings(curation)
        return CurationImport(
            len(matches.recordings),
            tuple(
                MissingAudio(each.sha256, each.path)
                for each in curation.recording
                if each.sha256 not in matches.recordings
            ),
            _missing_clips(curation, matches),
            cuts if dry_run else 0,
            0 if made is None else len(made.changes),
            len(curation.song),
            songs.renderings,
            songs.waiting,
            (*chooser.conflicts, *songs.conflicts),
            (*notes, *songs.notes),
            None if made is None or dry_run else made.id,
            dry_run,
        )

    try:
        return catalog.write(carry_out, dry_run=dry_run)
    except IntegrityError as error:
        raise UsageError(
            f"{file} has values that no catalog can have ({error.orig}); nothing was imported"
        ) from error


def _source(file: Path, curation: Curation) -> str:
    """Return the name of a file, and who decided what is in it, unless it was only the user of this process."""
    people = curation.decided_by
    return file.name if people in ((), (this_label(),)) else f"{file.name} (decisions by {', '.join(people)})"


def _missing_clips(curation: Curation, matches: Matches) -> int:
    return sum(
        matches.find(Ref(each.sha256, of_clip.kind, of_clip.start, of_clip.end)) is None
        for each in curation.recording
        if each.sha256 in matches.recordings
        for of_clip in each.clips
        if not of_clip.removed
    )
