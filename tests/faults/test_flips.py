"""A sample of flipped bytes; `python -m tests.faults.flips 1000` tries more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.flips import Flip, Flipper


@pytest.mark.slow
def test_every_flipped_byte_is_found_or_changes_no_value(tmp_path: Path) -> None:
    flipper = Flipper(tmp_path)
    outcomes = [flipper.outcome(flip) for flip in flipper.flips(40, seed=40)]
    assert [outcome for outcome in outcomes if outcome.problems] == []
    assert any(outcome.is_found for outcome in outcomes)
    first_text = flipper.outcome(Flip(59, 3))  # the encoding of all texts
    assert (first_text.is_found, first_text.problems) == (True, ())
