"""Parts and marks: their places, their order, and ordinals that only grow."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip
from thresher.catalog.recordings.clip_content import ClipContent
from thresher.catalog.recordings.cut_clips import (
    CutPlace,
    add_cut_clips,
    cut_places,
    cut_places_within,
    wholes_of,
)
from thresher.catalog.recordings.cut_clips import (
    cut_clips as cuts_of,
)


@pytest.mark.parametrize(
    ("place", "text", "label"),
    [
        (CutPlace("part", 3, 9, None), "part 3 of 9", "part3"),
        (CutPlace("part", 3, 10, None), "part 3 of 10", "part03"),
        (CutPlace("part", 100, 100, None), "part 100 of 100", "part100"),
        (CutPlace("marked", 2, 3, None), "mark 2 of 3", "mark2"),
        (CutPlace("marked", 2, 3, "drop"), 'mark "drop"', "drop"),
    ],
)
def test_a_place_has_a_text_and_the_label_of_a_file(place: CutPlace, text: str, label: str) -> None:
    assert (place.text, place.label) == (text, label)


def test_places_count_the_shown_cuts_of_a_kind_by_their_start(cut_clips: Catalog) -> None:
    with cut_clips.reading() as connection:
        assert cut_places(connection, [1, 2, 6, 9, 10]) == {
            6: CutPlace("part", 2, 3, None),
            9: CutPlace("marked", 2, 2, None),
        }
        assert list(cut_places_within(connection, [1, 4])) == [5, 6, 7]


def test_a_catalog_without_cuts_has_no_places(catalog: Catalog) -> None:
    with catalog.reading() as connection:
        assert cut_places(connection, [1, 2]) == {}


def test_removed_cuts_are_returned_only_on_demand(cut_clips: Catalog) -> None:
    with cut_clips.reading() as connection:
        found = cuts_of(connection, [1, 2, 3, 4])
        assert {number: [each.id for each in cuts] for number, cuts in found.items()} == {
            1: [5, 6, 7],
            3: [8, 9],
        }
        (removed,) = cuts_of(connection, [4], with_removed=True)[4]
        assert (removed.id, removed.kind, removed.removed) == (10, "marked", True)
        assert wholes_of(connection, [1, 3]) == {1: 1, 3: 3}


def test_ordinals_of_a_kind_only_grow_and_new_cuts_are_removed_at_first(cut_clips: Catalog) -> None:
    content = ClipContent(0, 10, "{}", None, None, None, None, None)
    with writing(cut_clips) as connection:
        marks = add_cut_clips(connection, 4, "marked", [content, content], ["a", None])
        parts = add_cut_clips(connection, 4, "part", [content])
        rows = {row.id: row for row in connection.execute(select(clip).where(clip.c.recording_id == 4))}
    # mark 10 of the recording was removed, and keeps the ordinal 1
    assert [(rows[each].ordinal, rows[each].name, rows[each].removed) for each in marks] == [
        (2, "a", True),
        (3, None, True),
    ]
    assert [rows[each].ordinal for each in parts] == [1]
