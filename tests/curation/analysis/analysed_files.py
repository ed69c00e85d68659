"""Files to analyse, and their analyses, for the tests of this folder."""

from __future__ import annotations

import os
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.support import RATE
from thresher.curation.analysis.analyse import analyse
from thresher.curation.analysis.task import Analysis, AnalysisTask
from thresher.signal.features.trim_settings import TrimSettings


def task_of(path: Path, **changes: Any) -> AnalysisTask:
    """Return the task for a file as it is now."""
    state = path.stat()
    task = AnalysisTask(os.fsencode(path), state.st_size, state.st_mtime_ns, TrimSettings(), "auto", 7200.0)
    return replace(task, **changes)


def analysed(path: Path, **changes: Any) -> Analysis:
    """Analyse a file, which must be readable."""
    found = analyse(task_of(path, **changes))
    assert isinstance(found, Analysis)
    return found


def between_silences(y: NDArray[np.float32], seconds: float = 1.0) -> NDArray[np.float32]:
    """Put silence before and after `y`, float32, shape (frames, channels)."""
    silence = np.zeros((round(seconds * RATE), y.shape[1]), np.float32)
    return np.concatenate([silence, y, silence])


def wav(channels: int, rate: int, data: bytes) -> bytes:
    """Return the bytes of a 16-bit PCM WAV file with a valid header."""
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * 2 * channels % 2**32, 2 * channels, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body
