"""Decoded blocks: what is kept in memory and what is decoded again does not change the analysis."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.curation.analysis.analysed_files import analysed, between_silences
from tests.support import RATE
from thresher.curation.analysis import decoded
from thresher.signal.features import trim


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff"])
@pytest.mark.parametrize("max_length", [7200.0, 4.0])
def test_what_is_decoded_again_gives_the_same(
    tmp_path: Path, sound: Any, monkeypatch: pytest.MonkeyPatch, name: str, max_length: float
) -> None:
    path = tmp_path / name
    soundfile.write(path, between_silences(0.4 * sound(2, 4.5, channels=2), 0.7), RATE)
    kept = analysed(path, max_length=max_length)
    monkeypatch.setattr(decoded, "MEMORY_FRAMES", 1)
    again = analysed(path, max_length=max_length)
    assert kept.whole.fingerprint is not None
    np.testing.assert_array_equal(kept.whole.fingerprint, again.whole.fingerprint)
    np.testing.assert_array_equal(kept.whole.profile, again.whole.profile)
    without_arrays = [replace(each.whole, fingerprint=None, profile=None) for each in (kept, again)]
    assert without_arrays[0] == without_arrays[1]
    assert replace(kept, whole=without_arrays[0]) == replace(again, whole=without_arrays[1])
    assert 0 < kept.whole.span.start < kept.whole.span.end <= max_length * RATE


def test_what_is_kept_is_decoded_once(tmp_path: Path, sound: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "a.wav", sound(3, 4.0), RATE)
    asked = []
    real = decoded.AudioReader.blocks

    def blocks(self: Any, *arguments: Any) -> Any:
        asked.append(arguments)
        return real(self, *arguments)

    monkeypatch.setattr(decoded.AudioReader, "blocks", blocks)
    analysed(tmp_path / "a.wav")
    assert len(asked) == 1
    monkeypatch.setattr(decoded, "MEMORY_FRAMES", 1)
    analysed(tmp_path / "a.wav")
    assert len(asked) == 5


def test_a_recording_that_needs_too_much_memory_is_analysed_in_part_and_says_so(
    tmp_path: Path, sound: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(tmp_path / "a.wav", sound(3, 8.0, channels=2), RATE)
    monkeypatch.setattr(trim, "MEMORY", trim.MEMORY * 5 * RATE // trim.longest(2, trim.TrimSettings()))
    found = analysed(tmp_path / "a.wav")
    assert found.status == "ok"
    assert (
        found.reason == "analysed up to 0:05 of 0:08: 2 channels at 16,000 Hz need too much memory for more"
    )
    assert found.whole.span.end <= 5 * RATE


def test_clipping_is_searched_in_the_beginnings_of_excerpts_that_are_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    y = np.random.default_rng(0).uniform(-0.5, 0.5, size=(4 * RATE, 4))
    y[RATE] = 1.0
    y[3 * RATE] = 1.0
    soundfile.write(tmp_path / "a.wav", y, RATE, "FLOAT")
    monkeypatch.setattr(decoded, "MEASURED_SAMPLES", 4 * 2 * RATE)
    measures = analysed(tmp_path / "a.wav").whole.measures
    assert measures is not None
    assert measures["clipping"] == pytest.approx(4 / (4 * 2 * RATE))
