"""Clips that sound alike or differ, and the questions that tests ask about a queue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from tests.support import RATE
from thresher.catalog.catalog import Catalog
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.listening.queue import (
    Queue,
    resume_listening,
)

SERIAL = IngestOptions(executor="serial")


KINDS: tuple[Callable[[np.random.Generator, np.ndarray], np.ndarray], ...] = (
    lambda _random, time: 0.4 * np.sin(2 * np.pi * 220 * time),
    lambda random, time: 0.1 * random.normal(size=time.size),
    lambda _random, time: 0.4 * np.sin(2 * np.pi * 90 * time) * (np.sin(2 * np.pi * 3 * time) > 0),
)


def write(path: Path, kind: int, seed: int, seconds: float = 3.0) -> None:
    """A tone, a hiss or a beat with a little of a seed's own noise: those of a kind sound alike."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    y = KINDS[kind](random, time) + 0.005 * random.normal(size=time.size)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, y.astype(np.float32), RATE)


def ids(queue: Queue | None) -> list[int]:
    return [] if queue is None else [row.id for row in queue.clips]


def left(catalog: Catalog) -> list[int]:
    queue = resume_listening(catalog)
    return [] if queue is None else [row.id for row in queue.left]


def heard(catalog: Catalog) -> set[int]:
    return {row.id for row in list_clips(catalog, ["heard:yes", "rejected+"])}
