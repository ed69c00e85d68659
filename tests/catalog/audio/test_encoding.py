"""Written audio files: exact samples, equal bytes for equal samples, tags, and full disks."""

from __future__ import annotations

import errno
import gc
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from tests.catalog.audio_files import (
    COMMENT,
    OUTPUTS,
    SR,
    TITLE,
    ffmpeg,
    read,
    render,
    shortfall,
    tones,
)
from thresher.catalog.audio.audio_format import AudioFormat
from thresher.catalog.audio.encoding import OUTPUT_FORMATS, AudioWriter, wav_container
from thresher.catalog.audio.reader import AudioReader
from thresher.errors import AudioError


@pytest.mark.parametrize(("suffix", "container", "subtype"), OUTPUTS)
def test_written_files_can_be_read(tmp_path: Path, suffix: str, container: str, subtype: str) -> None:
    y = tones(SR * 2 + 3, 2)
    path = render(tmp_path / f"a{suffix}", y, container, subtype, tags={"title": TITLE, "comment": COMMENT})
    with AudioReader(os.fsencode(path)) as reader:
        assert reader.format == AudioFormat(SR, 2, len(y), container, subtype)
    result = read(path)
    assert shortfall(path) is None
    if subtype == "FLOAT":
        np.testing.assert_array_equal(result, y)
    elif subtype.startswith("PCM"):
        np.testing.assert_allclose(result, y, atol=0.5001 / (1 << (int(subtype[4:]) - 1)))
    else:
        assert np.corrcoef(result[:, 0], y[:, 0])[0, 1] > 0.99


@pytest.mark.parametrize(("suffix", "container", "subtype"), OUTPUTS)
def test_the_same_samples_give_the_same_bytes(
    tmp_path: Path, suffix: str, container: str, subtype: str
) -> None:
    y = tones(SR, 2)
    tags = {"title": TITLE, "comment": "x"}
    first = render(tmp_path / f"a{suffix}", y, container, subtype, tags=tags).read_bytes()
    if subtype in ("FLOAT", "MPEG_LAYER_III"):
        time.sleep(1.1)  # a PEAK chunk would hold another second
    assert render(tmp_path / f"b{suffix}", y, container, subtype, tags=tags).read_bytes() == first
    assert b"PEAK" not in first
    assert os.fsencode(tmp_path) not in first


@pytest.mark.parametrize(("suffix", "container", "subtype"), [row for row in OUTPUTS if "PCM" in row[2]])
def test_every_16_bit_sample_is_written_exactly(
    tmp_path: Path, suffix: str, container: str, subtype: str
) -> None:
    samples = np.arange(-32768, 32768).astype(np.int16)[:, np.newaxis]
    as_floats = samples.astype(np.float32) / 32768
    for block in (samples, as_floats):
        path = render(tmp_path / f"a{suffix}", block, container, subtype)
        np.testing.assert_array_equal(read(path), as_floats)
        np.testing.assert_array_equal(soundfile.read(path, dtype="int16", always_2d=True)[0], samples)


def test_int16_becomes_full_scale_float(tmp_path: Path) -> None:
    samples = np.array([[-32768], [16384], [0]], np.int16)
    path = render(tmp_path / "a.wav", samples, "WAV", "FLOAT")
    np.testing.assert_array_equal(read(path), np.array([[-1], [0.5], [0]], np.float32))


@pytest.mark.parametrize(("subtype", "bits"), [("PCM_16", 16), ("PCM_24", 24)])
def test_floats_are_rounded_to_even_and_clipped(tmp_path: Path, subtype: str, bits: int) -> None:
    scale = 1 << (bits - 1)
    steps = np.array([0.5, 1.5, -0.5, -1.5, 2.6, scale, scale * 4, -scale, -scale * 4])
    path = render(tmp_path / "a.wav", (steps / scale).astype(np.float32)[:, np.newaxis], "WAV", subtype)
    expected = np.array([0, 2, 0, -2, 3, scale - 1, scale - 1, -scale, -scale])
    np.testing.assert_array_equal(soundfile.read(path, dtype="int32")[0] >> (32 - bits), expected)


