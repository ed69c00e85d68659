"""Names of exported files: those of their sources, with an id where two would be the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thresher.catalog.files.paths import LONGEST_FILE_NAME
from thresher.catalog.recordings.cut_clips import CutPlace
from thresher.curation.exports.file_names import NameRequest, distinct_names, plain_name


def named(*wanted: tuple[str | bytes, bytes | None]) -> list[bytes]:
    """Return the names for these (own name, new suffix); the clips have the ids 1, 2, …"""
    return distinct_names(
        [
            NameRequest(own.encode() if isinstance(own, str) else own, clip, suffix)
            for clip, (own, suffix) in enumerate(wanted, start=1)
        ]
    )


def test_a_name_is_kept_and_gets_the_suffix_of_its_new_format() -> None:
    assert named(("a.ogg", None), ("b.ogg", b".wav"), ("take.v2", b".wav")) == [
        b"a.ogg",
        b"b.wav",
        b"take.v2.wav",
    ]


def test_names_that_differ_only_in_case_or_in_their_unicode_form_get_ids() -> None:
    assert named(("x.wav", None), ("X.wav", None)) == [b"x-1.wav", b"X-2.wav"]
    assert named(("\u00e9.wav", None), ("E\u0301.wav", None)) == [
        "\u00e9-1.wav".encode(),
        "E\u0301-2.wav".encode(),
    ]
    assert named(("x.ogg", b".wav"), ("x.wav", None)) == [b"x-1.wav", b"x-2.wav"]


def test_a_name_that_equals_one_with_an_id_gets_an_id_too() -> None:
    assert named(("x.wav", None), ("x.wav", None), ("x-1.wav", None)) == [
        b"x-1.wav",
        b"x-2.wav",
        b"x-1-3.wav",
    ]


def test_a_long_name_is_cut_between_characters() -> None:
    own = "ä" * 125 + "x.wav"
    first, _ = named((own, None), (own, None))
    assert first == "ä".encode() * 124 + b"-1.wav"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(["x.wav", "X.wav", "x-1.wav", "x-2.wav", "x-1-3.wav"]), max_size=8))
def test_names_are_distinct_and_the_same_each_time(own: list[str]) -> None:
    wanted = [(name, None) for name in own]
    found = named(*wanted)
    assert len({name.lower() for name in found}) == len(own)
    assert found == named(*wanted)


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=300), st.sampled_from([None, b".wav", b".flac"]))
def test_names_of_any_bytes_are_short_enough_for_a_file_system(own: bytes, suffix: bytes | None) -> None:
    assert all(len(name) <= LONGEST_FILE_NAME for name in named((own, suffix), (own, suffix)))


def test_the_label_of_a_part_has_the_digits_of_their_number_and_that_of_a_mark_its_name() -> None:
    assert CutPlace("part", 3, 50, None).label == "part03"
    assert CutPlace("marked", 3, 9, None).label == "mark3"
    assert CutPlace("marked", 1, 1, "drop").label == "drop"


def test_marks_with_the_same_name_get_ids() -> None:
    wanted = [NameRequest(b"a.wav", clip, None, "drop") for clip in (1, 2)]
    assert distinct_names([*wanted, NameRequest(b"A-Drop.wav", 3, None)]) == [
        b"a-drop-1.wav",
        b"a-drop-2.wav",
        b"A-Drop-3.wav",
    ]
    assert len(distinct_names([NameRequest(b"a" * 250 + b".wav", 1, None, "part03")])[0]) == LONGEST_FILE_NAME


@pytest.mark.parametrize("letter", ["a", "é", "語", "🎸"])
def test_no_character_is_cut(letter: str) -> None:
    for longest in range(4, 30):
        found = plain_name(letter * 30, longest)
        size = len(letter.encode())
        assert found == (letter * (longest // size)).encode()


def test_a_label_has_at_most_100_bytes() -> None:
    (name,) = distinct_names([NameRequest(b"a.wav", 1, None, "x" * 300)])
    assert name == b"a-" + b"x" * 100 + b".wav"
