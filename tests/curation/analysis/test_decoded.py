"""Decoded blocks: what is kept in memory and what is decoded again does not change the analysis."""

from __future__ import annotations

import os
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from thresher.curation.analysis import decoded
from thresher.curation.analysis.analyse import analyse
from thresher.curation.analysis.task import Analysis, AnalysisTask
from thresher.signal.features.trim import TrimSettings

RATE = 16_000


def task_of(path: Path, **changes: Any) -> AnalysisTask:
    state = path.stat()
    task = AnalysisTask(os.fsencode(path), state.st_size, state.st_mtime_ns, TrimSettings(), "auto", 7200.0)
    return replace(task, **changes)


def analysed(path: Path, **changes: Any) -> Analysis:
    found = analyse(task_of(path, **changes))
    assert isinstance(found, Analysis)
    return found


def between_silences(y: NDArray[np.float32], seconds: float = 1.0) -> NDArray[np.float32]:
    silence = np.zeros((round(seconds * RATE), y.shape[1]), np.float32)
    return np.concatenate([silence, y, silence])


def wav(channels: int, rate: int, data: bytes) -> bytes:
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * 2 * channels % 2**32, 2 * channels, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


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
    assert kept.fingerprint is not None
    np.testing.assert_array_equal(kept.fingerprint, again.fingerprint)
    assert replace(kept, fingerprint=None) == replace(again, fingerprint=None)
    assert 0 < kept.span.start < kept.span.end <= max_length * RATE


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
