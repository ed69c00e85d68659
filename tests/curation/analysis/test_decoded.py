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
