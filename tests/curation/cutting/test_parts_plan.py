"""Parts stay, come back, are new, or take the place of others."""

from __future__ import annotations

from thresher.catalog.recordings.cut_clips import CutClip
from thresher.curation.cutting.parts_plan import PartsPlan, PlannedPart, plan_parts
from thresher.signal.features.trim import Span


def part(clip_id: int, start: int, end: int, *, removed: bool = False, kind: str = "part") -> CutClip:
    return CutClip(clip_id, 1, kind, start, end, None, removed)


def test_without_parts_all_are_new() -> None:
    assert plan_parts([Span(0, 9)], []) == PartsPlan((PlannedPart(Span(0, 9)),), ())


def test_equal_spans_stay_and_removed_ones_come_back() -> None:
    known = [part(1, 0, 9), part(2, 10, 20, removed=True), part(3, 30, 40)]
    plan = plan_parts([Span(0, 9), Span(10, 20)], known)
    assert plan.parts == (PlannedPart(Span(0, 9), 1, stays=True), PlannedPart(Span(10, 20), 2))
    assert plan.going == (3,)


def test_a_similar_part_goes_and_names_its_former() -> None:
    plan = plan_parts([Span(0, 12)], [part(1, 0, 9)])
    assert plan == PartsPlan((PlannedPart(Span(0, 12), former=1),), (1,))


def test_a_removed_part_that_comes_back_can_take_the_place_of_another() -> None:
    plan = plan_parts([Span(0, 12)], [part(1, 0, 9), part(2, 0, 12, removed=True)])
    assert plan == PartsPlan((PlannedPart(Span(0, 12), 2, former=1),), (1,))


def test_marks_are_not_parts() -> None:
    plan = plan_parts([Span(0, 9)], [part(1, 0, 9, kind="marked")])
    assert plan == PartsPlan((PlannedPart(Span(0, 9)),), ())
