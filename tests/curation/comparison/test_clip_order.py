"""The chain of clips: similar ones stand side by side, and clips beyond the limit follow."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from tests.support import RATE, MakeCatalog, MakeSound
from thresher.curation.comparison import clip_order
from thresher.curation.comparison.clip_order import chained
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions


def test_similar_clips_stand_side_by_side(
    new_catalog: MakeCatalog, tmp_path: Path, sound: MakeSound, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_catalog(tmp_path) as catalog:
        for place, seed in enumerate((1, 2, 3, 1, 2, 3)):
            y = sound(seed, 4.0) * (1.0 if place < 3 else 0.8)
            soundfile.write(tmp_path / f"{place}.wav", y, RATE, "FLOAT")
        ingest(catalog, [tmp_path], IngestOptions(executor="serial"))
        order = chained(catalog)
        assert sorted(order) == [1, 2, 3, 4, 5, 6]
        assert all(abs(order.index(one) - order.index(one + 3)) == 1 for one in (1, 2, 3))
        assert chained(catalog, "id:2") == [2]
        assert chained(catalog, "epoch:9") == []
        monkeypatch.setattr(clip_order, "MOST_CHAINED", 2)
        assert chained(catalog)[2:] == [3, 4, 5, 6]
