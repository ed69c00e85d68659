"""Label tracks, read as tables with tabs."""

from __future__ import annotations

import csv
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.curation.exports.formats.registry import FORMATS
from thresher.curation.exports.formats.timeline import Timeline


def labels(song: Timeline, folder: bytes) -> list[list[str]]:
    lines = FORMATS[".txt"].text(song, folder).splitlines()  # splits wherever Unicode has a line end
    return list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_each_clip_is_a_label(song: Timeline, folder: bytes) -> None:
    assert labels(song, folder) == [
        ["0.000000", "4.000000", "bone_7"],
        ["3.500000", "8.750000", "bone 12"],
        ["8.750000", "9.875000", "skeleton"],
    ]


def test_a_song_without_clips_has_no_labels(clips: Callable[..., Timeline], folder: bytes) -> None:
    assert FORMATS[".txt"].text(clips(0), folder) == ""


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("one\ttwo", "one two"),
        ("one\ntwo", "one two"),
        ("a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g", "a b c d e f g"),
        ('"quoted"', '"quoted"'),
        ("🦴 bone", "🦴 bone"),
        ("run_\udcff_1", "run_\ufffd_1"),
        ("", ""),
    ],
)
def test_a_title_stays_in_its_column(
    title: str, shown: str, clips: Callable[..., Timeline], folder: bytes
) -> None:
    assert labels(clips(2, title=title), folder) == [
        ["0.000000", "4.000000", shown],
        ["4.000000", "8.000000", shown],
    ]


@given(titles=st.lists(st.text(st.characters()), max_size=8))
def test_any_title_gives_one_line_for_each_clip(
    titles: list[str], clips: Callable[..., Timeline], folder: bytes
) -> None:
    song = clips(titles=titles)
    assert [len(row) for row in labels(song, folder)] == [3] * len(titles)
