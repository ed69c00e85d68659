"""Truncated files are recognised from their containers, complete ones are not called truncated."""

from __future__ import annotations

import os
import re
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.catalog.audio_files import (
    NAMES,
    SR,
    TITLE,
    ffmpeg,
    read,
    render,
    shortfall,
    tones,
    wav_header,
    write,
)
from thresher.catalog.audio.containers import audio_start, set_ogg_serial
from thresher.catalog.audio.reader import AudioReader
from thresher.catalog.files.files import SUFFIXES
from thresher.errors import AudioError


@pytest.mark.parametrize("name", NAMES)
def test_complete_files_are_not_called_truncated(kinds: dict[str, Path], name: str) -> None:
    assert shortfall(kinds[name]) is None


CUT_SILENTLY = [name for name in NAMES if not name.endswith((".flac", ".caf"))]


@pytest.mark.parametrize("fraction", [0.5, 0.81, 0.97])
@pytest.mark.parametrize("name", CUT_SILENTLY)
def test_truncated_files_report_where_they_end(
    tmp_path: Path, kinds: dict[str, Path], name: str, fraction: float
) -> None:
    content = kinds[name].read_bytes()
    path = tmp_path / name
    path.write_bytes(content[: int(len(content) * fraction)])
    reason = shortfall(path)
    assert reason is not None
    reached = len(read(path)) / SR
    assert f"ends at {reached:.2f} s" in reason
    if not name.endswith((".ogg", ".opus")):
        promised = float(reason.rsplit(" of ", 1)[1].removesuffix(" s"))
        assert promised == pytest.approx(3.0, abs=0.12)


