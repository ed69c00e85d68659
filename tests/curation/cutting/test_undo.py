"""A split and its undo: parts come and go with their ratings, the whole goes and comes, scores follow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from sqlalchemy import select

from tests.curation.cutting.cuts import mark_recording, split_recording
from tests.support import RATE
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import nearest
from thresher.catalog.scores import score_reads, scores
from thresher.curation.clips.decisions import rate
from thresher.curation.clips.listing import list_clips
from thresher.curation.clips.selection import find_clip
from thresher.curation.cutting.undo import undo
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.reanalyse import reanalyse
from thresher.errors import UsageError
from thresher.signal.features.trim import Span
from thresher.signal.metrics.registry import find_metric

PARTS = (Span(0, 4 * RATE), Span(5 * RATE, 9 * RATE))


@pytest.fixture
def shelf(catalog: Catalog, tmp_path: Path, sound: Any, serial: IngestOptions) -> Catalog:
    """Clip 1 holds two sounds that are alike; clip 2 is like the first of them, clip 3 is another sound."""
    gap = np.zeros((RATE, 1), np.float32)
    first = sound(1, 4.0)
    soundfile.write(tmp_path / "a.wav", np.concatenate([first, gap, first]), RATE)
    soundfile.write(tmp_path / "b.wav", first[: 3 * RATE], RATE)
    soundfile.write(tmp_path / "c.wav", sound(3, 4.0), RATE)
    ingest(catalog, [tmp_path], serial)
    return catalog


def ids(catalog: Catalog, query: str = "") -> list[int]:
    return [row.id for row in list_clips(catalog, query)]


def nearest_of(catalog: Catalog) -> dict[int, int]:
    """The nearest clip of each clip by `prefix`, read from the table and checked against the matrix."""
    by = find_metric("prefix")
    with catalog.reading() as connection:
        of_metric = scores.metric_id(connection, by.name, by.version)
        rows = connection.execute(
            select(nearest.c.clip_id, nearest.c.other_id).where(nearest.c.metric_id == of_metric)
        )
        return {row.clip_id: row.other_id for row in rows}


def test_parts_stand_for_the_whole_until_the_split_is_undone(shelf: Catalog) -> None:
    before = nearest_of(shelf)
    assert before == {1: 2, 2: 1, 3: before[3]}
    parts = split_recording(shelf, 1, PARTS)
    assert parts == [4, 5]
    assert ids(shelf) == [2, 3, 4, 5]
    assert ids(shelf, "kind:whole") == [1, 2, 3]
    assert (
        ids(shelf, "kind:part") == ids(shelf, "of:1") == ids(shelf, "of:4") == ids(shelf, "of:a.wav") == parts
    )
    assert ids(shelf, "1") == [1]  # by id, even though it is hidden
    assert nearest_of(shelf)[2] == 4  # not the hidden whole
    assert nearest_of(shelf)[4] == nearest_of(shelf)[5] == 2  # not each other
    with shelf.reading() as connection:
        by = find_metric("prefix")
        of_metric = scores.metric_id(connection, by.name, by.version)
        assert score_reads.between(connection, of_metric, parts)[0, 1] == 1.0  # the rows stay complete
    rate(shelf, ["4"], 5)
    undo(shelf, 1)
    assert ids(shelf) == [1, 2, 3]
    assert ids(shelf, "4") == ids(shelf, "kind:part") == []
    assert nearest_of(shelf) == before
    undo(shelf, 3)
    assert ids(shelf, "kind:part") == parts
    assert ids(shelf, "rating:5") == [4]
    assert nearest_of(shelf)[2] == 4


def test_a_path_names_the_whole_or_else_its_parts(shelf: Catalog) -> None:
    mark = mark_recording(shelf, 2, Span(RATE, 2 * RATE), "drop")
    assert ids(shelf, "mark:drop") == ids(shelf, "drop") == ids(shelf, "kind:marked") == [mark]
    assert ids(shelf, "of:2") == [2, mark]
    split_recording(shelf, 1, PARTS)
    with shelf.reading() as connection:
        assert find_clip(shelf, connection, str(shelf.root / "b.wav")) == 2
        with pytest.raises(UsageError, match="matches 2 clips"):
            find_clip(shelf, connection, str(shelf.root / "a.wav"))


def test_analysis_again_keeps_parts_and_marks(shelf: Catalog) -> None:
    split_recording(shelf, 1, PARTS)
    mark_recording(shelf, 3, Span(RATE, 2 * RATE))

    def cuts() -> list[tuple[int, str, str]]:
        return [(row.id, row.kind, row.status) for row in list_clips(shelf, "kind:part or kind:marked")]

    before, marked = cuts(), list_clips(shelf, "kind:marked")
    assert reanalyse(shelf, executor="serial").analysed == 3
    assert cuts() == before == [(4, "part", "ok"), (5, "part", "ok"), (6, "marked", "too_short")]
    assert list_clips(shelf, "kind:marked") == marked
