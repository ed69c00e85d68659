"""The measures of a clip as a whole: what no gain, order or block size changes, and what the corpus shows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.support import RATE
from thresher.curation.analysis import decoded
from thresher.curation.analysis.analyse import analyse
from thresher.curation.analysis.task import Analysis, AnalysisTask
from thresher.signal.features import descriptors
from thresher.signal.features.measured_clip import MeasuredClip
from thresher.signal.features.measures import measure
from thresher.signal.features.spectra import at_working_rate, spectra
from thresher.signal.features.trim import LevelMeter, to_mono
from thresher.signal.features.trim_settings import TrimSettings

Values = Mapping[str, Any]


def measured(y: NDArray[np.float32], sr: int = RATE) -> Values:
    """The measures of `y`, shape (frames, channels), none of it trimmed away; loudness range left out."""
    meter = LevelMeter(y.shape[1], TrimSettings())
    meter.update(y)
    levels = meter.result()
    spans = descriptors.analysed_spans(len(y), sr)
    looked_at = np.concatenate([y[start:end] for start, end in spans])
    found = spectra(at_working_rate(to_mono(looked_at, levels.mono_channel), sr))
    mel_levels = descriptors.mel_levels(found)
    return measure(MeasuredClip([looked_at], sr, found, mel_levels, len(spans), levels, None))


def close(left: float | None, right: float | None) -> bool:
    """Whether two measures are the same but for rounding, or both undefined."""
    return left == right or (left is not None and right is not None and abs(left - right) < 1e-4 * abs(right))


def measures_of(path: Path, **changes: Any) -> Values | None:
    state = path.stat()
    task = AnalysisTask(os.fsencode(path), state.st_size, state.st_mtime_ns, TrimSettings(), "auto", 7200.0)
    found = analyse(replace(task, **changes))
    assert isinstance(found, Analysis)
    return found.whole.measures


@pytest.mark.parametrize("gain", [0.01, 0.25, 3.0])
def test_measures_do_not_depend_on_the_gain(sound: Any, gain: float) -> None:
    y = 0.3 * sound(1, 6.0)
    y[RATE : 2 * RATE] *= 1e-5
    loud, quiet = measured(y), measured((gain * y).astype(np.float32))
    for name in ("silence", "noise", "loop", "loop_period", "onset_rate", "tempo"):
        assert close(quiet[name], loud[name]), name


def test_channels_may_be_in_any_order(sound: Any) -> None:
    y = sound(2, 5.0, channels=2)
    y[:, 1] *= 0.3
    y[:, 0] += 0.1
    there, back = measured(y), measured(np.ascontiguousarray(y[:, ::-1]))
    assert all(close(*pair) for pair in zip(there.values(), back.values(), strict=True))


def test_an_offset_is_that_of_the_channel_farthest_from_zero(sound: Any) -> None:
    y = 0.1 * sound(3, 4.0, channels=3)
    y -= y.mean(axis=0)
    assert measured(y)["dc_offset"] == pytest.approx(0.0, abs=1e-4)
    shifted = y + np.array([0.05, -0.2, 0.1], np.float32)
    assert measured(shifted)["dc_offset"] == pytest.approx(0.2, abs=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40_000), st.sampled_from([1, 50, 8_000, 22_050, 96_000]))
def test_measures_stay_within_their_ranges(seed: int, frames: int, sr: int) -> None:
    generator = np.random.default_rng(seed)
    y = generator.normal(size=(frames, 1)) * generator.choice([1e-3, 0.3, 2.0])
    y[generator.uniform(size=frames) < generator.uniform()] = generator.choice([0.0, 1.0])
    found = measured(y.astype(np.float32), sr)
    for name in ("silence", "clipping", "noise", "loop"):
        value = found[name]
        assert value is None or 0.0 <= value <= 1.0, name
    for name in ("dc_offset", "onset_rate", "loop_period", "tempo"):
        value = found[name]
        assert value is None or (np.isfinite(value) and value >= 0.0), name
    assert found["loop_period"] is None or found["loop"] is not None


@pytest.mark.parametrize("seconds", [0.01, 0.3, 2.0, 8.0, 130.0])
def test_measures_are_the_same_without_a_descriptor(tmp_path: Path, sound: Any, seconds: float) -> None:
    y = np.tile(0.4 * sound(4, min(seconds, 8.0), channels=2), (max(1, round(seconds / 8.0)), 1))
    soundfile.write(tmp_path / "a.wav", y, RATE, "FLOAT")
    plain = measures_of(tmp_path / "a.wav")
    assert plain is not None
    assert plain == measures_of(tmp_path / "a.wav", describe=True)


@pytest.mark.parametrize("seconds", [4.0, 130.0])
def test_measures_are_the_same_from_blocks_of_any_size(
    tmp_path: Path, sound: Any, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    y = np.tile(0.4 * sound(5, 4.0, rate=8_000, channels=2), (round(seconds / 4.0), 1))
    y[7_000:9_000] = 0
    soundfile.write(tmp_path / "a.wav", y, 8_000, "FLOAT")
    usual = measures_of(tmp_path / "a.wav")
    real = decoded.AudioReader.blocks

    def small(self: Any, *arguments: Any) -> Any:
        for block in real(self, *arguments):
            for start in range(0, len(block), 777):
                yield block[start : start + 777]

    monkeypatch.setattr(decoded.AudioReader, "blocks", small)
    monkeypatch.setattr(decoded, "MEMORY_FRAMES", 1)
    again = measures_of(tmp_path / "a.wav")
    assert usual is not None
    assert again is not None
    assert all(close(*pair) for pair in zip(again.values(), usual.values(), strict=True))


def test_only_what_is_usable_is_measured(tmp_path: Path, sound: Any) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((RATE, 1), np.float32), RATE)
    assert measures_of(path) is None
    soundfile.write(path, np.full((RATE, 1), np.nan, np.float32), RATE, "FLOAT")
    assert measures_of(path) is None
    soundfile.write(path, 0.3 * sound(6, 0.5), RATE)
    assert measures_of(path) is not None
    soundfile.write(path, 0.3 * sound(6, 6.0), RATE)
    path.write_bytes(path.read_bytes()[: 3 * RATE])
    assert measures_of(path) is not None


def test_samples_out_of_range_have_no_noise(tmp_path: Path, sound: Any) -> None:
    soundfile.write(tmp_path / "a.wav", 1e30 * sound(5, 4.0), RATE, "FLOAT")
    found = measures_of(tmp_path / "a.wav")
    assert found is not None
    assert found["noise"] is None
    assert found["clipping"] > 0.9


def test_a_phrase_repeated_only_in_another_excerpt_is_not_a_loop(sound: Any) -> None:
    """The excerpts of ten minutes lie minutes apart: what is similar in two of them says nothing about a lag."""
    excerpt = sound(7, 30.0)
    y = np.zeros((600 * RATE, 1), np.float32)
    for start, end in descriptors.analysed_spans(len(y), RATE):
        y[start:end] = excerpt
    y[:RATE] = y[-RATE:] = excerpt[:RATE]
    found = measured(y)
    assert found["loop_period"] is None or found["loop_period"] < 20.0


def _by_checkpoint(folder: Path) -> dict[str, list[Values]]:
    found: dict[str, list[Values]] = {}
    for path in sorted(folder.rglob("*.wav")):
        measures = measures_of(path)
        assert measures is not None
        found.setdefault(path.name.split("-")[0], []).append(measures)
    return found


def test_the_checkpoints_of_a_small_network_are_noise_and_two_fall_silent(corpus: Path) -> None:
    checkpoints = _by_checkpoint(corpus / "neural/samplernn_checkpoints")
    assert sorted(checkpoints) == ["ep1", "ep2", "ep3", "ep4", "ep5"]
    for clips in checkpoints.values():
        assert all((clip["noise"] or 0.0) > 0.9 for clip in clips)
        assert all((clip["loop"] or 0.0) < 0.3 for clip in clips)
    assert all(clip["silence"] > 0.95 for clip in checkpoints["ep5"])
    assert all(clip["silence"] < 0.01 for clip in checkpoints["ep2"])
    assert [clip["silence"] > 0.9 for clip in checkpoints["ep4"]].count(True) == 1


def test_music_has_little_noise_and_early_jazz_clips_have_an_offset(corpus: Path) -> None:
    music = [measures_of(path) for path in sorted((corpus / "music").rglob("*.ogg"))[::7]]
    jazz = [measures_of(path) for path in sorted((corpus / "neural/jazz_samplernn/samples").glob("*.wav"))]
    found = [clip for clip in music if clip is not None]
    assert float(np.median([clip["noise"] or 0.0 for clip in found])) < 0.6
    assert sum(clip["tempo"] is not None for clip in found) > len(found) / 2
    assert float(np.median([clip["dc_offset"] for clip in jazz if clip is not None])) > 0.4
    assert max(clip["dc_offset"] for clip in found) < 0.45
