"""MP3 files are read in full, whatever surrounds their frames and whatever their Xing header counts."""

from __future__ import annotations

import itertools
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.catalog.audio_files import SR, encoded, read, shortfall, tones
from thresher.catalog.audio import AudioReader
from thresher.catalog.mpeg import mpeg_frames

SECONDS = 2
APE = b"APETAGEX" + struct.pack("<IIII", 2000, 200, 1, 0xA0000000) + bytes(8 + 168)
ID3_V1, ID3_V2 = b"TAG" + bytes(125), b"ID3\3\0\0\0\0\x10\0" + bytes(2048)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """MP3 files with and without a Xing header, and one at another rate."""
    folder = tmp_path_factory.mktemp("mpeg")
    plain = ("-b:a", "64k", "-id3v2_version", "0")
    options = {
        "xing": plain,
        "bare": (*plain, "-write_xing", "0"),
        "fast": (*plain, "-ar", "44100", "-write_xing", "0"),
    }
    y = tones(SECONDS * SR)
    return {name: encoded(folder / f"{name}.mp3", y, *more).read_bytes() for name, more in options.items()}


@pytest.mark.parametrize(
    ("first", "second"), list(itertools.product(("xing", "bare"), ("xing", "bare", "fast")))
)
@pytest.mark.parametrize("between", [b"", ID3_V1 + ID3_V2], ids=["adjacent", "with tags between"])
def test_joined_files_are_read_to_the_end(
    tmp_path: Path, made: dict[str, bytes], first: str, second: str, between: bytes
) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(made[first] + between + made[second])
    assert len(read(path)) / SR == pytest.approx(2 * SECONDS, abs=0.25)
    assert shortfall(path) is None


@pytest.mark.parametrize("name", ["xing", "bare"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (bytes(4), b""),
        (bytes(9000), b""),
        (b"HTTP/1.1 200 OK\r\n\r\n", b""),
        (APE, b""),
        (b"", b"text of a downloader\n" * 9),
        (b"", ID3_V2 + ID3_V1),
        (ID3_V2, APE + ID3_V1),
    ],
)
def test_foreign_bytes_around_the_frames_do_not_matter(
    tmp_path: Path, made: dict[str, bytes], name: str, before: bytes, after: bytes
) -> None:
    path = tmp_path / "a.wav"  # the suffix says nothing
    path.write_bytes(before + made[name] + after)
    assert len(read(path)) / SR == pytest.approx(SECONDS, abs=0.15)
    assert shortfall(path) is None


def test_an_ordinary_file_is_read_by_libsndfile(tmp_path: Path, made: dict[str, bytes]) -> None:
    for name in ("xing", "bare"):
        (tmp_path / "a.mp3").write_bytes(ID3_V2 + made[name] + ID3_V1)
        with AudioReader(os.fsencode(tmp_path / "a.mp3")) as reader:
            assert reader.decoder.name == "libsndfile"


def test_without_ffmpeg_the_status_says_what_is_not_read(
    tmp_path: Path, made: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thresher.catalog.audio.find_ffmpeg", lambda: None)
    path = tmp_path / "a.mp3"
    path.write_bytes(made["xing"] + made["xing"])
    assert "more MPEG audio follows, which only ffmpeg decodes" in str(shortfall(path))
    path.write_bytes(bytes(9000) + made["bare"] + b"text of a downloader\n" * 9)
    with AudioReader(os.fsencode(path)) as reader:
        assert reader.decoder.name == "libsndfile"
    assert len(read(path)) / SR == pytest.approx(SECONDS, abs=0.15)
    assert shortfall(path) is None


def test_noise_has_no_frames(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        (tmp_path / "a.mp3").write_bytes(generator.bytes(100_000))
        fd = os.open(tmp_path / "a.mp3", os.O_RDONLY)
        assert mpeg_frames(fd, 100_000) is None
        os.close(fd)
