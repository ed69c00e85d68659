"""Cut the recordings of a catalog as an exported curation says: split them, and make its marks.

Both are decisions of their own, made from the audio: a recording whose file is missing is reported, and cut by a
later import.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import recording
from thresher.catalog.recordings.cut_clips import wholes_of
from thresher.curation.backups.curation_records import ClipRecord, RecordingRecord, Ref
from thresher.curation.backups.import_matching import Matches
from thresher.curation.cutting.marking import WantedMark, make_marks
from thresher.curation.cutting.places import find_place
from thresher.curation.cutting.split import split
from thresher.errors import ThresherError
from thresher.formatting import counted
from thresher.progress import Progress, no_progress
from thresher.signal.features.trim import Span


def cut(
    catalog: Catalog,
    records: Sequence[RecordingRecord],
    matches: Matches,
    source: str,
    *,
    executor: str | None = None,
    progress: Progress = no_progress,
) -> tuple[str, ...]:
    """Split recordings and make marks as in the file named `source`; return sentences about what was not cut."""
    notes = [*_split(catalog, records, matches, executor, progress)]
    for each in records:
        missing = missing_marks(each, matches)
        if missing and each.sha256 in matches.recordings:
            try:
                _mark(catalog, each, matches.recordings[each.sha256], missing, source)
            except ThresherError as error:
                notes.append(f"{counted(len(missing), 'mark')} of {each.path}: {error}")
    return tuple(notes)


def missing_marks(record: RecordingRecord, matches: Matches) -> list[ClipRecord]:
    """Return the marks of a recording that are not in the catalog."""
    return [
        each
        for each in record.clips
        if each.kind == "marked"
        and not each.removed
        and not matches.is_shown(Ref(record.sha256, each.kind, each.start, each.end))
    ]


def to_split(
    connection: Connection, records: Sequence[RecordingRecord], matches: Matches
) -> tuple[dict[str, list[RecordingRecord]], list[RecordingRecord]]:
    """Return the recordings to split, by the key of their split, and those that are split otherwise here."""
    wanted: dict[str, list[RecordingRecord]] = {}
    otherwise = []
    for each in records:
        recording_id = matches.recordings.get(each.sha256)
        if each.split is None or recording_id is None:
            continue
        key = each.split_settings.key
        here = connection.scalar(select(recording.c.split).where(recording.c.id == recording_id))
        if here is None:
            wanted.setdefault(key, []).append(each)
        elif here != key:
            otherwise.append(each)
    return wanted, otherwise


def _split(
    catalog: Catalog,
    records: Sequence[RecordingRecord],
    matches: Matches,
    executor: str | None,
    progress: Progress,
) -> list[str]:
    with catalog.reading() as connection:
        wanted, otherwise = to_split(connection, records, matches)
        wholes = wholes_of(connection, matches.recordings.values())
    notes = [f"{each.path} is split otherwise here, and stays so" for each in otherwise]
    for of_key in wanted.values():
        terms = [str(wholes[matches.recordings[each.sha256]]) for each in of_key]
        report = split(catalog, terms, of_key[0].split_settings, executor=executor, progress=progress)
        notes += [f"{each.path}: {each.reason}" for each in (*report.unchanged, *report.failures)]
    return notes


def _mark(
    catalog: Catalog, record: RecordingRecord, recording_id: int, marks: Sequence[ClipRecord], source: str
) -> None:
    with catalog.reading() as connection:
        whole = wholes_of(connection, [recording_id])[recording_id]
        place = find_place(catalog, connection, str(whole), "recording")
    wanted = [
        WantedMark(Span(each.start, each.end), each.name)
        for each in marks
        if each.start is not None and each.end is not None and each.start < each.end
    ]
    make_marks(
        catalog, place, wanted, f"import {counted(len(wanted), 'mark')} of {record.path} from {source}"
    )
