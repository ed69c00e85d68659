"""Comparisons of two checkpoints."""

from __future__ import annotations

import pytest
import soundfile

from tests.curation.checkpoints.checkpoint_rows import SERIAL, row_of
from tests.support import RATE, MakeSound
from thresher import Catalog, ingest
from thresher.curation.checkpoints.comparison import CLIP_FIGURES, compare_checkpoints
from thresher.errors import UsageError


@pytest.fixture
def changed(catalog: Catalog, sound: MakeSound) -> Catalog:
    """Two epochs of eight clips: the second is 12 dB quieter and has a pause, and is otherwise of the same kind."""
    for index in range(8):
        soundfile.write(catalog.root / f"night_epoch_1_{index}.wav", sound(index, 6.0), RATE)
        quiet = 0.25 * sound(100 + index, 6.0)
        quiet[2 * RATE : 2 * RATE + (2_000 + 500 * index) * 4] = 0.0
        soundfile.write(catalog.root / f"night_epoch_2_{index}.wav", quiet, RATE)
    ingest(catalog, [catalog.root], SERIAL)
    return catalog


def test_a_comparison_tells_change_from_chance(changed: Catalog) -> None:
    found = compare_checkpoints(changed, "e1", "e2")
    assert (found.first, found.second) == ("night e1", "night e2")
    by_name = {each.figure: each for each in found.differences}
    assert set(by_name) == {"silence", "novelty", "collapse", *CLIP_FIGURES}
    loudness = by_name["loudness"]
    assert loudness.difference == pytest.approx(-12.0, abs=1.0)
    assert loudness.is_chance is False
    assert loudness.low is not None
    assert loudness.high is not None
    assert loudness.difference is not None
    assert loudness.low <= loudness.difference <= loudness.high < 0
    assert by_name["silence"].is_chance is False
    assert by_name["clipping"].is_chance is True
    assert by_name["seconds"].is_chance is True
    assert by_name["rating"].first is None
    assert by_name["rating"].is_chance is None
    row = row_of(changed, "night", 2)
    assert by_name["collapse"].second == pytest.approx(row.collapse, abs=1e-6)
    assert by_name["silence"].second == pytest.approx(row.silence, abs=1e-6)
    assert by_name["novelty"].second == pytest.approx(row.novelty, abs=1e-6)
    assert by_name["novelty"].first is None


def test_a_checkpoint_is_not_compared_with_itself(trained: Catalog) -> None:
    with pytest.raises(UsageError, match="cannot compare night e2 with itself"):
        compare_checkpoints(trained, "e2", "night e2")


def test_single_clips_have_no_interval(trained: Catalog) -> None:
    found = compare_checkpoints(trained, "night e3", "night e4")
    assert {each.is_chance for each in found.differences} == {None}
    assert all(each.first is not None for each in found.differences if each.figure == "loudness")
