"""Marks of one recording in one decision: a span is one mark, whatever happened to it before."""

from __future__ import annotations

import os

import pytest

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.scores import scores
from thresher.curation.clips.listing import list_clips, list_values
from thresher.curation.cutting.marking import WantedMark, make_marks
from thresher.curation.cutting.marks import mark, unmark
from thresher.curation.cutting.places import find_place
from thresher.curation.cutting.undo import undo
from thresher.curation.ingest.forget import forget
from thresher.errors import NotFoundError
from thresher.signal.features.trim import Span


def test_the_same_span_is_marked_once_and_a_new_name_renames_it(bench: Catalog) -> None:
    mark(bench, "1", 0, 4, name="drop")
    report = mark(bench, "1", 0, 4.00001)
    assert (report.decision, report.marks[0].state, report.marks[0].clip) == (None, "unchanged", 4)
    report = mark(bench, "1", 0, 4, name="rise")
    assert (report.marks[0].state, report.marks[0].clip, report.marks[0].name) == ("renamed", 4, "rise")
    assert [each.id for each in list_clips(bench, "mark:rise")] == [4]
    undo(bench)
    assert [each.id for each in list_clips(bench, "mark:drop")] == [4]


def test_a_recording_without_a_file_is_not_marked(bench: Catalog) -> None:
    os.remove(bench.root / "in/b.wav")
    for dry_run in (True, False):
        with pytest.raises(
            NotFoundError, match="clip 2 can't be marked: no file holds the recording now; restore"
        ):
            mark(bench, "2", 0, 1, dry_run=dry_run)
    with pytest.raises(NotFoundError, match="no clip has the id 9"):
        mark(bench, "9", 0, 1)


def test_a_removed_mark_comes_back_without_its_file(bench: Catalog) -> None:
    mark(bench, "2", 0, 3.5)
    unmark(bench, ["4"])
    os.remove(bench.root / "in/b.wav")
    assert mark(bench, "2", 0, 3.5).marks[0].state == "restored"


def test_new_restored_renamed_and_unchanged_marks_in_one_decision(bench: Catalog) -> None:
    for start in (0, 1, 2):
        mark(bench, "2", start, start + 1, name=f"at {start}")
    unmark(bench, ["4"])
    with bench.reading() as connection:
        place = find_place(bench, connection, "2", "clip")
    wanted = [
        WantedMark(place.span(3, 4)),
        WantedMark(place.span(0, 1)),
        WantedMark(place.span(1, 2), "other"),
        WantedMark(place.span(2, 3), "at 2"),
    ]
    rows, made = make_marks(bench, place, wanted, "four")
    assert [(row.clip, row.state, row.name) for row in rows] == [
        (7, "new", None),
        (4, "restored", "at 0"),
        (5, "renamed", "other"),
        (6, "unchanged", "at 2"),
    ]
    assert made is not None
    assert len(made.changes) == 3
    found = list_values(bench, "kind:marked id+", ["mark"])
    assert [values["mark"] for values in found.values] == ["at 0", "other", "at 2", None]


def test_a_recording_that_was_forgotten_meanwhile_is_not_marked(bench: Catalog) -> None:
    with bench.reading() as connection:
        place = find_place(bench, connection, "2", "clip")

    def forget_it(*_: object) -> None:
        forget(bench, str(bench.root / "in/b.wav"))

    with pytest.raises(NotFoundError, match="clip 2 was forgotten meanwhile"):
        make_marks(bench, place, [WantedMark(Span(0, 16_000))], "one", progress=forget_it)


def test_a_mark_that_was_not_scored_is_scored_by_the_same_command(bench: Catalog) -> None:
    mark(bench, "2", 0, 3.5)
    scored = list_clips(bench, "4")[0].score
    assert scored is not None
    with writing(bench) as connection:
        scores.retire(connection, [4])
    assert list_clips(bench, "4")[0].score is None
    assert mark(bench, "2", 0, 3.5).decision is None
    assert list_clips(bench, "4")[0].score == scored
