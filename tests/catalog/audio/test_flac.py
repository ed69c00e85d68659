"""The length of a FLAC file is that of its frames, whatever its header declares."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.catalog.audio_files import SR, encoded, read, shortfall, tones, write
from thresher.catalog.audio.flac import flac_length
from thresher.catalog.audio.reader import AudioReader

FRAMES = 2 * SR + 1


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A FLAC file of two seconds in stereo."""
    return write(tmp_path_factory.mktemp("flac") / "a.flac", tones(FRAMES, 2), "FLAC", "PCM_16")


def declaring(content: bytes, frames: int) -> bytes:
    """Return a FLAC file whose header declares another length."""
    total = int.from_bytes(content[21:26], "big") >> 36 << 36 | frames
    return content[:21] + total.to_bytes(5, "big") + content[26:]


@pytest.mark.parametrize("declared", [0, 1, 4096, FRAMES - 1, FRAMES])
def test_a_declared_length_that_is_too_small_or_missing_is_corrected(
    tmp_path: Path, whole: Path, declared: int
) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(declaring(whole.read_bytes(), declared))
    with AudioReader(os.fsencode(path)) as reader:
        assert (reader.decoder.name, reader.format.frames) == ("libsndfile", FRAMES)
    np.testing.assert_array_equal(read(path), read(whole))
    np.testing.assert_array_equal(read(path, start=30_000), read(whole, start=30_000))
    assert shortfall(path) is None


@pytest.mark.parametrize(
    "tag", [b"TAG" + bytes(125), b"ID3\x04\x00\x00\x00\x00\x00\x05hello", b"\xff" * 999, b""]
)
def test_tags_around_the_stream_do_not_change_its_length(tmp_path: Path, whole: Path, tag: bytes) -> None:
    front = tag if tag[:3] == b"ID3" else b""
    path = tmp_path / "a.flac"
    path.write_bytes(front + whole.read_bytes() + tag)
    fd = os.open(path, os.O_RDONLY)
    found = flac_length(fd, len(front), path.stat().st_size)
    os.close(fd)
    assert found is not None
    assert (found.declared, found.present, found.joined) == (FRAMES, FRAMES, False)
    np.testing.assert_array_equal(read(path), read(whole))


@pytest.mark.parametrize(
    "options", [("-compression_level", "0"), ("-c:a", "flac", "-sample_fmt", "s32"), ("-ar", "44100")]
)
def test_the_length_is_found_in_files_of_another_encoder(tmp_path: Path, options: tuple[str, ...]) -> None:
    path = encoded(tmp_path / "a.flac", tones(SR, 1), *options)
    fd = os.open(path, os.O_RDONLY)
    found = flac_length(fd, 0, path.stat().st_size)
    os.close(fd)
    assert found is not None
    assert found.present == found.declared > 0


@pytest.mark.parametrize("cut", [1, 700, 20_000])
def test_a_cut_file_keeps_what_decodes(tmp_path: Path, whole: Path, cut: int) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(whole.read_bytes()[:-cut])
    with AudioReader(os.fsencode(path), "ffmpeg") as reader:
        y = np.concatenate(list(reader.blocks()))
        assert f"of {FRAMES / SR:.2f} s" in str(reader.shortfall(len(y)))
    assert 0 < len(y) < FRAMES
    np.testing.assert_array_equal(y, read(whole)[: len(y)])


def test_a_joined_file_of_another_format_is_not_passed_over_in_silence(tmp_path: Path, whole: Path) -> None:
    other = write(tmp_path / "b.flac", tones(SR), "FLAC", "PCM_16").read_bytes()
    path = tmp_path / "a.flac"
    path.write_bytes(whole.read_bytes() + other)
    np.testing.assert_array_equal(read(path), read(whole))
    assert f"{len(other):,} bytes of another FLAC stream follow" in str(shortfall(path))


def test_joined_files_are_read_to_the_end_of_the_last_one(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(whole.read_bytes() * 2)
    assert len(read(path)) == pytest.approx(2 * FRAMES, abs=4096)
    assert shortfall(path) is None
    monkeypatch.setattr("thresher.catalog.audio.reader.find_ffmpeg", lambda: None)
    assert "another FLAC stream follows" in str(shortfall(path))