@pytest.mark.parametrize("name", ["a.caf", "alac.caf"])
def test_ffmpeg_reads_a_truncated_caf(tmp_path: Path, kinds: dict[str, Path], name: str) -> None:
    """libsndfile calls it malformed."""
    (tmp_path / name).write_bytes(kinds[name].read_bytes()[:-5000])
    found = read(tmp_path / name)
    assert 0 < len(found) < 3 * SR
    assert f"ends at {len(found) / SR:.2f} s" in str(shortfall(tmp_path / name))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_truncation_is_recognised(
    tmp_path_factory: pytest.TempPathFactory, kinds: dict[str, Path], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(CUT_SILENTLY))
    content = kinds[name].read_bytes()
    # The last bytes may be padding: what is cut holds at least one frame, or the Ogg page's end.
    length = data.draw(st.integers(len(content) // 4, len(content) - 500))
    path = tmp_path_factory.mktemp("cut") / name
    path.write_bytes(content[:length])
    try:
        assert shortfall(path) is not None
    except AudioError:
        assert name == "a.opus"  # it refuses some cuts at once


def test_one_missing_frame_or_half_of_one_is_recognised(tmp_path: Path) -> None:
    content = write(tmp_path / "a.wav", tones(SR, 2), "WAV", "PCM_16").read_bytes()
    for missing in (1, 4):
        (tmp_path / "b.wav").write_bytes(content[:-missing])
        assert shortfall(tmp_path / "b.wav") == "ends at 1.00 s of 1.00 s"


@pytest.mark.parametrize(
    ("container", "subtype", "width"),
    [
        ("WAV", "PCM_24", 3),
        ("RF64", "FLOAT", 4),
        ("W64", "DOUBLE", 8),
        ("AIFF", "PCM_16", 2),
        ("AU", "ULAW", 1),
    ],
)
def test_the_reported_length_is_that_of_the_header(
    tmp_path: Path, container: str, subtype: str, width: int
) -> None:
    content = write(tmp_path / "a", tones(200), container, subtype, 100).read_bytes()
    (tmp_path / "a").write_bytes(content[: -100 * width])
    assert shortfall(tmp_path / "a") == "ends at 1.00 s of 2.00 s"


def test_chunks_of_odd_length_are_skipped(tmp_path: Path) -> None:
    header = wav_header(1, 1000)
    content = header[:36] + b"note" + struct.pack("<I", 3) + b"odd\0" + header[36:] + bytes(4000)
    (tmp_path / "a.wav").write_bytes(content)
    assert shortfall(tmp_path / "a.wav") is None
    (tmp_path / "a.wav").write_bytes(content[:-1000])
    assert shortfall(tmp_path / "a.wav") == "ends at 1.50 s of 2.00 s"


def test_id3_tags_before_the_audio_are_skipped(tmp_path: Path, kinds: dict[str, Path]) -> None:
    tag = b"ID3\x04\x00\x00\x00\x00\x02\x05" + bytes(2 * 128 + 5)
    (tmp_path / "a.mp3").write_bytes(tag + kinds["a.mp3"].read_bytes())
    assert shortfall(tmp_path / "a.mp3") is None
    (tmp_path / "a.mp3").write_bytes(tag + kinds["a.mp3"].read_bytes()[:-5000])
    assert shortfall(tmp_path / "a.mp3") is not None
    descriptor = os.open(tmp_path / "a.mp3", os.O_RDONLY)
    try:
        assert audio_start(descriptor) == len(tag)
    finally:
        os.close(descriptor)


def test_an_mp3_without_its_last_frames_is_truncated_whatever_tag_follows(
    tmp_path: Path, kinds: dict[str, Path]
) -> None:
    content = kinds["a.mp3"].read_bytes()
    for _ in range(2):  # two frames: the one that holds the Xing header counts as one of the promised frames
        content = content[: content.rindex(content[:2])]
    for tag in (b"", *TAGS_BEHIND.values()):
        (tmp_path / "a.mp3").write_bytes(content + tag)
        assert shortfall(tmp_path / "a.mp3") is not None


def test_a_header_without_its_audio_is_truncated(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav_header(1, 1000))
    assert shortfall(tmp_path / "a.wav") == "ends at 0.00 s of 2.00 s"


@pytest.mark.parametrize(
    ("riff_size", "data_size"),
    [
        (8, 0),
        *((0xFFFFFFFF, size) for size in (0xFFFFFFFF, 0xFFFFFFFF - 36, 0x7FFFF000, 0x7FFFFFFF, 0x80000000)),
    ],
)
def test_a_header_without_a_length_is_not_called_truncated(
    tmp_path: Path, riff_size: int, data_size: int
) -> None:
    content = bytearray(write(tmp_path / "a.wav", tones(SR), "WAV", "PCM_16").read_bytes())
    content[4:8], content[40:44] = struct.pack("<I", riff_size), struct.pack("<I", data_size)
    (tmp_path / "a.wav").write_bytes(content)
    assert shortfall(tmp_path / "a.wav") is None
    assert len(read(tmp_path / "a.wav")) == SR


TAGS_BEHIND = {
    "ID3v1": b"TAG" + bytes(125),
    "APE": b"APETAGEX" + struct.pack("<IIII", 2000, 32, 0, 0) + bytes(8),
    "zeros": bytes(777),
}


@pytest.mark.parametrize("junk", [*TAGS_BEHIND.values(), b"some junk " * 50], ids=[*TAGS_BEHIND, "junk"])
@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith((".flac", ".caf", ".au"))])
def test_bytes_after_the_audio_are_allowed(
    tmp_path: Path, kinds: dict[str, Path], name: str, junk: bytes
) -> None:
    (tmp_path / name).write_bytes(kinds[name].read_bytes() + junk)
    assert shortfall(tmp_path / name) is None


def test_an_ogg_without_its_last_page_is_truncated(tmp_path: Path, kinds: dict[str, Path]) -> None:
    content = kinds["a.ogg"].read_bytes()
    (tmp_path / "a.ogg").write_bytes(content[: content.rindex(b"OggS")])
    reason = shortfall(tmp_path / "a.ogg")
    assert reason is not None
    assert reason.endswith("without the mark that ends an Ogg stream")
    (tmp_path / "a.ogg").write_bytes(content[:-1])
    reason = shortfall(tmp_path / "a.ogg")
    assert reason is not None
    assert reason.endswith("where its last Ogg page is cut off")


@pytest.mark.parametrize("hidden", range(6))
def test_the_last_ogg_page_is_found_across_the_border_of_a_window(
    tmp_path: Path, kinds: dict[str, Path], hidden: int
) -> None:
    content = kinds["a.ogg"].read_bytes()
    page = len(content) - content.rindex(b"OggS")
    # The end is searched in windows as long as the longest page; here one begins inside the signature.
    (tmp_path / "a.ogg").write_bytes(content + bytes(27 + 255 + 255 * 255 + hidden - page))
    assert shortfall(tmp_path / "a.ogg") is None


