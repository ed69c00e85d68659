"""Read the clips of the corpus, for the benchmarks that need them.

Audio is float32, shape (frames,), mono, trimmed as thresher trims it. Of a recording longer than 30 s, the
middle 30 s are used.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from thresher.signal.features.trim import LevelMeter, to_mono
from thresher.signal.features.trim_settings import TrimSettings

CORPUS = Path(__file__).resolve().parents[1] / "../shared/corpus"
LONGEST_SECONDS = 30
SHORTEST_SECONDS = 2


@dataclass(frozen=True)
class Clip:
    """One distinct recording of the corpus; `group` and `kind` as in groups.tsv."""

    path: str
    group: str
    kind: str

    @property
    def family(self) -> str:
        """The independent part of the corpus that it is from; constants can be computed without one family."""
        folders = self.path.split("/")
        return folders[0] if folders[0] == "music" else folders[1]


def clips(corpus: Path) -> list[Clip]:
    """Return all distinct recordings named by groups.tsv, by path; of byte copies, the first."""
    with open(corpus / "groups.tsv", newline="", encoding="utf-8") as file:
        rows = sorted(
            (row["path"], row["group"], row["kind"]) for row in csv.DictReader(file, delimiter="\t")
        )
    distinct: dict[bytes, Clip] = {}
    for row in rows:
        digest = hashlib.sha256((corpus / row[0]).read_bytes()).digest()
        distinct.setdefault(digest, Clip(*row))
    return list(distinct.values())


def audio(corpus: Path, clip: Clip) -> tuple[NDArray[np.float32], int]:
    """Return a clip's signal and its sample rate."""
    y, sr = soundfile.read(corpus / clip.path, dtype="float32", always_2d=True)
    meter = LevelMeter(y.shape[1], TrimSettings())
    meter.update(y)
    levels = meter.result()
    y = to_mono(y, levels.mono_channel)[levels.span.start : levels.span.end]
    start = max(0, (len(y) - LONGEST_SECONDS * sr) // 2)
    return np.ascontiguousarray(y[start : start + LONGEST_SECONDS * sr]), sr


def long_enough(corpus: Path) -> Iterator[tuple[Clip, NDArray[np.float32], int]]:
    """Yield the clips with at least SHORTEST_SECONDS of sound, with their signal and its sample rate."""
    for clip in clips(corpus):
        y, sr = audio(corpus, clip)
        if len(y) >= SHORTEST_SECONDS * sr:
            yield clip, y, sr
