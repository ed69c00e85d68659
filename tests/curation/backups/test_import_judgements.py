"""What the catalog says stays, and the file fills in the rest; with `replace`, the file wins."""

from __future__ import annotations

from typing import Any

import pytest

from thresher.catalog.decisions.journal import Assignment
from thresher.curation.backups.import_judgements import Chooser

SET = [Assignment("clip", 1, "rating", 5)]


@pytest.mark.parametrize(
    ("here", "wanted", "kept", "replaced", "conflicts"),
    [
        (None, 5, SET, SET, 0),
        (False, 5, SET, SET, 0),
        (5, 5, [], [], 0),
        (3, 5, [], SET, 1),
        (3, None, [], [], 0),
        (3, False, [], [], 0),
        (None, None, [], [], 0),
    ],
)
def test_which_value_is_chosen(
    here: Any, wanted: Any, kept: list[Assignment], replaced: list[Assignment], conflicts: int
) -> None:
    for replace, expected in ((False, kept), (True, replaced)):
        chooser = Chooser(replace=replace)
        found = chooser.assignments("clip", 1, "rating", here, wanted, "clip 1")
        assert found == expected
        assert chooser.conflicts == [f"clip 1: rating {here} here, {wanted} in the file"] * conflicts
