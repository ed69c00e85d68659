"""Every second of a recording counts once, however its clips overlap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.curation.cutting.cuts import mark_recording
from tests.support import RATE
from thresher.catalog.catalog import Catalog
from thresher.curation.checkpoints.minutes import beyond_clips, covered, parts_of_split
from thresher.curation.cutting.undo import undo
from thresher.signal.features.trim import Span

points = st.integers(0, 30)
spans = st.lists(st.tuples(points, points).map(lambda pair: (min(pair), max(pair))), max_size=6)


@pytest.mark.parametrize(
    ("given_spans", "total"),
    [
        ([], 0),
        ([(2, 5)], 3),
        ([(2, 5), (5, 6)], 4),
        ([(2, 5), (4, 6)], 4),
        ([(2, 9), (4, 6)], 7),
        ([(4, 6), (0, 1)], 3),
        ([(3, 3)], 0),
    ],
)
def test_what_several_spans_cover_counts_once(given_spans: list[tuple[float, float]], total: float) -> None:
    assert covered(given_spans) == total


@given(spans)
def test_covered_is_the_number_of_units_in_at_least_one_span(given_spans: list[tuple[int, int]]) -> None:
    assert covered(given_spans) == len({unit for start, end in given_spans for unit in range(start, end)})


def test_marks_inside_of_other_clips_add_nothing(cut_clips: Catalog) -> None:
    with cut_clips.reading() as connection:
        assert beyond_clips(connection) == {}
        assert parts_of_split(connection) == {1: 3}


def test_a_mark_adds_what_no_part_and_no_other_mark_holds(cut_clips: Catalog) -> None:
    """The parts of recording 1 leave out 5 to 6 s and 11 to 12 s."""
    mark_recording(cut_clips, 1, Span(4 * RATE, 11 * RATE // 2))
    mark_recording(cut_clips, 1, Span(5 * RATE, 6 * RATE))
    with cut_clips.reading() as connection:
        ((recording, found),) = beyond_clips(connection).items()
    assert recording == 1
    assert found.seconds == pytest.approx(1.0)
    assert 0.0 <= found.sounding <= found.seconds
    undo(cut_clips)
    with cut_clips.reading() as connection:
        assert beyond_clips(connection)[1].seconds == pytest.approx(0.5)
