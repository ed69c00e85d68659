"""The size of a saved song: equal to that of its tracklist, or marked if it depends on a computed ordering."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from thresher.catalog.catalog import Catalog
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.songs.size import SongSize, save_song_and_measure
from thresher.curation.songs.tracklist import tracklist


@pytest.fixture
def catalog(catalog: Catalog, write_clip: Any, serial: IngestOptions, tmp_path: Path) -> Catalog:
    """Four clips of 2 to 5 s."""
    for epoch in range(4):
        write_clip(tmp_path / f"clips/run_epoch_{epoch}_0.wav", epoch, 2.0 + epoch)
    ingest(catalog, [tmp_path / "clips"], serial)
    return catalog


def test_a_size_that_does_not_depend_on_a_computed_ordering_equals_that_of_the_tracklist(
    catalog: Catalog,
) -> None:
    for changes in (
        {"ordering": "chain"},
        {"ordering": "pairs", "gap": 0.5},
        {"ordering": "chain", "length": 60.0, "clips": 4},
        {"ordering": "chain", "crossfade": 0.5, "sample_rate": 22_050},
        {"ordering": "epoch-", "length": 9.0, "gap": 0.0},
        {"ordering": "epoch+", "length": 9.0, "crossfade": 3.0},
        {"ordering": "shuffle:3", "clips": 2},
    ):
        size = save_song_and_measure(catalog, str(changes), ["epoch:0.."], {"metric": "prefix", **changes})[1]
        plan = tracklist(catalog, str(changes))
        assert size == SongSize(len(plan.tracks), plan.seconds, False, False, ()), changes


def test_a_size_that_depends_on_a_chain_is_marked_as_cut_or_as_an_estimate(catalog: Catalog) -> None:
    chain = {"metric": "prefix", "ordering": "chain"}
    limited = save_song_and_measure(catalog, "A", ["epoch:0.."], {**chain, "length": 9.0})[1]
    assert (limited.clips, limited.is_cut) == (4, True)
    assert limited.seconds == pytest.approx(14, abs=0.2)
    overlapping = save_song_and_measure(catalog, "B", ["epoch:0.."], {**chain, "crossfade": 3.0})[1]
    assert (overlapping.clips, overlapping.is_cut, overlapping.is_estimate) == (4, False, True)
