"""Audio files are read exactly, in any span and block length, and damaged ones raise errors."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.catalog.audio_files import (
    NAMES,
    SR,
    read,
    shortfall,
    tones,
    wav_header,
    write,
)
from thresher.catalog.audio.audio_format import AudioFormat
from thresher.catalog.audio.encoding import AudioWriter
from thresher.catalog.audio.reader import AudioReader
from thresher.catalog.files.files import sha256_file
from thresher.errors import AudioError


@pytest.mark.parametrize("name", NAMES)
def test_samples_equal_those_that_soundfile_reads(kinds: dict[str, Path], name: str) -> None:
    with soundfile.SoundFile(kinds[name]) as file, AudioReader(os.fsencode(kinds[name])) as reader:
        assert reader.format == AudioFormat(
            file.samplerate, file.channels, file.frames, file.format, file.subtype
        )
        frames = file.frames
    y = read(kinds[name])
    assert y.dtype == np.float32
    assert len(y) == frames
    if name != "gsm.wav":  # soundfile cannot read what cannot seek
        expected = soundfile.read(kinds[name], dtype="float32", always_2d=True)[0]
        # It seeks to the beginning first, which changes the rounding of an MP3.
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-6 if name == "a.mp3" else 0)


@pytest.mark.parametrize("name", NAMES)
def test_a_span_equals_the_same_span_of_the_whole_file(kinds: dict[str, Path], name: str) -> None:
    whole = read(kinds[name])
    for start, end in ((0, 0), (0, 777), (1, 2), (3456, 9000), (12345, 40001), (len(whole) - 9, None)):
        np.testing.assert_array_equal(read(kinds[name], start=start, end=end), whole[start:end])
    assert len(read(kinds[name], start=len(whole))) == 0
    assert len(read(kinds[name], start=len(whole) + 5000)) == 0
    np.testing.assert_array_equal(read(kinds[name], start=40000, end=10**12), whole[40000:])


@pytest.mark.parametrize("name", NAMES)
def test_one_reader_reads_spans_in_any_order(kinds: dict[str, Path], name: str) -> None:
    whole = read(kinds[name])
    with AudioReader(os.fsencode(kinds[name])) as reader:
        for start, end in ((30000, 31000), (12345, 13000), (31000, 32000), (0, None), (5, 500)):
            np.testing.assert_array_equal(np.concatenate(list(reader.blocks(start, end))), whole[start:end])


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_blocks_add_up_to_the_span_for_any_block_length(kinds: dict[str, Path], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["pcm.wav", "a.flac", "a.ogg", "a.mp3"]))
    whole = read(kinds[name])
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole) + 10))
    block_frames = data.draw(st.integers(100, 60000))
    with AudioReader(os.fsencode(kinds[name])) as reader:
        blocks = list(reader.blocks(start, end, block_frames))
    assert all(0 < len(block) <= block_frames for block in blocks)
    np.testing.assert_array_equal(np.concatenate([whole[:0], *blocks]), whole[start:end])


@pytest.mark.parametrize(("start", "block_frames"), [(-1, 10), (0, 0)])
def test_a_negative_start_and_an_empty_block_are_refused(
    kinds: dict[str, Path], start: int, block_frames: int
) -> None:
    with AudioReader(os.fsencode(kinds["pcm.wav"])) as reader, pytest.raises(ValueError, match="at least 0"):
        next(reader.blocks(start, None, block_frames))


@pytest.mark.parametrize(("sr", "channels"), [(2000, 1), (192000, 1), (SR, 8), (1, 1)])
def test_unusual_rates_and_channel_counts_are_read(tmp_path: Path, sr: int, channels: int) -> None:
    y = tones(5000, channels)
    path = write(tmp_path / "a.wav", y, "WAV", "FLOAT", sr)
    np.testing.assert_array_equal(read(path), y)


def test_float_peaks_and_non_finite_values_are_kept(tmp_path: Path) -> None:
    y = np.array([[4.0], [-4.5], [np.nan], [np.inf]], np.float32)
    np.testing.assert_array_equal(read(write(tmp_path / "a.wav", y, "WAV", "FLOAT")), y)


@pytest.mark.parametrize(
    "name",
    [
        b"\xff\xfe\x80.wav",
        "\N{SHARK} \"quoted\" 'name'.wav".encode(),
        b"line\nbreak:17:19:52.wav",
        b"w" * 251 + b".wav",
    ],
)
def test_files_with_any_name_are_read_and_written(tmp_path: Path, name: bytes) -> None:
    path = os.fsencode(tmp_path) + b"/" + name
    y = tones(1000)
    with AudioWriter(path, SR, 1, "WAV", "FLOAT", frames=1000) as writer:
        writer.write(y)
    np.testing.assert_array_equal(read(path), y)
    assert len(sha256_file(path)) == 64


def test_a_file_is_read_to_its_end_if_the_header_has_no_length(
    tmp_path: Path, kinds: dict[str, Path]
) -> None:
    content = bytearray(kinds["a.flac"].read_bytes())
    content[21] &= 0xF0  # STREAMINFO's total samples: 36 bits
    content[22:26] = bytes(4)
    (tmp_path / "a.flac").write_bytes(content)
    with AudioReader(os.fsencode(tmp_path / "a.flac")) as reader:
        assert reader.format.frames == SR * 3 + 1
    assert len(read(tmp_path / "a.flac")) == SR * 3 + 1
    np.testing.assert_array_equal(read(tmp_path / "a.flac", start=40000), read(kinds["a.flac"], start=40000))
    assert shortfall(tmp_path / "a.flac") is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello, this is no audio\n" * 100,
        ("hello, neither is this\n" * 100).encode("utf-16"),
        wav_header(1, SR)[:22],
        wav_header(65535, SR) + bytes(4000),
        wav_header(0, SR) + bytes(4000),
        wav_header(1, 0) + bytes(4000),
    ],
    ids=[
        "zero bytes",
        "text",
        "utf-16",
        "half a header",
        "65535 channels",
        "0 channels",
        "0 Hz",
    ],
)
def test_a_file_that_is_not_audio_raises_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudioError, match=r"\w"):
        AudioReader(os.fsencode(tmp_path / "a.wav"))


def test_the_error_has_the_message_of_the_decoder(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"hello" * 100)
    with pytest.raises(AudioError, match=r"^Format not recognised \(ffmpeg: .*Invalid data"):
        AudioReader(os.fsencode(tmp_path / "a.wav"))


@pytest.mark.parametrize("name", ["empty.wav", "empty.aiff", "empty.w64"])
def test_a_header_without_audio_has_no_frames(tmp_path: Path, name: str) -> None:
    container = name.split(".")[1].upper()
    path = write(tmp_path / name, np.empty((0, 1), np.float32), container, "PCM_16")
    with AudioReader(os.fsencode(path)) as reader:
        assert reader.format.frames == 0
        assert list(reader.blocks()) == []
        assert reader.shortfall(0) is None


def test_a_truncated_flac_raises_an_error(tmp_path: Path, kinds: dict[str, Path]) -> None:
    content = kinds["a.flac"].read_bytes()
    for length in (len(content) - 1, len(content) * 2 // 3, len(content) // 2):
        (tmp_path / "a.flac").write_bytes(content[:length])
        with pytest.raises(AudioError, match="flac"):
            read(tmp_path / "a.flac")


def test_a_flipped_bit_in_a_flac_raises_an_error(tmp_path: Path, kinds: dict[str, Path]) -> None:
    content = bytearray(kinds["a.flac"].read_bytes())
    content[len(content) // 2] ^= 0x10
    (tmp_path / "a.flac").write_bytes(content)
    with pytest.raises(AudioError, match="flac"):
        read(tmp_path / "a.flac")


def test_no_descriptor_is_left_open(tmp_path: Path, kinds: dict[str, Path]) -> None:
    (tmp_path / "bad.wav").write_bytes(b"bad" * 50)
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("counts descriptors in /proc")
    before = len(list(descriptors.iterdir()))
    for path in (tmp_path / "bad.wav", kinds["a.mp3"]):
        try:
            read(path)
        except AudioError:
            continue
    with AudioWriter(os.fsencode(tmp_path / "a.mp3"), SR, 1, "MP3", "MPEG_LAYER_III"):
        pass
    assert len(list(descriptors.iterdir())) == before


def test_an_mp3_that_ends_within_its_second_frame_is_read_without_a_complaint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libsndfile seeks to a place before the begin of this file."""
    (tmp_path / "a.mp3").write_bytes(
        bytes.fromhex(
            "49443304000000000022545353450000000e0000034c61766636332e312e3130320000000000000000000000ffe318c4000d2002"
            "e65940100002d0bb200976ff138200802104c3efdffc1f28083bf041df9407c1f07dfff02020eff82107c1f07fff2808020ebc4e"
            "fa0407383ef5fffeaff2606cffe318c4060dc1a2"
        )
    )
    printed: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", printed.append)
    assert len(read(tmp_path / "a.mp3")) == 1152
    assert printed == []
