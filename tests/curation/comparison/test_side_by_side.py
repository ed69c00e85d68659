"""Pairs to hear side by side: copies with the offset at which both sound alike, and suspects."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from tests.support import EVERY_METRIC, RATE, MakeCatalog, MakeSound
from thresher.catalog.catalog import Catalog
from thresher.curation.clips.decisions import reject
from thresher.curation.comparison.side_by_side import clip_pairs
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions


def test_a_copy_and_a_suspect_are_paired_at_the_moment_at_which_both_sound_alike(
    new_catalog: MakeCatalog, tmp_path: Path, sound: MakeSound, computed_in_transactions: list[str]
) -> None:
    new_catalog(tmp_path).close()
    (tmp_path / "catalog.toml").write_text(EVERY_METRIC)
    late = RATE  # the second clip begins a second later
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        for name, y in (("a", sound(1, 8.0)), ("b", sound(2, 8.0))):
            soundfile.write(tmp_path / f"{name}.wav", y, RATE)
        ingest(catalog, [tmp_path], IngestOptions(executor="serial"))
        reject(catalog, "2")
        for name, y in (("c", 0.7 * sound(1, 8.0)[late:]), ("d", 0.7 * sound(2, 8.0)[late:])):
            soundfile.write(tmp_path / f"{name}.wav", y, RATE)
        ingest(catalog, [tmp_path], IngestOptions(executor="serial"))
        computed_in_transactions.clear()
        copy, suspect = clip_pairs(catalog)
        assert computed_in_transactions == []
        assert (copy.first, copy.second) == (1, 3)
        assert copy.kind in ("copy", "contained")
        assert copy.offset == pytest.approx(1.0, abs=0.15)
        assert (suspect.first, suspect.second, suspect.kind) == (4, 2, "suspect")
        assert suspect.offset == pytest.approx(-1.0, abs=0.15)
        assert [pair.kind for pair in clip_pairs(catalog, "id:4")] == ["suspect"]
