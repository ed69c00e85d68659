"""The loudness of clips in a song of one or two channels: converted where that is exact, otherwise measured."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyloudnorm
import pytest
import soundfile

from tests.support import RATE, MakeSound
from thresher.curation.songs.clip_loudness import Sound, song_loudness


def clip(**changes: Any) -> Sound:
    """A mono clip of -20 LUFS without a file."""
    values: dict[str, Any] = {
        "file": None,
        "start_frame": 0,
        "end_frame": 4 * RATE,
        "sample_rate": RATE,
        "channels": 1,
        "mono_channel": None,
        "loudness": -20.0,
    }
    return Sound(**{**values, **changes})


@pytest.mark.parametrize("channels", [1, 2])
def test_a_clip_with_the_channels_of_the_song_keeps_its_loudness(channels: int) -> None:
    assert song_loudness([clip(channels=channels)], channels) == [-20.0]


def test_a_mono_clip_is_3_lu_louder_on_both_sides() -> None:
    assert song_loudness([clip()], 2) == [pytest.approx(-20 + 10 * np.log10(2))]


@pytest.mark.parametrize("channels", [1, 2])
def test_a_clip_without_a_loudness_has_none_in_the_song(channels: int) -> None:
    assert song_loudness([clip(loudness=None)], channels) == [None]


def test_a_stereo_clip_is_measured_as_it_sounds_in_mono(sound: MakeSound, tmp_path: Path) -> None:
    """Its two different channels lose loudness when they are mixed; only the span is measured."""
    y = np.hstack([sound(1, 4), sound(2, 4)])
    soundfile.write(tmp_path / "stereo.wav", np.vstack([y, 0.1 * y]), RATE, "FLOAT")
    stereo = clip(file=os.fsencode(tmp_path / "stereo.wav"), channels=2)
    expected = pyloudnorm.Meter(RATE).integrated_loudness(y.mean(axis=1, keepdims=True))
    assert song_loudness([stereo, clip()], 1) == [pytest.approx(expected, abs=0.05), -20.0]


def test_a_stereo_clip_whose_file_is_missing_is_estimated() -> None:
    missing = clip(file=b"/nowhere/stereo.wav", channels=2)
    assert song_loudness([missing], 1) == [pytest.approx(-20 - 10 * np.log10(2))]
