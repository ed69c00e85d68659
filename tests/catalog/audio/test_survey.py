"""A survey finds, before a file is decoded, which decoder has to read it and what its header gets wrong."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support import RATE, riff
from thresher.catalog.audio.survey import Survey, survey


def surveyed(content: bytes, tmp_path: Path) -> Survey:
    path = tmp_path / "file"
    path.write_bytes(content)
    fd = os.open(path, os.O_RDONLY)
    try:
        return survey(fd, len(content))
    finally:
        os.close(fd)


def written(tmp_path: Path, name: str, seed: int = 1) -> bytes:
    soundfile.write(tmp_path / name, riff(seed, 0.5), RATE)
    return (tmp_path / name).read_bytes()


def test_nothing_is_known_of_an_empty_file_and_of_text(tmp_path: Path) -> None:
    assert surveyed(b"", tmp_path) == Survey()
    assert surveyed(b"this is no audio", tmp_path) == Survey()


@pytest.mark.parametrize(
    ("name", "demuxer"), [("a.wav", None), ("a.flac", "flac"), ("a.ogg", "ogg"), ("a.mp3", "mp3")]
)
def test_libsndfile_reads_a_plain_file_as_it_is(tmp_path: Path, name: str, demuxer: str | None) -> None:
    found = surveyed(written(tmp_path, name), tmp_path)
    assert (found.demuxer, found.needs_ffmpeg, found.prefers_ffmpeg) == (demuxer, False, False)
    assert (found.pieces, found.fault, found.rest, found.start) == (None, None, None, 0)


def test_a_container_that_libsndfile_does_not_read_needs_ffmpeg(tmp_path: Path) -> None:
    found = surveyed(b"MAC \x96\x0f" + bytes(40), tmp_path)
    assert (found.demuxer, found.needs_ffmpeg, found.fault) == ("ape", True, None)


def test_bytes_before_the_container_are_skipped(tmp_path: Path) -> None:
    content = written(tmp_path, "a.flac")
    tagged = b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + content
    found = surveyed(tagged, tmp_path)
    assert (found.demuxer, found.start) == ("flac", 20)
    assert found.pieces == ((20, len(content)),)


def test_another_stream_after_the_first_is_left_to_ffmpeg(tmp_path: Path) -> None:
    found = surveyed(written(tmp_path, "a.ogg", 1) + written(tmp_path, "b.ogg", 2), tmp_path)
    assert (found.prefers_ffmpeg, found.rest) == (True, "another Ogg stream follows")


def test_a_wav_file_with_a_wrong_length_is_read_through_a_corrected_header(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(1000, np.float32), RATE, "PCM_16")
    content = (tmp_path / "a.wav").read_bytes()
    at = content.index(b"data") + 4
    found = surveyed(content[:at] + (0).to_bytes(4, "little") + content[at + 4 :], tmp_path)
    assert found.pieces is not None
    assert found.chunked is not None
