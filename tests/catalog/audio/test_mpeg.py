"""MP3 files are read in full, whatever surrounds their frames and whatever their Xing header counts."""

from __future__ import annotations

import itertools
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.catalog.audio_files import SR, encoded, read, shortfall, tones
from thresher.catalog.audio.mpeg import MpegFrames, frame_size, mpeg_frames
from thresher.catalog.audio.reader import AudioReader

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
    monkeypatch.setattr("thresher.catalog.audio.reader.find_ffmpeg", lambda: None)
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


@pytest.mark.parametrize("kind", ["overwritten", "zeros", "cut out"])
def test_a_file_with_damaged_frames_is_truncated_and_says_where(
    tmp_path: Path, made: dict[str, bytes], kind: str
) -> None:
    content = bytearray(made["bare"])
    at, noise = len(content) // 2, np.random.default_rng(1).bytes(1000)
    content[at : at + 1000] = {"overwritten": noise, "zeros": bytes(1000), "cut out": b""}[kind]
    (tmp_path / "a.mp3").write_bytes(content)
    reason = shortfall(tmp_path / "a.mp3")
    assert reason is not None
    assert float(reason.split("damaged at ")[1].removesuffix(" s")) == pytest.approx(SECONDS / 2, abs=0.1)


def test_side_information_that_claims_more_sound_than_its_frame_has_is_damage(
    tmp_path: Path, made: dict[str, bytes]
) -> None:
    found = _frames_of(tmp_path / "a.mp3", made["bare"])
    assert found.damaged == 0
    header = int.from_bytes(made["bare"][found.begin : found.begin + 4], "big")
    length = frame_size(header)[0]
    content = bytearray(made["bare"])
    for number in (10, 20):  # all frames have one length: no padding at 16 kHz and 64 kbit/s
        side = found.begin + number * length + 4
        content[side + 2 : side + 8] = b"\xff" * 6
    damaged = _frames_of(tmp_path / "a.mp3", bytes(content))
    assert damaged.damaged == 2
    assert damaged.damaged_at == pytest.approx(10 * found.samples / SR)
    assert "is damaged in 2 places, the first at 0.36 s" in str(shortfall(tmp_path / "a.mp3"))


@pytest.mark.parametrize("kept", [slice(0, 40), slice(10, 40)], ids=["from its start", "from its middle"])
@pytest.mark.parametrize("between", [b"", bytes(700), b"StreamTitle='';", ID3_V1 + ID3_V2, ID3_V1 + APE])
def test_joined_parts_of_a_stream_are_not_damaged(
    tmp_path: Path, made: dict[str, bytes], kept: slice, between: bytes
) -> None:
    found = _frames_of(tmp_path / "a.mp3", made["bare"])
    header = int.from_bytes(made["bare"][found.begin : found.begin + 4], "big")
    length = frame_size(header)[0]
    part = made["bare"][found.begin + kept.start * length : found.begin + kept.stop * length]
    assert _frames_of(tmp_path / "a.mp3", made["bare"] + between + part).damaged == 0


def _frames_of(path: Path, content: bytes) -> MpegFrames:
    path.write_bytes(content)
    with path.open("rb") as file:
        found = mpeg_frames(file.fileno(), len(content))
    assert found is not None
    return found
