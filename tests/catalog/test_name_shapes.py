"""The shape of a path has no numbers."""

from __future__ import annotations

import pytest

from thresher.catalog.name_shapes import shape_of


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/data/runs/run7/step_0002000.wav", "runs/run#/step_#.wav"),
        ("/data/runs/9357d0f2/0f8fad5b-d9cb-469f-a165-70867728950e.wav", "runs/#/#.wav"),
        ("/data/runs/deadbeef/cafe.wav", "runs/deadbeef/cafe.wav"),
        ("/data/runs/\udcff3.wav", "runs/\\xff#.wav"),
        ("/elsewhere/a1.wav", "/elsewhere/a#.wav"),
    ],
)
def test_numbers_and_identifiers_are_collapsed(path: str, shape: str) -> None:
    assert shape_of(path.encode("utf-8", "surrogateescape"), b"/data/runs") == shape
