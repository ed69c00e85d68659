"""Spans of known recordings are analysed as if each were a file of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.support import RATE
from thresher.catalog.catalog import Catalog
from thresher.curation.analysis.task import Unopened, Unsettled
from thresher.curation.cutting.spans import analyse_spans, why_unread
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.workers import WorkerDied
from thresher.signal.features.trim import Span

SOUNDS = (Span(0, 4 * RATE), Span(5 * RATE, 9 * RATE))


def test_a_span_has_the_content_of_a_file_that_holds_only_its_samples(
    catalog: Catalog, tmp_path: Path, sound: Any, serial: IngestOptions
) -> None:
    gap = np.zeros((RATE, 1), np.float32)
    y = np.concatenate([sound(1, 4.0), gap, 0.3 * sound(2, 4.0), gap, sound(3, 1.0)])
    soundfile.write(tmp_path / "long.wav", y, RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "second.wav", y[SOUNDS[1].start : SOUNDS[1].end], RATE, subtype="FLOAT")
    ingest(catalog, [tmp_path / "second.wav", tmp_path / "long.wav"], serial)
    short = Span(10 * RATE, 11 * RATE)
    pause = Span(9 * RATE + 300, 10 * RATE - 300)
    beyond = Span(20 * RATE, 21 * RATE)
    analysed = analyse_spans(catalog, {1: (*SOUNDS, short, pause, beyond)}, executor="serial")
    assert analysed.failures == {}
    contents = analysed.contents[1]
    (alone,) = analyse_spans(catalog, {2: [Span(0, 4 * RATE)]}, executor="serial").contents[2]
    assert contents[1].fingerprint == alone.fingerprint
    assert contents[1].descriptor == alone.descriptor
    assert (contents[1].loudness, contents[1].peak) == (alone.loudness, alone.peak)
    assert contents[1].measures == alone.measures
    assert [each.status for each in contents] == ["ok", "ok", "too_short", "silent", "empty"]
    assert contents[2].fingerprint is None
    assert contents[2].measures is not None
    assert (contents[4].start_frame, contents[4].end_frame) == (11 * RATE, 11 * RATE)


def test_a_recording_without_a_file_is_reported(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    path = write_clip(tmp_path / "a.wav", 1)
    ingest(catalog, [path], serial)
    os.remove(path)
    analysed = analyse_spans(catalog, {1: [Span(0, RATE)]}, executor="serial")
    assert dict(analysed.contents) == {}
    advice = "restore the file and `thresher ingest` its folder"
    assert analysed.failures == {1: f"no file holds the recording now; {advice}"}


def test_a_file_without_an_analysis_is_explained_by_what_happened_to_it() -> None:
    assert why_unread(Unopened("Permission denied")) == "Permission denied"
    assert why_unread(Unsettled()) == "changed while it was read"
    assert why_unread(WorkerDied()) == "decoder crashed"
