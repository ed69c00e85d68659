"""The analysis of one file: what is measured, and what damaged files lead to."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.catalog.audio_files import encoded, write
from tests.curation.analysis.analysed_files import analysed, between_silences, task_of, wav
from tests.support import RATE
from thresher.catalog.audio.reader import AudioReader
from thresher.curation.analysis.analyse import analyse
from thresher.curation.analysis.task import Unopened, Unsettled
from thresher.errors import AudioError
from thresher.signal.features.trim import Span


def test_a_good_file_is_measured(tmp_path: Path, sound: Any) -> None:
    y = between_silences(0.5 * sound(1, 5.0, channels=2))
    path = tmp_path / "a.wav"
    soundfile.write(path, y, RATE, "FLOAT")
    found = analysed(path)
    assert (found.status, found.reason, found.mono_channel) == ("ok", None, None)
    assert found.format is not None
    assert (found.format.sample_rate, found.format.channels, found.format.frames) == (RATE, 2, len(y))
    assert abs(found.whole.span.start - RATE) <= 2048
    assert abs(found.whole.span.end - 6 * RATE) <= 2048
    assert found.whole.peak == pytest.approx(float(np.abs(y).max()), abs=1e-7)
    assert found.whole.fingerprint is not None
    assert found.whole.fingerprint.dtype == np.uint32
    assert found.whole.fingerprint.ndim == 1
    assert abs(len(found.whole.fingerprint) - (5.0 - 2.6) / 0.1238) < 3
    assert found.whole.backend
    assert found.whole.backend_version
    assert found.whole.loudness is not None
    assert -30 < found.whole.loudness < 0


def test_the_fingerprint_is_that_of_the_clip_alone(tmp_path: Path, sound: Any) -> None:
    y = 0.5 * sound(4, 5.0)
    soundfile.write(tmp_path / "wide.wav", between_silences(y), RATE)
    wide = analysed(tmp_path / "wide.wav")
    soundfile.write(
        tmp_path / "cut.wav", between_silences(y)[wide.whole.span.start : wide.whole.span.end], RATE
    )
    cut = analysed(tmp_path / "cut.wav")
    assert cut.whole.span == Span(0, wide.whole.span.frames)
    np.testing.assert_array_equal(wide.whole.fingerprint, cut.whole.fingerprint)
    assert (cut.whole.loudness, cut.whole.peak) == (wide.whole.loudness, wide.whole.peak)


@pytest.mark.parametrize("rate", [1_000_001, 48_000_000, 200_000_000, 2**31 - 1])
def test_a_rate_beyond_all_audio_is_unreadable(tmp_path: Path, rate: int) -> None:
    """Chromaprint reads beyond its buffer at such rates, and never ends at the highest."""
    data = np.random.default_rng(0).integers(-9_000, 9_000, size=200_000).astype("<i2").tobytes()
    (tmp_path / "a.wav").write_bytes(wav(1, rate, data))
    found = analysed(tmp_path / "a.wav")
    assert (found.status, found.whole.span) == ("unreadable", Span(0, 0))
    assert f"{rate:,} Hz" in str(found.reason)


@pytest.mark.parametrize("rate", [1, 99, 768_000, 1_000_000])
def test_a_rate_within_reason_is_analysed(tmp_path: Path, rate: int) -> None:
    frames = min(4 * rate, 300_000) + 20
    data = np.random.default_rng(0).integers(-9_000, 9_000, size=frames).astype("<i2").tobytes()
    (tmp_path / "a.wav").write_bytes(wav(1, rate, data))
    assert analysed(tmp_path / "a.wav").status in ("ok", "too_short")


def test_values_beyond_full_scale_are_audio(tmp_path: Path, sound: Any) -> None:
    soundfile.write(tmp_path / "a.wav", 1e30 * sound(5, 4.0), RATE, "FLOAT")
    found = analysed(tmp_path / "a.wav")
    assert (found.status, found.mono_channel) == ("ok", None)
    assert found.whole.peak is not None
    assert found.whole.peak > 1e29


@pytest.mark.parametrize("status", ["truncated", "truncated short", "truncated silent"])
def test_a_truncated_file_is_one_whatever_is_left(tmp_path: Path, sound: Any, status: str) -> None:
    y = 0.5 * sound(6, 10.0)
    if status == "truncated silent":
        y[: 5 * RATE] = 0
    path = tmp_path / "a.wav"
    soundfile.write(path, y, RATE)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // (8 if status == "truncated short" else 2)])
    found = analysed(path)
    assert found.status == "truncated"
    assert "of 10.00 s" in str(found.reason)
    assert (found.whole.fingerprint is not None) == (status == "truncated")


@pytest.mark.parametrize(
    ("name", "container", "subtype"),
    [
        ("a.flac", "FLAC", "PCM_16"),
        ("a.wav", "WAV", "PCM_16"),
        ("b.wav", "WAV", "DOUBLE"),
        ("a.aiff", "AIFF", "PCM_16"),
        ("a.ogg", "OGG", "VORBIS"),
        ("a.mp3", "MP3", "MPEG_LAYER_III"),
    ],
)
def test_a_truncated_file_is_truncated_also_where_the_cap_ends_it(
    tmp_path: Path, sound: Any, name: str, container: str, subtype: str
) -> None:
    path = write(tmp_path / name, sound(7, 9.0), container, subtype, RATE)
    whole = analysed(path, max_length=3.0)
    assert (whole.status, whole.reason, whole.lost_share) == ("ok", "analysed up to 0:03 of 0:09", None)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    found = analysed(path, max_length=3.0)
    assert found.status == "truncated"
    assert found.format is not None
    assert found.format.frames is not None
    end = found.format.frames / RATE
    assert 4 < end < 8
    assert re.fullmatch(rf"ends at {end:.2f} s[^;]*; analysed up to 0:03 of 0:06", str(found.reason))
    assert found.whole.span.end <= 3 * RATE
    assert (found.audio_key or "").partition(":")[0] == (whole.audio_key or "").partition(":")[0] + "-cut"


def test_damage_beyond_the_cap_of_a_flac_is_found(tmp_path: Path, sound: Any) -> None:
    path = write(tmp_path / "a.flac", sound(7, 9.0), "FLAC", "PCM_16", RATE)
    content = bytearray(path.read_bytes())
    content[len(content) * 3 // 4] ^= 0x10
    path.write_bytes(content)
    found = analysed(path, max_length=3.0)
    assert found.status == "truncated"
    assert re.fullmatch(
        r"ends at 8\.\d\d s .*: unknown error in flac decoder; analysed up to 0:03 of 0:09", str(found.reason)
    )


def test_a_long_file_is_not_called_truncated_where_the_cap_ends_it(tmp_path: Path, sound: Any) -> None:
    soundfile.write(tmp_path / "a.wav", sound(7, 9.0), RATE)
    found = analysed(tmp_path / "a.wav", max_length=5.0)
    assert (found.status, found.reason) == ("ok", "analysed up to 0:05 of 0:09")
    assert found.whole.span.end == 5 * RATE
    exact = analysed(tmp_path / "a.wav", max_length=9.0)
    assert (exact.reason, exact.whole.span.end) == (None, 9 * RATE)


def test_a_file_that_changes_meanwhile_is_not_settled(tmp_path: Path, write_clip: Any) -> None:
    path = write_clip(tmp_path / "a.wav", 8, 0.5)
    task = task_of(path)
    assert isinstance(analyse(replace(task, size=task.size + 1)), Unsettled)
    assert isinstance(analyse(replace(task, mtime_ns=task.mtime_ns - 1)), Unsettled)


def test_a_file_that_is_gone_or_locked(
    tmp_path: Path, write_clip: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_clip(tmp_path / "a.wav", 8, 0.5)
    task = task_of(path)
    path.unlink()
    assert analyse(task) == Unopened("is no longer there", vanished=True)
    path.mkdir()
    assert isinstance(analyse(task), Unsettled)

    def refuse(*_arguments: Any, **_keywords: Any) -> int:
        raise PermissionError(13, "Permission denied")

    write_clip(tmp_path / "b.wav", 8, 0.5)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        assert analyse(task_of(tmp_path / "b.wav")) == Unopened("Permission denied")


@pytest.fixture(scope="module")
def uneven_opus(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Five seconds of Opus whose second page states a time 8 ms too late, which libsndfile calls malformed."""
    path = tmp_path_factory.mktemp("opus") / "a.ogg"
    y = np.random.default_rng(0).normal(0, 0.1, (5 * 16_000, 1))
    late = r"asetpts=PTS+between(T\,1.5\,2.5)*0.008/TB"
    return encoded(path, y, "-af", late, "-c:a", "libopus", "-b:a", "32k", sr=16_000).read_bytes()


