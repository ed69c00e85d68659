"""The recordings that a query selects, as far as a split needs to know them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import find_content
from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import USABLE_STATUSES, clip, location, recording
from thresher.catalog.queries.text import Terms
from thresher.catalog.recordings.clip_source import SOURCE, shown_location
from thresher.curation.analysis.survey import SurveyTask
from thresher.curation.analysis.task import AnalysisTask, task_for, trim_of_key
from thresher.curation.clips.reach import no_match
from thresher.curation.clips.selection import recordings_of, select_by_id, select_ids
from thresher.signal.features.split_settings import SplitSettings
from thresher.signal.features.trim import Span

CHANGED = "was changed by another command in the meantime; run this one again"


@dataclass(frozen=True)
class Target:
    """A recording: where it is shown, its whole clip and its span in frames, and how it was split (a key, or None).

    `trim` is the key of the settings that its whole was trimmed with.
    """

    id: int
    path: str
    sha256: str
    status: str
    frames: int
    sample_rate: int
    decoder: str | None
    split: str | None
    whole: int
    span: Span
    trim: str

    @property
    def is_usable(self) -> bool:
        """Whether it has sound that can be used."""
        return self.status in USABLE_STATUSES and self.frames > 0


def find_targets(catalog: Catalog, connection: Connection, terms: Terms) -> list[Target]:
    """Return the recordings of the clips that a listing of the terms shows, and of those that they name by id.

    Raises NotFoundError if there are none.
    """
    ids = {*select_ids(catalog, connection, terms), *select_by_id(catalog, connection, terms)}
    if not ids:
        raise no_match(catalog, connection, terms)
    return targets_of(connection, recordings_of(connection, sorted(ids)))


def targets_of(connection: Connection, recording_ids: Sequence[int]) -> list[Target]:
    """Return recordings by ascending id."""
    columns = (
        recording.c.id,
        shown_location(location.c.path_text).label("path"),
        recording.c.sha256,
        recording.c.status,
        recording.c.frames,
        recording.c.sample_rate,
        recording.c.decoder,
        recording.c.split,
        clip.c.id.label("whole"),
        clip.c.start_frame,
        clip.c.end_frame,
        clip.c.trim,
    )
    found = []
    for chunk in chunks(recording_ids):
        statement = (
            select(*columns).select_from(SOURCE).where(recording.c.id.in_(chunk), clip.c.kind == "whole")
        )
        for row in connection.execute(statement):
            span = Span(row.start_frame, row.end_frame)
            described = (row.path or "", row.sha256, row.status, row.frames or 0, row.sample_rate or 1)
            found.append(Target(row.id, *described, row.decoder, row.split, row.whole, span, row.trim))
    return sorted(found, key=lambda target: target.id)


def as_they_were(connection: Connection, targets: Sequence[Target]) -> tuple[list[Target], list[Target]]:
    """Return the recordings that are still as they were read, and those that changed since or were forgotten.

    Where a recording is shown does not matter.
    """
    now = {target.id: target for target in targets_of(connection, [target.id for target in targets])}
    same: list[Target] = []
    changed: list[Target] = []
    for target in targets:
        found = now.get(target.id)
        is_same = found is not None and replace(found, path=target.path) == target
        (same if is_same else changed).append(target)
    return same, changed


def analysis_tasks(
    catalog: Catalog, targets: Sequence[Target], settings: SplitSettings
) -> Iterator[tuple[Target, AnalysisTask | None]]:
    """Yield the task of finding and analysing the parts of each recording, None where no file holds it now."""
    for target in targets:
        file = find_content(catalog, target.sha256)
        if file is None:
            yield target, None
            continue
        task = task_for(file.path, file.look.size, file.look.mtime_ns, catalog.settings)
        # The parts belong to the samples that the whole was found in.
        trim = trim_of_key(target.trim)
        yield target, replace(task, trim=trim, decoder=target.decoder, split=settings, spans_only=True)


def survey_tasks(
    catalog: Catalog, targets: Sequence[Target], settings: SplitSettings | None
) -> Iterator[tuple[Target, SurveyTask | None]]:
    """Yield the task of surveying each recording, None where no file holds it now."""
    longest = catalog.settings.audio.max_length
    for target in targets:
        file = find_content(catalog, target.sha256)
        if file is None:
            yield target, None
            continue
        look, trim = file.look, trim_of_key(target.trim)
        yield target, SurveyTask(file.path, look.size, look.mtime_ns, trim, longest, settings, target.decoder)
