"""The loudness of each clip as it sounds in a song, which may have a different number of channels."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from thresher.catalog.audio.reader import AudioReader
from thresher.curation.workers import WorkerDied, Workers
from thresher.errors import AudioError
from thresher.signal.features.loudness import LoudnessMeter
from thresher.signal.mixing.mix import downmix

BOTH_SIDES = 10 * math.log10(2)
"""The gain in LU of one channel that is played on both sides: ITU-R BS.1770 adds the power of the channels."""


@dataclass(frozen=True)
class Sound:
    """A clip's span in frames, and the loudness of the clip alone in LUFS (None if it has none).

    `file` holds the clip's audio, and `decoder` reads it; they are needed only for clips whose channels have to be
    mixed.
    """

    file: bytes | None
    start_frame: int
    end_frame: int
    sample_rate: int
    channels: int
    mono_channel: int | None
    loudness: float | None
    decoder: str | None = None


def song_loudness(sounds: Iterable[Sound], channels: int) -> list[float | None]:
    """The integrated loudness of each clip in LUFS, mixed to 1 or 2 channels; None for clips that have none.

    The loudness that ingest measured is used, or converted, where that is exact. A clip whose channels have to be
    mixed is read and measured. If its file is missing, the result is an estimate from its own loudness.
    """
    with Workers("threads") as workers:
        tasks = ((each, (each, channels) if _has_to_be_read(each, channels) else None) for each in sounds)
        found = []
        for sound, measured in workers.map(_measured, tasks):
            assert not isinstance(measured, WorkerDied)
            found.append(_converted(sound, channels) if measured is None else measured[0])
        return found


def _has_to_be_read(sound: Sound, channels: int) -> bool:
    return sound.file is not None and sound.channels not in (1, channels)


def _converted(sound: Sound, channels: int) -> float | None:
    if sound.loudness is None or sound.channels == channels:
        return sound.loudness
    return sound.loudness + (BOTH_SIDES if channels > sound.channels else -BOTH_SIDES)


def _measured(argument: tuple[Sound, int]) -> tuple[float | None] | None:
    sound, channels = argument
    meter = LoudnessMeter(sound.sample_rate, channels)
    try:
        with AudioReader(sound.file or b"", sound.decoder) as reader:
            for block in reader.blocks(sound.start_frame, sound.end_frame):
                meter.update(downmix(block, channels, sound.mono_channel))
    except (OSError, AudioError):
        return None  # the render reports what is wrong with the file
    return (meter.integrated(),)