def test_chained_ogg_streams_are_not_called_truncated(tmp_path: Path, kinds: dict[str, Path]) -> None:
    (tmp_path / "a.ogg").write_bytes(kinds["a.ogg"].read_bytes() * 2)
    assert shortfall(tmp_path / "a.ogg") is None


@pytest.mark.parametrize(
    "options",
    [
        ("-f", "wav"),
        ("-f", "flac"),
        ("-f", "mp3"),
        ("-f", "mp3", "-q:a", "4", "-ar", "8000"),
        ("-f", "ogg", "-c:a", "libvorbis"),
        ("-f", "ogg", "-c:a", "libopus"),
        ("-f", "aiff"),
        ("-f", "au"),
        ("-f", "w64"),
    ],
    ids=" ".join,
)
def test_files_that_ffmpeg_wrote_into_a_pipe_are_not_called_truncated(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    source = write(tmp_path / "source.wav", tones(SR * 2, 2), "WAV", "PCM_16")
    command = [ffmpeg(), "-v", "error", "-i", str(source), *options, "-"]
    (tmp_path / "piped").write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    assert shortfall(tmp_path / "piped") is None
    with AudioReader(os.fsencode(tmp_path / "piped")) as reader:
        frames = len(read(tmp_path / "piped"))
        assert reader.format.frames == frames
        assert frames / reader.format.sample_rate == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize(
    "options",
    [(), ("-write_xing", "0"), ("-write_xing", "0", "-q:a", "2"), ("-q:a", "5"), ("-write_id3v1", "1")],
    ids=str,
)
def test_an_mp3_of_another_encoder_is_truncated_only_if_it_is_cut(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    source = write(tmp_path / "source.wav", tones(SR * 2, 2), "WAV", "PCM_16")
    path = tmp_path / "a.mp3"
    command = [ffmpeg(), "-v", "error", "-i", str(source), *options, "-metadata", "title=x", str(path)]
    subprocess.run(command, check=True)
    assert shortfall(path) is None
    with AudioReader(os.fsencode(path)) as reader:
        assert len(read(path)) == reader.format.frames
        assert reader.format.frames / reader.format.sample_rate == pytest.approx(2, abs=0.2)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2 + 1])
    assert shortfall(path) is not None


@pytest.fixture(scope="module")
def real_files(corpus: Path) -> list[Path]:
    return sorted(path for path in corpus.rglob("*") if path.suffix in SUFFIXES)


@pytest.mark.slow
@pytest.mark.long
def test_no_real_file_is_called_truncated(real_files: list[Path]) -> None:
    assert len(real_files) == 545
    assert {str(path): reason for path in real_files if (reason := shortfall(path)) is not None} == {}


def test_real_files_that_are_cut_are_called_truncated(real_files: list[Path], tmp_path: Path) -> None:
    for path in [path for path in real_files if path.suffix != ".flac"][::25]:
        content = path.read_bytes()
        (tmp_path / "cut").write_bytes(content[: len(content) * 2 // 3])
        assert shortfall(tmp_path / "cut") is not None, path


def test_a_new_serial_number_does_not_change_the_audio_of_an_ogg(tmp_path: Path) -> None:
    """Every page gets the number and a checksum that other programs accept."""
    y = tones(SR, 5)
    path = render(tmp_path / "a.ogg", y, "OGG", "VORBIS", tags={"title": TITLE})
    before, content = read(path), path.read_bytes()
    with path.open("r+b") as file:
        set_ogg_serial(file.fileno(), len(content), 0xABCDEF01)
    changed = path.read_bytes()
    pages = [match.start() for match in re.finditer(b"OggS", changed)]
    assert len(pages) > 3
    assert {changed[page + 14 : page + 18] for page in pages} == {b"\x01\xef\xcd\xab"}
    np.testing.assert_array_equal(read(path), before)  # libogg drops a page whose checksum is wrong
    damaged = bytearray(changed)
    damaged[pages[2] + 22] ^= 1
    path.write_bytes(damaged)
    assert len(read(path)) != len(before)
    with path.open("r+b") as file:
        set_ogg_serial(file.fileno(), len(content), int.from_bytes(content[14:18], "little"))
    assert path.read_bytes() == content


def test_a_serial_number_for_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.ogg"
    path.write_bytes(b"RIFF")
    with path.open("r+b") as file, pytest.raises(ValueError, match="no Ogg page at byte 0"):
        set_ogg_serial(file.fileno(), 4, 1)
