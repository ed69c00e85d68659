"""Tiny sounds, and the bytes of the files that hold them: the same sound with several tags, as WAV and as FLAC."""

from __future__ import annotations

import hashlib
import io
from functools import cache
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 8_000
COUNT = 16
"""The number of sounds."""


class Content(NamedTuple):
    """The content of a file: its `sound`, and its bytes, which also depend on its tags and its suffix.

    The `sound` of a rendering is None, and `sha256` names its bytes.
    """

    sound: str | None
    sha256: str


def is_split(sound: str) -> bool:
    """Whether there is a silence between two sounds in it."""
    return sound.isdigit() and int(sound) % 4 == 3


@cache
def samples(number: int) -> NDArray[np.int16]:
    """A run of tones with a slow end, so that its trimmed span depends on the settings."""
    generator = np.random.default_rng(number)
    seconds = 0.7 if number % 4 == 2 else 3.0
    frames = int(seconds * RATE)
    pitches = np.repeat(generator.uniform(150, 1500, size=frames // 800 + 1), 800)[:frames]
    y = 0.4 * np.sin(2 * np.pi * np.cumsum(pitches) / RATE)
    y[-1600:] *= np.exp(-np.arange(1600) / 230)  # 60 dB
    if number % 4 == 3:
        y = np.concatenate([y[: frames // 3], np.zeros(RATE), y[frames // 3 :]])
    return np.rint(32_767 * y).astype(np.int16)


@cache
def file_bytes(sound: str, edition: int, suffix: str) -> bytes:
    """The bytes of a file with a sound; editions differ in their tags."""
    target = io.BytesIO()
    y = samples(int(sound))
    with soundfile.SoundFile(target, "w", RATE, 1, "PCM_16", format=suffix.removeprefix(".").upper()) as file:
        if edition:
            file.title = f"take {edition}"
        file.write(y)
    return target.getvalue()


def content(sound: str, edition: int, suffix: str) -> Content:
    """The content of such a file."""
    return Content(sound, sha256(file_bytes(sound, edition, suffix)))


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes, as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
