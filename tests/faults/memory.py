"""The memory that a worker process needs, and files of any rate, length and number of channels, mostly holes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from thresher.curation.analysis.worker import WORKER_MODULES
from thresher.curation.workers import WorkerDied, Workers

BYTES = {"<i2": 2, "<f4": 4, "<f8": 8}


def most_memory() -> float:
    """Return the most memory that this process has used so far, in MB (VmHWM)."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def in_a_worker(function: Callable[[Any], Any], argument: Any) -> tuple[Any, float]:
    """Return the result of a function in a new worker process, and the most memory of that process in MB."""
    with Workers("processes:1", preload=WORKER_MODULES) as workers:
        ((_, found),) = workers.map(_measured, [(None, (function, argument))])
    assert found is not None
    assert not isinstance(found, WorkerDied)
    return found


def _measured(task: tuple[Callable[[Any], Any], Any]) -> tuple[Any, float]:
    function, argument = task
    return function(argument), most_memory()


def write_sparse(
    path: Path,
    *,
    rate: int,
    channels: int,
    seconds: float,
    kind: str = "<i2",
    sound: float = 1.0,
    every: float | None = None,
) -> Path:
    """Write a WAV file with noise of `sound` seconds at both ends, or all `every` seconds; the rest is a hole."""
    frame = channels * BYTES[kind]
    frames = round(rate * seconds)
    size = frames * frame
    burst = min(frames, max(1, round(rate * sound)))
    y = np.random.default_rng(0).uniform(-0.5, 0.5, size=(burst, channels))
    noise = (np.rint(y * 32_767) if kind == "<i2" else y).astype(kind).tobytes()
    form = struct.pack(
        "<HHIIHH", 1 if kind == "<i2" else 3, channels, rate, rate * frame, frame, 8 * BYTES[kind]
    )
    head = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", size)
    step = max(1, frames - burst) if every is None else round(rate * every)
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", len(head) + size) + head)
        start = file.tell()
        for first in range(0, frames - burst + 1, step):
            file.seek(start + first * frame)
            file.write(noise)
        file.truncate(start + size)
    return path
