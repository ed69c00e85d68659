"""The shape of a path has no numbers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.catalog.provenance.name_shapes import common_shape, shape_of


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/data/runs/run7/step_0002000.wav", "runs/run#/step_#.wav"),
        ("/data/runs/9357d0f2/0f8fad5b-d9cb-469f-a165-70867728950e.wav", "runs/#/#.wav"),
        ("/data/runs/deadbeef/cafe.wav", "runs/deadbeef/cafe.wav"),
        ("/data/runs/\udcff3.wav", "runs/\\xff#.wav"),
        ("/data/runs/a1.mp3", "runs/a#.mp3"),
        ("/data/runs/v1.5", "runs/v#.#"),
        ("/elsewhere/a1.wav", "/elsewhere/a#.wav"),
    ],
)
def test_numbers_and_identifiers_are_collapsed(path: str, shape: str) -> None:
    assert shape_of(path.encode("utf-8", "surrogateescape"), b"/data/runs") == shape


@pytest.mark.parametrize(
    ("shapes", "common"),
    [
        (["night/step_#.wav"], "night/step_#.wav"),
        (["night/step_#.wav", "dawn/step_#.wav"], "*/step_#.wav"),
        (["a_step_#.wav", "b_c_step_#x.flac", "step_#.mp3"], "*step_#*.*"),
        (["kick.wav", "snare hat #.wav"], "*.wav"),
        (["music/kick.wav", "music/a/b/kick.wav"], "music/**/kick.wav"),
        (["music/kick.wav", "other/a/snare.wav"], "**/*.wav"),
        (["aa.wav", "a.wav"], "*.wav"),
        (["a_a_a.wav", "a_a.wav"], "a_a*.wav"),
    ],
)
def test_what_shapes_have_in_common(shapes: list[str], common: str) -> None:
    assert common_shape(shapes) == common


@given(st.lists(st.text("ab_#.", max_size=12), min_size=1, max_size=5))
def test_every_shape_fits_the_common_one(shapes: list[str]) -> None:
    pattern = re.escape(common_shape(shapes)).replace(r"\*", ".*")
    assert all(re.fullmatch(pattern, shape) for shape in shapes)
