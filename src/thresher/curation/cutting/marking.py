"""Make marks of spans of one recording, as one decision. A span that is a mark already is not marked twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip
from thresher.catalog.decisions.decide import decide
from thresher.catalog.decisions.journal import Assignment, Decision
from thresher.catalog.recordings.clip_content import ClipContent
from thresher.catalog.recordings.clip_rows import clip_rows
from thresher.catalog.recordings.cut_clips import CutClip, add_cut_clips, cut_clips, wholes_of
from thresher.curation.cutting.places import MarkPlace
from thresher.curation.cutting.spans import analyse_spans
from thresher.errors import AudioError, NotFoundError
from thresher.progress import Progress, no_progress
from thresher.signal.features.trim import Span

State = Literal["new", "restored", "renamed", "unchanged"]
"""What a command did with a mark; "restored": it was removed earlier and is back with its rating and tags."""


@dataclass(frozen=True)
class WantedMark:
    """A span to mark, in frames of its recording. Without a name, a mark that exists keeps its own."""

    span: Span
    name: str | None = None


@dataclass(frozen=True)
class MarkRow:
    """A mark. `start` and `end` are seconds of its recording; `clip` is None if only a dry run would make it."""

    clip: int | None
    name: str | None
    start: float
    end: float
    status: str
    reason: str | None
    state: State

    @property
    def seconds(self) -> float:
        """The length of the mark."""
        return self.end - self.start


def make_marks(
    catalog: Catalog,
    place: MarkPlace,
    wanted: Sequence[WantedMark],
    summary: str,
    *,
    dry_run: bool = False,
    progress: Progress = no_progress,
) -> tuple[tuple[MarkRow, ...], Decision | None]:
    """Mark spans of a recording, each of them another one, and score the new marks.

    Return the marks in the order of `wanted`, and the decision, None if nothing changed. A dry run analyses the
    spans, too. Raises NotFoundError if no file holds the recording now, AudioError if it can't be decoded.
    """
    with catalog.reading() as connection:
        known = _known(connection, place.recording)
    new = [each.span for each in wanted if each.span not in known]
    contents = _analysed(catalog, place, new, progress) if new else {}

    def carry_out(connection: Connection) -> tuple[list[MarkRow], Decision | None]:
        if not wholes_of(connection, [place.recording]):
            raise NotFoundError(f"clip {place.clip} was forgotten meanwhile; `thresher list` shows all clips")
        rows, assignments = _placed(connection, place, wanted, contents)
        return rows, decide(connection, "mark", summary, assignments)

    rows, made = catalog.write(carry_out, dry_run=dry_run)
    if dry_run:
        rows = [_without_id(row) if row.state == "new" else row for row in rows]
    else:
        from thresher.curation.comparison.score import score_all

        score_all(catalog, progress)  # of unchanged marks, too: an earlier command may have been interrupted
    return tuple(rows), made


def _known(connection: Connection, recording_id: int) -> dict[Span, CutClip]:
    """Return the marks of a recording by their span, removed ones included."""
    cuts = cut_clips(connection, [recording_id], with_removed=True).get(recording_id, [])
    return {Span(each.start, each.end): each for each in cuts if each.kind == "marked"}


def _analysed(
    catalog: Catalog, place: MarkPlace, spans: Sequence[Span], progress: Progress
) -> dict[Span, ClipContent]:
    """Return the contents of spans, in this process: the decoder has read the file before."""
    analysed = analyse_spans(catalog, {place.recording: spans}, executor="serial", progress=progress)
    if place.recording in analysed.failures:
        raise NotFoundError(f"clip {place.clip} can't be marked: {analysed.failures[place.recording]}")
    contents = analysed.contents[place.recording]
    for span, content in zip(spans, contents, strict=True):
        if (content.start_frame, content.end_frame) != (span.start, span.end):
            ends = content.end_frame / place.sample_rate
            raise AudioError(
                f"clip {place.clip} can't be marked: its file ends at {ends:.3f} s; "
                f"`thresher reanalyse {place.clip}` reads it again"
            )
    return dict(zip(spans, contents, strict=True))


def _placed(
    connection: Connection,
    place: MarkPlace,
    wanted: Sequence[WantedMark],
    contents: Mapping[Span, ClipContent],
) -> tuple[list[MarkRow], list[Assignment]]:
    """Add the marks that do not exist yet, and return all of them with what the decision assigns."""
    known = _known(connection, place.recording)
    new = [each for each in wanted if each.span not in known]
    added = add_cut_clips(
        connection,
        place.recording,
        "marked",
        [contents[each.span] for each in new],
        [each.name for each in new],
    )
    ids = {each.span: clip_id for each, clip_id in zip(new, added, strict=True)}
    ids |= {span: mark.id for span, mark in known.items()}
    states: list[State] = []
    assignments = []
    for each in wanted:
        mark, clip_id = known.get(each.span), ids[each.span]
        is_renamed = mark is not None and each.name not in (None, mark.name)
        if mark is None or mark.removed:
            assignments.append(Assignment("clip", clip_id, "removed", False))
        if is_renamed:
            assignments.append(Assignment("clip", clip_id, "name", each.name))
        if mark is None:
            states.append("new")
        else:
            states.append("restored" if mark.removed else "renamed" if is_renamed else "unchanged")
    stored = clip_rows(connection, list(ids.values()))
    names = {each.span: each.name for each in wanted if each.name is not None}
    rows = [
        MarkRow(
            ids[each.span],
            names.get(each.span, stored[ids[each.span]][clip.c.name]),
            each.span.start / place.sample_rate,
            each.span.end / place.sample_rate,
            stored[ids[each.span]][clip.c.status] or "ok",
            stored[ids[each.span]][clip.c.reason],
            state,
        )
        for each, state in zip(wanted, states, strict=True)
    ]
    return rows, assignments


def _without_id(row: MarkRow) -> MarkRow:
    return MarkRow(**{**vars(row), "clip": None})
