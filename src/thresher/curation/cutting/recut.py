"""Cut a recording again after a new analysis: its marks stay where they were, its parts follow its split.

A new analysis is not a decision. A part keeps its id, even if its span changes, as a whole does. The functions that
take a connection run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select, update

from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import USABLE_STATUSES, clip, recording
from thresher.catalog.recordings.clip_content import ClipContent
from thresher.catalog.recordings.cut_clips import CutClip, add_cut_clips, cut_clips
from thresher.curation.analysis.task import Analysis, AnalysisTask, ClipAnalysis, cut_content_of
from thresher.curation.cutting.parts_plan import plan_parts
from thresher.signal.features.split_settings import SplitSettings, split_of_key
from thresher.signal.features.trim import Span


@dataclass(frozen=True)
class Cuts:
    """How a recording is cut: its split, None if it was not split, and its parts and marks, removed ones included.

    Their spans are in frames at `sample_rate`.
    """

    recording_id: int
    sample_rate: int
    split: SplitSettings | None
    clips: tuple[CutClip, ...]

    @property
    def marks(self) -> tuple[CutClip, ...]:
        """The marks that are there."""
        return tuple(each for each in self.clips if each.kind == "marked" and not each.removed)

    @property
    def present(self) -> tuple[CutClip, ...]:
        """The parts and marks that are there."""
        return tuple(each for each in self.clips if not each.removed)

    def task_of_present(self, task: AnalysisTask) -> AnalysisTask:
        """Return a task of analysing the recording, with its parts and marks where they are."""
        spans = tuple(Span(each.start, each.end) for each in self.present)
        return replace(task, spans=spans, spans_rate=self.sample_rate)

    def task(self, task: AnalysisTask) -> AnalysisTask:
        """Return a task of analysing the recording, with its marks and its split."""
        spans = tuple(Span(each.start, each.end) for each in self.marks)
        return replace(task, spans=spans, spans_rate=self.sample_rate, split=self.split)


@dataclass(frozen=True)
class Recut:
    """What a new analysis makes of the parts and marks of a recording.

    `contents` are those of clips that the catalog knows, by id. `back` are removed parts that come back, `fresh`
    the contents of new parts, and `gone` the parts that are not found any more. `is_whole`: nothing is split now.
    """

    contents: dict[int, ClipContent]
    back: tuple[int, ...] = ()
    fresh: tuple[ClipContent, ...] = ()
    gone: tuple[int, ...] = ()
    is_whole: bool = False

    @property
    def changes_clips(self) -> bool:
        """Whether clips come or go, so that the score matrices have to follow."""
        return bool(self.back or self.fresh or self.gone)


def cuts_of(connection: Connection, recording_ids: Iterable[int]) -> dict[int, Cuts]:
    """Return how recordings are cut, by recording; without a split and without clips, they are left out."""
    ids = list(recording_ids)
    clips = cut_clips(connection, ids, with_removed=True)
    found = {}
    columns = (recording.c.id, recording.c.sample_rate, recording.c.split)
    for chunk in chunks(ids):
        statement = select(*columns).where(recording.c.id.in_(chunk)).order_by(recording.c.id)
        for row in connection.execute(statement):
            if row.split is not None or row.id in clips:
                split = None if row.split is None else split_of_key(row.split)
                found[row.id] = Cuts(row.id, row.sample_rate or 1, split, tuple(clips.get(row.id, ())))
    return found


def recut(cuts: Cuts, analysis: Analysis, trim: str) -> Recut:
    """Return what an analysis by `cuts.task` makes of the clips; `trim` is the key of the trim settings.

    If no part of the recording can be used, its parts and marks stay where they are, with its status.
    """
    if analysis.status not in USABLE_STATUSES:
        return Recut(
            {
                each.id: cut_content_of(
                    ClipAnalysis(Span(each.start, each.end), analysis.status, analysis.reason), trim
                )
                for each in cuts.present
            }
        )
    marks = zip(cuts.marks, analysis.clips, strict=True)
    contents = {each.id: cut_content_of(found, trim) for each, found in marks}
    if cuts.split is None:
        return Recut(contents)
    rate = analysis.format.sample_rate if analysis.format else cuts.sample_rate
    known = [_at_rate(each, cuts.sample_rate, rate) for each in cuts.clips]
    plan = plan_parts([part.span for part in analysis.parts], known)
    fresh, back = [], []
    for part, found in zip(plan.parts, analysis.parts, strict=True):
        clip_id = part.former if part.clip is None else part.clip
        if clip_id is None:
            fresh.append(cut_content_of(found, trim))
            continue
        contents[clip_id] = cut_content_of(found, trim)
        if not part.stays and clip_id != part.former:
            back.append(clip_id)
    gone = tuple(clip_id for clip_id in plan.going if clip_id not in contents)
    return Recut(contents, tuple(back), tuple(fresh), gone, not plan.parts)


def store_recut(connection: Connection, cuts: Cuts, found: Recut) -> None:
    """Bring parts in and take parts away; their contents are stored with the recording's."""
    added = add_cut_clips(connection, cuts.recording_id, "part", found.fresh)
    _set_removed(connection, (*found.back, *added), removed=False)
    _set_removed(connection, found.gone, removed=True)
    if found.is_whole:
        of_recording = recording.c.id == cuts.recording_id
        connection.execute(update(recording).where(of_recording).values(split=None))


def _at_rate(cut: CutClip, before: int, now: int) -> CutClip:
    """Return a clip with its span at another sample rate: another decoder may decode at another rate."""
    if before == now:
        return cut
    return replace(cut, start=round(cut.start * now / before), end=round(cut.end * now / before))


def _set_removed(connection: Connection, clip_ids: Sequence[int], *, removed: bool) -> None:
    for chunk in chunks(clip_ids):
        connection.execute(update(clip).where(clip.c.id.in_(chunk)).values(removed=removed))
