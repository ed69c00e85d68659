"""How loud a clip is as it lies in a song, whose channels may be others than its own."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from thresher.catalog.audio import AudioReader
from thresher.curation.workers import WorkerDied, Workers
from thresher.errors import AudioError
from thresher.signal.features.loudness import LoudnessMeter
from thresher.signal.mixing.mix import downmix

BOTH_SIDES = 10 * math.log10(2)
"""What one channel gains, in LU, when it sounds from both sides: BS.1770 adds the power of channels."""


@dataclass(frozen=True)
class Sound:
    """A clip's span, in frames, and its loudness alone in LUFS, if it has one; `file` is for those to be read."""

    file: bytes | None
    start_frame: int
    end_frame: int
    sample_rate: int
    channels: int
    mono_channel: int | None
    loudness: float | None


def song_loudness(sounds: Iterable[Sound], channels: int) -> list[float | None]:
    """The integrated loudness in LUFS of each clip, mixed to 1 or 2 channels; None where it has none.

    What ingest measured is taken where it is that of the song, or is told from it; a clip whose channels have to be
    mixed is read. Without its file, its own loudness less what both sides add is a guess.
    """
    with Workers("threads") as workers:
        tasks = ((each, (each, channels) if _is_to_be_read(each, channels) else None) for each in sounds)
        found = []
        for sound, measured in workers.map(_measured, tasks):
            assert not isinstance(measured, WorkerDied)
            found.append(_told(sound, channels) if measured is None else measured[0])
        return found


def _is_to_be_read(sound: Sound, channels: int) -> bool:
    return sound.file is not None and sound.channels not in (1, channels)


def _told(sound: Sound, channels: int) -> float | None:
    if sound.loudness is None or sound.channels == channels:
        return sound.loudness
    return sound.loudness + (BOTH_SIDES if channels > sound.channels else -BOTH_SIDES)


def _measured(argument: tuple[Sound, int]) -> tuple[float | None] | None:
    sound, channels = argument
    meter = LoudnessMeter(sound.sample_rate, channels)
    try:
        with AudioReader(sound.file or b"") as reader:
            for block in reader.blocks(sound.start_frame, sound.end_frame):
                meter.update(downmix(block, channels, sound.mono_channel))
    except (OSError, AudioError):
        return None  # what is wrong with it is for the render to say
    return (meter.integrated(),)
