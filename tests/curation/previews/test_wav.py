"""Any range of a WAV preview equals that range of the whole file."""

from __future__ import annotations

import io
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from thresher.catalog.audio.ffmpeg_decoder import find_ffmpeg
from thresher.catalog.audio.reader import AudioReader
from thresher.catalog.audio.seek_marks import SeekMark, packed, unpacked
from thresher.curation.previews.cache import PreviewCache
from thresher.curation.previews.pictures import peaks
from thresher.curation.previews.source import ClipSource
from thresher.curation.previews.wav import FALLBACK_RATE, HEADER, WavPreview, marks_name, to_pcm16
from thresher.errors import AudioError


def source_of(path: Path, start: int, end: int, rate: int, channels: int) -> ClipSource:
    return ClipSource(1, bytes(path), "0" * 64, None, start, end, rate, channels, None, None, None)


@pytest.fixture(scope="module")
def stereo(tmp_path_factory: pytest.TempPathFactory, sound: Any) -> WavPreview:
    path = tmp_path_factory.mktemp("wav") / "a.wav"
    soundfile.write(path, sound(1, 0.5, channels=2), 16_000)
    return WavPreview(source_of(path, 100, 7_000, 16_000, 2))


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_a_range_equals_that_of_the_whole(stereo: WavPreview, data: st.DataObject) -> None:
    whole = b"".join(stereo.bytes(0, stereo.size - 1))
    first = data.draw(st.integers(0, stereo.size - 1))
    last = data.draw(st.integers(first, stereo.size - 1))
    assert b"".join(stereo.bytes(first, last)) == whole[first : last + 1]


@pytest.mark.parametrize(
    ("rate", "channels", "sent"),
    [(2_000, 1, FALLBACK_RATE), (16_000, 6, 16_000), (192_000, 2, FALLBACK_RATE)],
)
def test_what_browsers_do_not_play_is_converted(tmp_path: Path, rate: int, channels: int, sent: int) -> None:
    y = 0.5 * np.sin(np.arange(rate // 2) * 2 * np.pi * 200 / rate)
    soundfile.write(tmp_path / "a.wav", np.tile(y[:, None], channels), rate, subtype="DOUBLE")
    preview = WavPreview(source_of(tmp_path / "a.wav", 0, len(y), rate, channels))
    content = b"".join(preview.bytes(0, preview.size - 1))
    assert len(content) == preview.size
    found, found_rate = soundfile.read(io.BytesIO(content), always_2d=True)
    assert (found_rate, found.shape) == (sent, (sent // 2, min(2, channels)))
    expected = 0.5 * np.sin(np.arange(sent // 2) * 2 * np.pi * 200 / sent)
    assert np.abs(found[1000:-1000, 0] - expected[1000:-1000]).max() < 2e-3
    assert (
        b"".join(preview.bytes(HEADER.size + 1, HEADER.size + 8))
        == content[HEADER.size + 1 : HEADER.size + 9]
    )


def test_a_file_that_has_become_shorter_is_an_error(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(100), 16_000)
    preview = WavPreview(source_of(tmp_path / "a.wav", 0, 200, 16_000, 1))
    with pytest.raises(AudioError):
        list(preview.bytes(0, preview.size - 1))


def test_samples_beyond_full_scale_are_clipped() -> None:
    y = np.array([[4.0], [-4.0], [0.5], [1.0]], np.float32)
    assert np.frombuffer(to_pcm16(y), "<i2").tolist() == [32767, -32768, 16384, 32767]


@pytest.mark.parametrize(("rate", "sent"), [(16_000, 16_000), (2_000, FALLBACK_RATE)])
def test_the_ends_of_a_mark_are_faded(tmp_path: Path, rate: int, sent: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(rate, 0.5), rate, subtype="FLOAT")
    source = source_of(tmp_path / "a.wav", 0, rate, rate, 1)
    whole, marked = (
        np.frombuffer(b"".join(preview.bytes(HEADER.size, preview.size - 1)), "<i2")
        for preview in (WavPreview(source), WavPreview(replace(source, kind="marked", fade=0.01)))
    )
    fade = round(0.01 * sent)
    np.testing.assert_array_equal(marked[fade:-fade], whole[fade:-fade])
    assert marked[0] == marked[-1] == 0
    preview = WavPreview(replace(source, kind="marked", fade=0.01))
    begin = HEADER.size + 2 * (len(whole) - fade)
    assert b"".join(preview.bytes(begin, preview.size - 1)) == marked[-fade:].tobytes()


def test_a_jump_in_a_file_that_only_ffmpeg_reads_gives_the_samples_of_a_whole_decode(
    tmp_path: Path, sound: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = find_ffmpeg()
    if program is None:
        pytest.skip("there is no ffmpeg")
    soundfile.write(tmp_path / "a.wav", sound(1, 45.0), 16_000)
    file = tmp_path / "a.m4a"
    command = [program, "-v", "error", "-i", str(tmp_path / "a.wav"), "-c:a", "aac", str(file)]
    subprocess.run(command, check=True)
    source = replace(source_of(file, 500, 44 * 16_000, 16_000, 1), decoder="ffmpeg")
    plain, cache = WavPreview(source), PreviewCache(tmp_path)
    whole = b"".join(plain.bytes(0, plain.size - 1))
    peaks(cache, source)
    reached: list[bool] = []
    seek = AudioReader.seek

    def noted(reader: AudioReader, mark: SeekMark) -> bool:
        reached.append(seek(reader, mark))
        return reached[-1]

    monkeypatch.setattr(AudioReader, "seek", noted)
    jumping = WavPreview(source, cache)
    first, last = 44 + 2 * 16_000 * 33 + 1, 44 + 2 * 16_000 * 43
    assert b"".join(jumping.bytes(first, last)) == whole[first : last + 1]
    assert reached == [True]
    wrong = [replace(mark, samples=-mark.samples) for mark in unpacked(cache.find(marks_name(source)) or b"")]
    cache.put(marks_name(source), packed(wrong))
    assert b"".join(jumping.bytes(first, last)) == whole[first : last + 1]
    assert (reached, len(wrong)) == ([True, False], 5)
