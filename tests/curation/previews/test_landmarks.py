"""Onsets and silences of a clip, and what trimming left out of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.signal.features.test_onsets import struck
from tests.support import RATE, MakeCatalog
from thresher.catalog.catalog import Catalog
from thresher.curation.analysis.task import trim_settings
from thresher.curation.clips.detail import show_clip
from thresher.curation.cutting.marks import mark
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.previews import landmarks as module
from thresher.curation.previews.cache import PreviewCache
from thresher.curation.previews.landmarks import find_landmarks, landmarks
from thresher.curation.previews.source import clip_source

TIMES = np.array([0.05, 0.5, 1.1, 1.9, 5.2, 5.8])


@pytest.fixture
def struck_clip(new_catalog: MakeCatalog, tmp_path: Path, serial: IngestOptions) -> Catalog:
    """3 s of nothing, strokes with a silence of 2.9 s between them, and 2 s of nothing."""
    new_catalog(tmp_path).close()
    (tmp_path / "catalog.toml").write_text('[metrics]\nuse = ["prefix"]\n')
    y = struck(TIMES, 6.2, decay=0.03)
    padded = np.concatenate([np.zeros(3 * RATE), y, np.zeros(2 * RATE)])
    padded[: 3 * RATE] += 0.0001 * np.random.default_rng(1).normal(size=3 * RATE)
    soundfile.write(tmp_path / "strokes.wav", padded, RATE)
    catalog = Catalog.open(tmp_path / "catalog.toml")
    ingest(catalog, [tmp_path], serial)
    return catalog


def test_onsets_silences_and_trimmed_ends_are_where_they_are(struck_clip: Catalog) -> None:
    source, trim = clip_source(struck_clip, 1), trim_settings(struck_clip.settings)
    found = find_landmarks(source, trim)
    begins = source.start / RATE
    assert found.onsets is not None
    assert found.silences is not None
    assert np.array(found.onsets) + begins - 3 == pytest.approx(TIMES[1:], abs=0.03)
    longest = max(found.silences, key=lambda span: span[1] - span[0])
    assert longest[0] + begins - 3 == pytest.approx(1.9 + 0.2, abs=0.1)
    assert longest[1] + begins - 3 == pytest.approx(5.2, abs=0.05)
    silent = sum(end - start for start, end in found.silences)
    share = show_clip(struck_clip, "1").measures["silence"]
    assert silent / (source.frames / RATE) == pytest.approx(share, abs=0.02)
    assert found.before.seconds == pytest.approx(begins)
    assert found.before.shown == pytest.approx(source.frames / RATE / 4, abs=0.001)
    assert found.after.seconds == pytest.approx((source.recording_frames - source.end) / RATE)
    assert max(map(abs, found.before.peaks)) <= 1
    assert len(found.before.peaks) == 2 * 256


def test_a_mark_has_nothing_around_it_and_a_long_recording_no_onsets(
    struck_clip: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = mark(struck_clip, "1", 0.3, 1.5).marks[0].clip
    assert made is not None
    trim = trim_settings(struck_clip.settings)
    content = json.loads(landmarks(PreviewCache(tmp_path), clip_source(struck_clip, made), trim))
    assert (content["before"]["seconds"], content["after"]["seconds"], len(content["onsets"])) == (0, 0, 2)
    monkeypatch.setattr(module, "LONGEST", 1)
    long = find_landmarks(clip_source(struck_clip, 1), trim)
    assert (long.onsets, long.silences, long.after.seconds > 1) == (None, None, True)