def test_views_that_are_not_contiguous_are_written_correctly(tmp_path: Path) -> None:
    y = tones(4000, 2)
    for subtype in ("PCM_16", "PCM_24", "FLOAT"):
        strided = render(tmp_path / "a.wav", y[::2, ::-1], "WAV", subtype).read_bytes()
        assert strided == render(tmp_path / "b.wav", y[::2, ::-1].copy(), "WAV", subtype).read_bytes()


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
def test_soundfile_reads_the_written_tags(tmp_path: Path, suffix: str) -> None:
    output = OUTPUT_FORMATS[suffix]
    # libsndfile reads a WAV's tags up to 2 kB only.
    tags = {"title": TITLE, "comment": COMMENT[:1900] if suffix == ".wav" else COMMENT}
    path = render(tmp_path / f"a{suffix}", tones(1000), output.container, output.subtypes[0], tags=tags)
    with soundfile.SoundFile(path) as file:
        assert (file.title, file.comment) == (TITLE, tags["comment"])
        assert file.copy_metadata().keys() == {"title", "comment"}


def test_a_wav_holds_a_long_tag_completely(tmp_path: Path) -> None:
    path = render(tmp_path / "a.wav", tones(1000), "WAV", "PCM_16", tags={"title": TITLE, "comment": COMMENT})
    assert COMMENT.encode() in path.read_bytes()
    assert len(read(path)) == 1000


@pytest.mark.parametrize("suffix", OUTPUT_FORMATS)
def test_very_long_tags_are_cut_between_characters(tmp_path: Path, suffix: str) -> None:
    output = OUTPUT_FORMATS[suffix]
    tags = {"title": "x" + "\N{SHARK}" * 50_000, "comment": "y" * 200_000}
    path = render(tmp_path / f"a{suffix}", tones(SR), output.container, output.subtypes[0], tags=tags)
    assert len(read(path)) == SR
    if suffix != ".ogg":  # its pages divide what is long
        content = path.read_bytes()
        assert ("x" + "\N{SHARK}" * 2999).encode() in content
        assert ("x" + "\N{SHARK}" * 3000).encode() not in content
        assert content.count(b"y" * 12_000) == 1


