"""The format of an audio file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AudioFormat:
    """The format of an audio file according to its header.

    `frames` is exact if the file is not truncated, and None if only decoding tells the length. `container` and
    `subtype` are libsndfile's names: "WAV", "FLAC"; "PCM_16", "FLOAT", "VORBIS". For what libsndfile does not know,
    they are ffmpeg's names in capitals: "MP4", "AAC".
    """

    sample_rate: int
    channels: int
    frames: int | None
    container: str
    subtype: str