def test_a_file_that_only_libsndfile_calls_malformed_is_ok(tmp_path: Path, uneven_opus: bytes) -> None:
    path = tmp_path / "a.ogg"
    path.write_bytes(uneven_opus)
    with AudioReader(bytes(path)) as reader, pytest.raises(AudioError, match="malformed"):
        list(reader.blocks())
    found = analysed(path)
    assert (found.status, found.reason, found.decoder) == ("ok", None, "ffmpeg")
    assert found.format is not None
    assert found.format.frames == 5 * 48_000
    assert found.lost_share is None


@pytest.mark.parametrize("damage", ["cut page", "missing end", "missing page", "flipped bit"])
def test_a_damaged_opus_file_is_truncated(tmp_path: Path, uneven_opus: bytes, damage: str) -> None:
    *_, fourth, last = (found.start() for found in re.finditer(b"OggS", uneven_opus))
    flipped = bytearray(uneven_opus)
    flipped[uneven_opus.index(b"OpusTags") + 1000] ^= 1
    contents = {
        "cut page": uneven_opus[:-100],
        "missing end": uneven_opus[:last],
        "missing page": uneven_opus[:fourth] + uneven_opus[last:],
        "flipped bit": bytes(flipped),
    }
    path = tmp_path / "a.ogg"
    path.write_bytes(contents[damage])
    found = analysed(path)
    assert found.status == "truncated"
    assert found.reason