def id3_frames(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the frames of an ID3v2.4 tag; the reader is independent of the writer under test."""

    def number(seven_bits: bytes) -> int:
        assert max(seven_bits) < 128
        return int("".join(f"{byte:07b}" for byte in seven_bits), 2)

    assert content[:6] == b"ID3\x04\x00\x00"
    rest = content[10 : 10 + number(content[6:10])]
    while rest:
        size = number(rest[4:8])
        yield rest[:4], rest[10 : 10 + size]
        rest = rest[10 + size :]


def test_an_mp3_carries_its_tags_in_utf_8(tmp_path: Path) -> None:
    y = tones(SR)
    path = render(tmp_path / "a.mp3", y, "MP3", "MPEG_LAYER_III", tags={"title": TITLE, "comment": COMMENT})
    frames = dict(id3_frames(path.read_bytes()))
    assert frames[b"TIT2"] == b"\x03" + TITLE.encode()
    assert frames[b"COMM"] == b"\x03und\0" + COMMENT.encode()
    assert frames.keys() == {b"TIT2", b"COMM"}
    bare = render(tmp_path / "b.mp3", y, "MP3", "MPEG_LAYER_III")
    assert path.read_bytes().endswith(bare.read_bytes())
    np.testing.assert_array_equal(soundfile.read(path)[0], soundfile.read(bare)[0])


def test_ffmpeg_reads_the_title_of_an_mp3(tmp_path: Path) -> None:
    tags = {"title": TITLE, "comment": "seen"}
    path = render(tmp_path / "a.mp3", tones(SR), "MP3", "MPEG_LAYER_III", tags=tags)
    command = [ffmpeg(), "-v", "error", "-i", str(path), "-f", "ffmetadata", "-"]
    shown = subprocess.run(command, check=True, capture_output=True).stdout.decode().splitlines()
    assert f"title={TITLE}" in shown
    assert "comment=seen" in shown


@pytest.mark.parametrize("suffix", OUTPUT_FORMATS)
def test_unusual_tags_do_not_damage_the_file(tmp_path: Path, suffix: str) -> None:
    output = OUTPUT_FORMATS[suffix]
    tags = {"title": "", "comment": "a\0b\udcff\n"}
    path = render(tmp_path / f"a{suffix}", tones(5000), output.container, output.subtypes[0], tags=tags)
    assert shortfall(path) is None
    if suffix != ".mp3":
        with soundfile.SoundFile(path) as file:
            assert (file.title, file.comment) == ("", "ab?\n")


def test_unknown_tags_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'date'"):
        AudioWriter(os.fsencode(tmp_path / "a.wav"), SR, 1, "WAV", "PCM_16", {"date": "today"})


@pytest.mark.parametrize(
    ("frames", "container"),
    [(0, "WAV"), ((1 << 30) - (1 << 19), "WAV"), ((1 << 30) - (1 << 17), "RF64"), (1 << 40, "RF64")],
)
def test_a_wav_beyond_4_gb_is_written_as_rf64(frames: int, container: str) -> None:
    assert wav_container(frames, 2, "PCM_16") == container


def test_an_rf64_can_be_read(tmp_path: Path) -> None:
    y = tones(1000)
    with AudioWriter(
        os.fsencode(tmp_path / "a.wav"), SR, 1, "WAV", "FLOAT", {"title": TITLE}, frames=1 << 30
    ) as writer:
        writer.write(y)
    assert (tmp_path / "a.wav").read_bytes()[:4] == b"RF64"
    np.testing.assert_array_equal(read(tmp_path / "a.wav"), y)
    assert shortfall(tmp_path / "a.wav") is None


@pytest.mark.parametrize(
    ("container", "subtype", "sr", "channels"),
    [
        ("MP3", "MPEG_LAYER_III", 96000, 1),
        ("MP3", "MPEG_LAYER_III", 2000, 1),
        ("MP3", "MPEG_LAYER_III", 44100, 3),
        ("FLAC", "PCM_16", 44100, 9),
        ("FLAC", "PCM_16", 1_000_000, 1),
        ("OGG", "VORBIS", 250_000, 1),
        ("OGG", "VORBIS", 44100, 300),
        ("OGG", "OPUS", 48000, 9),
        ("FLAC", "FLOAT", 44100, 1),
        ("AIFF", "PCM_16", 44100, 1),
    ],
)
def test_formats_that_cannot_be_written_are_refused(
    tmp_path: Path, container: str, subtype: str, sr: int, channels: int
) -> None:
    with pytest.raises(AudioError, match=rf"{container} {subtype} (cannot hold|is not)"):
        AudioWriter(os.fsencode(tmp_path / "a"), sr, channels, container, subtype)


@pytest.mark.parametrize("block", [np.zeros(4, np.float32), np.zeros((4, 3), np.float32), np.zeros((4, 2))])
def test_a_block_of_another_shape_or_type_is_refused(tmp_path: Path, block: NDArray[Any]) -> None:
    with (
        AudioWriter(os.fsencode(tmp_path / "a.wav"), SR, 2, "WAV", "PCM_16") as writer,
        pytest.raises(ValueError, match="a block"),
    ):
        writer.write(block)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("suffix", "container", "subtype"), OUTPUTS)
def test_a_full_disk_raises_the_error_of_the_system(suffix: str, container: str, subtype: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    noise = np.random.default_rng(0).uniform(-1, 1, (SR, 1)).astype(np.float32)
    with (
        pytest.raises(OSError, match="No space left"),
        AudioWriter(b"/dev/full", SR, 1, container, subtype, {"title": suffix}) as writer,
    ):
        writer.write(noise)
    gc.collect()  # what the encoder still wants to write has nowhere to complain but here


def full(*_arguments: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(("suffix", "container", "subtype"), OUTPUTS)
def test_a_disk_that_is_full_on_close_raises_the_error_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, container: str, subtype: str
) -> None:
    writer = AudioWriter(os.fsencode(tmp_path / f"a{suffix}"), SR, 1, container, subtype)
    writer.write(tones(100))
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space left"):
        writer.close()
    writer.close()


def test_the_first_of_two_failures_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = AudioWriter(os.fsencode(tmp_path / "a.wav"), SR, 1, "WAV", "PCM_16")
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(KeyError, match="mine"), writer:
        raise KeyError("mine")


@pytest.mark.parametrize(
    ("suffix", "sources", "subtype"),
    [
        (".wav", [], "PCM_16"),
        (".wav", ["PCM_16", "VORBIS"], "PCM_16"),
        (".wav", ["PCM_16", "FLOAT"], "PCM_24"),
        (".flac", ["PCM_24"], "PCM_24"),
        (".ogg", ["FLOAT"], "VORBIS"),
        (".mp3", ["FLOAT"], "MPEG_LAYER_III"),
    ],
)
def test_the_default_subtype_is_as_precise_as_the_sources(
    suffix: str, sources: list[str], subtype: str
) -> None:
    assert OUTPUT_FORMATS[suffix].default_subtype(sources) == subtype
