"""Label tracks, read as tables with tabs."""

from __future__ import annotations

import csv
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thresher.curation.exports.formats.audacity import labels_text, read_labels
from thresher.curation.exports.formats.registry import FORMATS
from thresher.curation.exports.formats.text import one_line
from thresher.curation.exports.formats.timeline import Timeline
from thresher.errors import UsageError


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


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"1.5\t2.5\tdrop\n", [(1, 1.5, 2.5, "drop")]),
        (b"1.5\t2.5\n", [(1, 1.5, 2.5, "")]),
        (b"\n\n1.5\t2.5\tdrop", [(3, 1.5, 2.5, "drop")]),
        (b"1.5\t2.5\tone\ttwo \n", [(1, 1.5, 2.5, "one two")]),
        (b"\xef\xbb\xbf1.5\t2.5\tdrop\r\n3\t4\t\r\n", [(1, 1.5, 2.5, "drop"), (2, 3.0, 4.0, "")]),
        (b"1.5\t2.5\ta\r3\t4\tb\r", [(1, 1.5, 2.5, "a"), (2, 3.0, 4.0, "b")]),
        (b"1,500000\t2,500000\tdrop, rise", [(1, 1.5, 2.5, "drop, rise")]),
        (b"-0.5\t2.5\tx", [(1, -0.5, 2.5, "x")]),
        (b"1e-1\t2.5e0\tx", [(1, 0.1, 2.5, "x")]),
        (b".5\t2.\tx", [(1, 0.5, 2.0, "x")]),
        (b"2.5\t1.5\tx", [(1, 2.5, 1.5, "x")]),
        (b"1.5 2.5 by hand", [(1, 1.5, 2.5, "by hand")]),
        ("1.5\t2.5\t\u2028 d\u00f6\n".encode(), [(1, 1.5, 2.5, "d\u00f6")]),
        ("1.5\t2.5\td\u00f6".encode("utf-16"), [(1, 1.5, 2.5, "d\u00f6")]),
        ("1.5\t2.5\td\u00f6".encode("cp1252"), [(1, 1.5, 2.5, "d\u00f6")]),
        (b"1\t1\tpoint\n1\tpoint\n1\t\n\\\t100\t200\n", []),
    ],
)
def test_regions_of_a_label_file(content: bytes, expected: list[tuple[int, float, float, str]]) -> None:
    read = read_labels(content)
    assert [(each.line, each.start, each.end, each.text) for each in read.labels] == expected
    assert read.invalid == ()


def test_everything_else_in_a_label_file_is_counted() -> None:
    read = read_labels(b"1\t1\tpoint\n1\told point\n\\\t100\t200\nnan\t2\tx\n1\tinf\tx\n1.2.3\t4\t\nwords\n")
    assert (read.labels, read.points, read.frequencies) == ((), 2, 1)
    assert read.invalid == ((4, "nan 2 x"), (5, "1 inf x"), (6, "1.2.3 4"), (7, "words"))


def test_the_encoding_of_a_label_file() -> None:
    assert [read_labels(content).encoding for content in (b"", b"\xff\xfe1\0", b"1\t2\t\xf6\x81")] == [
        "UTF-8",
        "UTF-16",
        "Windows-1252",
    ]
    with pytest.raises(UsageError, match="it is not a text file"):
        read_labels(b"RIFF\0\0WAVE")


TIMES = st.floats(0, 1e5).map(lambda seconds: round(seconds, 6))


@settings(max_examples=25)
@given(st.lists(st.tuples(TIMES, TIMES.filter(bool), st.text(max_size=8)), max_size=4))
def test_labels_are_read_as_they_were_written(written: list[tuple[float, float, str]]) -> None:
    regions = [(start, start + length, text) for start, length, text in written]
    read = read_labels(labels_text(regions).encode())
    assert [each.start for each in read.labels] == pytest.approx([start for start, _, _ in regions], abs=1e-6)
    assert [each.end for each in read.labels] == pytest.approx([end for _, end, _ in regions], abs=1e-6)
    assert [each.text for each in read.labels] == [one_line(text) for _, _, text in regions]
