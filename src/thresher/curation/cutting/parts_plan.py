"""Plan what a split does to the parts of a recording: which of them stay, come back, are new, or go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from thresher.catalog.recordings.cut_clips import CutClip
from thresher.curation.cutting.matching import match
from thresher.signal.features.trim import Span


@dataclass(frozen=True)
class PlannedPart:
    """A part after a split. `clip` is its id; None if it is new. `stays`: it was a part before.

    `former` is the id of a part that goes and has a similar span: this one takes its place.
    """

    span: Span
    clip: int | None = None
    stays: bool = False
    former: int | None = None


@dataclass(frozen=True)
class PartsPlan:
    """The parts after a split, in order, and the ids of the parts that go."""

    parts: tuple[PlannedPart, ...]
    going: tuple[int, ...]


def plan_parts(spans: Sequence[Span], known: Sequence[CutClip]) -> PartsPlan:
    """Plan the parts with these spans, in order, for a recording with these clips, removed ones included.

    A part whose span stays the same keeps its id, and so does one that was removed before: it comes back.
    """
    parts = [each for each in known if each.kind == "part"]
    live = [each for each in parts if not each.removed]
    gone = {Span(each.start, each.end): each.id for each in reversed(parts) if each.removed}
    found = match(spans, [Span(each.start, each.end) for each in live])
    planned = []
    for index, span in enumerate(spans):
        if index in found.same:
            planned.append(PlannedPart(span, live[found.same[index]].id, stays=True))
        else:
            former = found.similar.get(index)
            planned.append(
                PlannedPart(span, gone.get(span), former=None if former is None else live[former].id)
            )
    staying = {part.clip for part in planned if part.stays}
    return PartsPlan(tuple(planned), tuple(each.id for each in live if each.id not in staying))
