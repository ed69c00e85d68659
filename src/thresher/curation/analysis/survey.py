"""Survey one file in a worker: find its parts and its envelope, and compute nothing else."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from thresher.catalog.audio.reader import AudioReader
from thresher.curation.analysis.decoded import DecodedBlocks
from thresher.curation.analysis.task import FileTask, Unopened, Unsettled
from thresher.errors import AudioError
from thresher.signal.features.envelope import envelope
from thresher.signal.features.fingerprint import word_count
from thresher.signal.features.split import parts
from thresher.signal.features.split_settings import SplitSettings
from thresher.signal.features.trim import LevelMeter, Span
from thresher.signal.features.trim_settings import TrimSettings

COLUMNS = 1_000
"""The levels of an envelope: more than a terminal draws."""


@dataclass(frozen=True)
class SurveyTask(FileTask):
    """A file to survey; without `split`, only its envelope is wanted. `decoder` is the one to use."""

    trim: TrimSettings
    max_length: float
    split: SplitSettings | None = None
    decoder: str | None = None


@dataclass(frozen=True)
class Surveyed:
    """The parts of a recording, the status that each would have, and its envelope (see `features/envelope.py`)."""

    parts: tuple[Span, ...]
    statuses: tuple[str, ...]
    envelope: tuple[float, ...]


def survey(task: SurveyTask) -> Surveyed | Unsettled | Unopened:
    """Survey a file; nothing that a file may contain raises an error."""
    try:
        with AudioReader(task.path, task.decoder) as reader, np.errstate(invalid="ignore", over="ignore"):
            found = _surveyed(reader, task)
        now = os.stat(task.path)
    except OSError as error:
        return Unopened(error.strerror or str(error), vanished=isinstance(error, FileNotFoundError))
    except AudioError as error:
        return Unopened(str(error))
    return found if (now.st_size, now.st_mtime_ns) == (task.size, task.mtime_ns) else Unsettled()


def _surveyed(reader: AudioReader, task: SurveyTask) -> Surveyed:
    rate, channels = reader.format.sample_rate, reader.format.channels
    meter = LevelMeter(channels, task.trim)
    for block in DecodedBlocks(reader, task.max_length, task.trim).first_pass():
        meter.update(block)
    levels = meter.result()
    if not levels.frames or not levels.finite:
        return Surveyed((), (), (0.0,))
    found = () if task.split is None else parts(meter, rate, task.split)
    statuses = tuple(_status(meter, span, rate) for span in found)
    drawn = envelope(meter.frame_powers(Span(0, levels.frames)), COLUMNS)
    return Surveyed(found, statuses, tuple(drawn.round(1).tolist()))


def _status(meter: LevelMeter, span: Span, sample_rate: int) -> str:
    if meter.within(span).silent:
        return "silent"
    return "ok" if word_count(span.frames, sample_rate) else "too_short"
