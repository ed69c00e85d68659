"""Texts of an exported curation name clips by content; headers and lines are checked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.curation.backups.curation_file import (
    ClipRef,
    References,
    changed_edits,
    is_curation_file,
    line_of,
    local_settings,
    portable_ordering,
    portable_query,
    portable_settings,
    text_of,
)

KNOWN = (1, 2, 7, 12)


def named(clip_id: int) -> ClipRef | None:
    return {"recording": f"r{clip_id}"} if clip_id in KNOWN else None


def within(first: int, last: int | None) -> list[int]:
    return [each for each in KNOWN if first <= each and (last is None or each <= last)]


REFERENCES = References(named, within)
ONE, TWO, SEVEN, TWELVE = ({"recording": f"r{number}"} for number in KNOWN)


@pytest.mark.parametrize(
    ("query", "pieces"),
    [
        ("", ""),
        ("rating:4..", "rating:4.."),
        ("7", [SEVEN]),
        ("^7 riff", ["^", SEVEN, " riff"]),
        ("id:7", ["id:", SEVEN]),
        ("ID:=7", ["ID:=", SEVEN]),
        ("of:12 , near:1", ["of:", TWELVE, " , near:", ONE]),
        ("near@aligned:7:0.9..", ["near@aligned:", SEVEN, ":0.9.."]),
        ("id:7:x", "id:7:x"),
        ("id:2..7", ["(", TWO, " , ", SEVEN, ")"]),
        ("^id:8..", ["^(", TWELVE, ")"]),
        ("id:..1", ["(", ONE, ")"]),
        ("id:3..6", "id:0"),
        ("99", "99"),
        ("9" * 30, "9" * 30),
        ('"7"', '"7"'),
        ("epoch:7", "epoch:7"),
        ("a ( b", "a ( b"),
    ],
)
def test_a_query_names_clips_by_content(query: str, pieces: Any) -> None:
    assert portable_query(query, REFERENCES) == pieces


terms = st.sampled_from(
    ["riff", "rating:4..", "id:7", "12", "^2", "near:1", "of:7", ",", "run:take", "99", "id:99"]
)


@given(st.lists(terms, max_size=8).map(" ".join))
def test_a_query_comes_back_with_the_ids_of_the_catalog(query: str) -> None:
    pieces = portable_query(query, REFERENCES)
    assert text_of(pieces, lambda ref: int(ref["recording"][1:]), "0") == query
    moved = text_of(pieces, lambda ref: int(ref["recording"][1:]) + 1000, "0")
    for known in KNOWN:
        assert f":{known} " not in f"{moved} "


def test_a_clip_that_is_not_here_is_replaced() -> None:
    assert text_of(["near:", SEVEN, " riff"], lambda _ref: None, "0") == "near:0 riff"


@pytest.mark.parametrize(
    ("ordering", "pieces"),
    [
        ("pairs", "pairs"),
        ("chain", "chain"),
        ("chain:7..12", ["chain:", SEVEN, "..", TWELVE]),
        ("chain:7..", ["chain:", SEVEN, ".."]),
        ("chain:..12", ["chain:..", TWELVE]),
        ("chain:99..", "chain:.."),
    ],
)
def test_an_ordering_names_the_ends_of_a_chain_by_content(ordering: str, pieces: Any) -> None:
    assert portable_ordering(ordering, REFERENCES) == pieces


def test_settings_of_a_song_come_back_without_clips_that_are_not_here() -> None:
    plain = {
        "query": "id:7",
        "ordering": "chain:7..12",
        "manual": [1, 99],
        "edits": {
            "pins": [[7, 1], [99, 2]],
            "together": [[1, 2], [1, 99]],
            "added": [12, 99],
            "dropped": [99],
        },
        "fade": 0.1,
    }
    portable = portable_settings(plain, REFERENCES)
    assert portable["manual"] == [ONE]
    assert portable["edits"] == {"pins": [[SEVEN, 1]], "together": [[ONE, TWO]], "added": [TWELVE]}
    here = {"r7": 70, "r1": 10, "r2": 20}
    assert local_settings(portable, lambda ref: here.get(ref["recording"])) == {
        "query": "id:70",
        "ordering": "chain:70..",
        "manual": [10],
        "edits": {"pins": [[70, 1]], "together": [[10, 20]]},
        "fade": 0.1,
    }
    assert local_settings(portable, lambda _ref: None)["ordering"] == "chain"
    assert changed_edits({}, named) == {}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"format":"thresher curation","version":1}\n', True),
        ('{"format":"thresher curation","version":2}\n', False),
        ('{"format":"thresher curation","version":1}', False),
        ('{"format":"thresher manifest","version":1}\n', False),
        ("[]\n", False),
        ("", False),
    ],
)
def test_a_curation_file_is_known_by_its_first_line(tmp_path: Any, content: str, expected: bool) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text(content)
    assert is_curation_file(file) is expected
    assert not is_curation_file(tmp_path)


def test_a_record_is_one_line_of_compact_json() -> None:
    assert line_of({"b": "ü\n", "a": [1, None]}) == '{"b":"ü\\n","a":[1,null]}\n'