KINDS = [("wav", "PCM_16"), ("wav", "FLOAT"), ("flac", None), ("ogg", None), ("mp3", None), ("aiff", None)]


def damaged(content: bytes, generator: np.random.Generator) -> bytes:
    """The content after a few bytes were changed, most of them near its head."""
    changed = bytearray(content)
    for _ in range(generator.integers(1, 6)):
        near = generator.uniform() < 0.7
        at = int(generator.integers(min(len(changed), 200) if near else len(changed)))
        match generator.integers(4):
            case 0:
                changed[at] = int(generator.integers(256))
            case 1:
                extremes = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f")
                changed[at : at + 4] = extremes[generator.integers(len(extremes))]
            case 2:
                del changed[at : at + int(generator.integers(1, 40))]
            case _:
                changed[at:at] = generator.bytes(int(generator.integers(1, 20)))
    return bytes(changed)


@pytest.mark.parametrize(("suffix", "subtype"), KINDS)
def test_no_damage_raises(tmp_path: Path, suffix: str, subtype: str | None) -> None:
    generator = np.random.default_rng(len(suffix) + len(subtype or ""))
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, 0.1 * generator.normal(size=(6_000, 2)), 8_000, subtype)
    content = path.read_bytes()
    seen = set()
    for _ in range(60):
        path.write_bytes(damaged(content, generator))
        found = analysed(path, max_length=60.0)
        assert found.status == "ok" or found.reason
        seen.add(found.status)
    assert len(seen) > 1


def test_spans_at_another_rate_keep_their_times(tmp_path: Path, sound: Any) -> None:
    soundfile.write(tmp_path / "a.wav", sound(1, 4.0), RATE)
    spans = (Span(3 * 48_000, 9 * 48_000), Span(48_000, 2 * 48_000))
    found = analysed(tmp_path / "a.wav", spans=spans, spans_rate=48_000, spans_only=True)
    assert [clip.span for clip in found.clips] == [Span(3 * RATE, 4 * RATE), Span(RATE, 2 * RATE)]
