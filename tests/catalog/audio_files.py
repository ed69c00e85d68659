"""Made audio files of every kind, and short ways to read and write them."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from thresher.catalog.audio.encoding import OUTPUT_FORMATS, AudioWriter
from thresher.catalog.audio.reader import AudioReader

SR = 16000


def tones(frames: int, channels: int = 1, seed: int = 0) -> NDArray[np.float32]:
    """Return five sines in a little noise, which no codec can encode trivially."""
    generator = np.random.default_rng(seed)
    time_axis = np.arange(frames)[:, np.newaxis] / SR
    y = generator.normal(0, 0.01, (frames, channels))
    for frequency in generator.uniform(80, 3000, 5):
        y += 0.15 * np.sin(2 * np.pi * frequency * time_axis + generator.uniform(0, 6, channels))
    return y.astype(np.float32)


def write(path: Path, y: NDArray[Any], container: str, subtype: str, sr: int = SR) -> Path:
    """Write a file with plain soundfile, in short blocks."""
    with soundfile.SoundFile(path, "w", sr, y.shape[1], subtype, format=container) as file:
        for start in range(0, len(y), 8000):
            file.write(y[start : start + 8000])
    return path


def read(path: Path | bytes, **arguments: Any) -> NDArray[np.float32]:
    with AudioReader(os.fsencode(path)) as reader:
        blocks = list(reader.blocks(**arguments))
        return np.concatenate(blocks) if blocks else np.empty((0, reader.format.channels), np.float32)


def shortfall(path: Path) -> str | None:
    with AudioReader(os.fsencode(path)) as reader:
        return reader.shortfall(sum(len(block) for block in reader.blocks()))


def ffmpeg() -> str:
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="needs an ffmpeg to write other files with")
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def encoded(path: Path, y: NDArray[Any], *options: str, sr: int = SR) -> Path:
    """Write a file with ffmpeg: the suffix of the path, or options before it, choose the format."""
    raw = ["-f", "f32le", "-ar", str(sr), "-ac", str(y.shape[1]), "-i", "pipe:0"]
    command = [ffmpeg(), "-v", "error", "-y", *raw, *options, str(path)]
    subprocess.run(command, input=y.astype("<f4").tobytes(), check=True, capture_output=True)
    return path


# (name, container, subtype, channels): every kind of file whose end can be checked
KINDS = [
    ("pcm.wav", "WAV", "PCM_16", 2),
    ("odd.wav", "WAV", "PCM_U8", 1),
    ("pcm24.wav", "WAVEX", "PCM_24", 2),
    ("float.wav", "WAV", "FLOAT", 1),
    ("ulaw.wav", "WAV", "ULAW", 1),
    ("ima.wav", "WAV", "IMA_ADPCM", 1),
    ("gsm.wav", "WAV", "GSM610", 1),
    ("a.rf64", "RF64", "PCM_16", 2),
    ("a.w64", "W64", "PCM_16", 2),
    ("a.aiff", "AIFF", "PCM_16", 1),
    ("a.au", "AU", "FLOAT", 1),
    ("a.caf", "CAF", "PCM_16", 1),
    ("alac.caf", "CAF", "ALAC_16", 1),
    ("a.flac", "FLAC", "PCM_16", 2),
    ("a.ogg", "OGG", "VORBIS", 2),
    ("a.opus", "OGG", "OPUS", 1),
    ("a.mp3", "MP3", "MPEG_LAYER_III", 2),
]


NAMES = [name for name, *_ in KINDS]


def wav_header(channels: int, sr: int) -> bytes:
    frame = channels * 2 & 0xFFFF
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, sr, sr * frame & 0xFFFFFFFF, frame, 16)
    return b"RIFF" + struct.pack("<I", 36 + 4000) + b"WAVE" + form + b"data" + struct.pack("<I", 4000)


OUTPUTS = [
    (suffix, output.container, subtype)
    for suffix, output in OUTPUT_FORMATS.items()
    for subtype in output.subtypes
]


TITLE = "Dømäne \N{SHARK} 魚"


COMMENT = "epoch:80..120 ^rating:..2 " * 300  # 7.8 kB of query


def render(path: Path, y: NDArray[Any], container: str, subtype: str, **arguments: Any) -> Path:
    with AudioWriter(
        os.fsencode(path), SR, y.shape[1], container, subtype, frames=len(y), **arguments
    ) as writer:
        for start in range(0, len(y), 10000):
            writer.write(y[start : start + 10000])
    return path
