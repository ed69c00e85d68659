"""Audio files in and out: what is read, what is told apart as truncated, what is written."""

from __future__ import annotations

import errno
import gc
import hashlib
import os
import re
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.support import CORPUS
from thresher.catalog.audio import AudioFormat, AudioReader
from thresher.catalog.containers import audio_start, set_ogg_serial
from thresher.catalog.encoding import OUTPUT_FORMATS, AudioWriter, wav_container
from thresher.catalog.files import SUFFIXES, sha256_file
from thresher.errors import AudioError

SR = 16000


def tones(frames: int, channels: int = 1, seed: int = 0) -> NDArray[np.float32]:
    """A few decaying sines in a little noise: something every codec has to work for."""
    generator = np.random.default_rng(seed)
    time_axis = np.arange(frames)[:, np.newaxis] / SR
    y = generator.normal(0, 0.01, (frames, channels))
    for frequency in generator.uniform(80, 3000, 5):
        y += 0.15 * np.sin(2 * np.pi * frequency * time_axis + generator.uniform(0, 6, channels))
    return y.astype(np.float32)


def write(path: Path, y: NDArray[Any], container: str, subtype: str, sr: int = SR) -> Path:
    """A file by plain soundfile, in short writes."""
    with soundfile.SoundFile(path, "w", sr, y.shape[1], subtype, format=container) as file:
        for start in range(0, len(y), 8000):
            file.write(y[start : start + 8000])
    return path


def read(path: Path | bytes, **arguments: Any) -> NDArray[np.float32]:
    with AudioReader(os.fsencode(path)) as reader:
        blocks = list(reader.blocks(**arguments))
        return np.concatenate(blocks) if blocks else np.empty((0, reader.format.channels), np.float32)


def shortfall(path: Path) -> str | None:
    with AudioReader(os.fsencode(path)) as reader:
        return reader.shortfall(sum(len(block) for block in reader.blocks()))


def ffmpeg() -> str:
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="needs an ffmpeg to write other files with")
    return str(imageio_ffmpeg.get_ffmpeg_exe())


# (name, container, subtype, channels): every kind of file whose end can be checked
KINDS = [
    ("pcm.wav", "WAV", "PCM_16", 2),
    ("odd.wav", "WAV", "PCM_U8", 1),
    ("pcm24.wav", "WAVEX", "PCM_24", 2),
    ("float.wav", "WAV", "FLOAT", 1),
    ("ulaw.wav", "WAV", "ULAW", 1),
    ("ima.wav", "WAV", "IMA_ADPCM", 1),
    ("gsm.wav", "WAV", "GSM610", 1),
    ("a.rf64", "RF64", "PCM_16", 2),
    ("a.w64", "W64", "PCM_16", 2),
    ("a.aiff", "AIFF", "PCM_16", 1),
    ("a.au", "AU", "FLOAT", 1),
    ("a.caf", "CAF", "PCM_16", 1),
    ("alac.caf", "CAF", "ALAC_16", 1),
    ("a.flac", "FLAC", "PCM_16", 2),
    ("a.ogg", "OGG", "VORBIS", 2),
    ("a.opus", "OGG", "OPUS", 1),
    ("a.mp3", "MP3", "MPEG_LAYER_III", 2),
]


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("kinds")
    return {
        name: write(folder / name, tones(SR * 3 + 1, channels), container, subtype)
        for name, container, subtype, channels in KINDS
    }


NAMES = [name for name, *_ in KINDS]


# Reading


@pytest.mark.parametrize("name", NAMES)
def test_reads_what_soundfile_reads(kinds: dict[str, Path], name: str) -> None:
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
def test_a_span_is_the_span_of_the_whole(kinds: dict[str, Path], name: str) -> None:
    whole = read(kinds[name])
    for start, end in ((0, 0), (0, 777), (1, 2), (3456, 9000), (12345, 40001), (len(whole) - 9, None)):
        np.testing.assert_array_equal(read(kinds[name], start=start, end=end), whole[start:end])
    assert len(read(kinds[name], start=len(whole))) == 0
    assert len(read(kinds[name], start=len(whole) + 5000)) == 0
    np.testing.assert_array_equal(read(kinds[name], start=40000, end=10**12), whole[40000:])


@pytest.mark.parametrize("name", NAMES)
def test_one_reader_reads_again_and_backwards(kinds: dict[str, Path], name: str) -> None:
    whole = read(kinds[name])
    with AudioReader(os.fsencode(kinds[name])) as reader:
        for start, end in ((30000, 31000), (12345, 13000), (31000, 32000), (0, None), (5, 500)):
            np.testing.assert_array_equal(np.concatenate(list(reader.blocks(start, end))), whole[start:end])


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_spans_and_blocks_property(kinds: dict[str, Path], data: st.DataObject) -> None:
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
def test_impossible_blocks_are_refused(kinds: dict[str, Path], start: int, block_frames: int) -> None:
    with AudioReader(os.fsencode(kinds["pcm.wav"])) as reader, pytest.raises(ValueError, match="at least 0"):
        next(reader.blocks(start, None, block_frames))


@pytest.mark.parametrize(("sr", "channels"), [(2000, 1), (192000, 1), (SR, 8), (1, 1)])
def test_unusual_formats(tmp_path: Path, sr: int, channels: int) -> None:
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
def test_any_name_can_be_read_and_written(tmp_path: Path, name: bytes) -> None:
    path = os.fsencode(tmp_path) + b"/" + name
    y = tones(1000)
    with AudioWriter(path, SR, 1, "WAV", "FLOAT", frames=1000) as writer:
        writer.write(y)
    np.testing.assert_array_equal(read(path), y)
    assert len(sha256_file(path)) == 64


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    content = np.random.default_rng(1).bytes(3_000_001)
    (tmp_path / "a").write_bytes(content)
    assert sha256_file(os.fsencode(tmp_path / "a")) == hashlib.sha256(content).hexdigest()


def test_an_unknown_length_is_counted(tmp_path: Path, kinds: dict[str, Path]) -> None:
    content = bytearray(kinds["a.flac"].read_bytes())
    content[21] &= 0xF0  # STREAMINFO's total samples: 36 bits
    content[22:26] = bytes(4)
    (tmp_path / "a.flac").write_bytes(content)
    with AudioReader(os.fsencode(tmp_path / "a.flac")) as reader:
        assert reader.format.frames == SR * 3 + 1
    np.testing.assert_array_equal(read(tmp_path / "a.flac", start=40000), read(kinds["a.flac"], start=40000))
    assert shortfall(tmp_path / "a.flac") is None


# What cannot be read


def wav_header(channels: int, sr: int) -> bytes:
    frame = channels * 2 & 0xFFFF
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, sr, sr * frame & 0xFFFFFFFF, frame, 16)
    return b"RIFF" + struct.pack("<I", 36 + 4000) + b"WAVE" + form + b"data" + struct.pack("<I", 4000)


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
def test_what_is_no_audio_raises(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudioError, match=r"\w"):
        AudioReader(os.fsencode(tmp_path / "a.wav"))


def test_the_message_is_the_decoder_s(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"hello" * 100)
    with pytest.raises(AudioError, match=r"^Format not recognised$"):
        AudioReader(os.fsencode(tmp_path / "a.wav"))


@pytest.mark.parametrize("name", ["empty.wav", "empty.aiff", "empty.w64"])
def test_a_header_without_audio_has_no_frames(tmp_path: Path, name: str) -> None:
    container = name.split(".")[1].upper()
    path = write(tmp_path / name, np.empty((0, 1), np.float32), container, "PCM_16")
    with AudioReader(os.fsencode(path)) as reader:
        assert reader.format.frames == 0
        assert list(reader.blocks()) == []
        assert reader.shortfall(0) is None


def test_a_cut_flac_raises(tmp_path: Path, kinds: dict[str, Path]) -> None:
    content = kinds["a.flac"].read_bytes()
    for length in (len(content) - 1, len(content) * 2 // 3, len(content) // 2):
        (tmp_path / "a.flac").write_bytes(content[:length])
        with pytest.raises(AudioError, match="flac"):
            read(tmp_path / "a.flac")


def test_a_flipped_bit_in_flac_raises(tmp_path: Path, kinds: dict[str, Path]) -> None:
    content = bytearray(kinds["a.flac"].read_bytes())
    content[len(content) // 2] ^= 0x10
    (tmp_path / "a.flac").write_bytes(content)
    with pytest.raises(AudioError, match="flac"):
        read(tmp_path / "a.flac")


@pytest.mark.parametrize("opened", [AudioReader, sha256_file])
def test_only_regular_files_are_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Callable[[bytes], object]
) -> None:
    def forbidden(*_arguments: object) -> int:
        raise AssertionError("opening a device can already do something")

    os.mkfifo(tmp_path / "fifo.wav")
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "link.wav").symlink_to("fifo.wav")
    monkeypatch.setattr(os, "open", forbidden)
    for path in (tmp_path / "fifo.wav", tmp_path / "folder.wav", tmp_path / "link.wav", Path("/dev/null")):
        with pytest.raises(AudioError, match=r"^not a regular file$"):
            opened(os.fsencode(path))


@pytest.mark.parametrize("opened", [AudioReader, sha256_file])
def test_a_fifo_that_takes_a_file_s_name_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Callable[[bytes], object]
) -> None:
    (tmp_path / "a.wav").write_bytes(b"")
    before = (tmp_path / "a.wav").stat()
    os.mkfifo(tmp_path / "b.wav")
    monkeypatch.setattr(os, "stat", lambda _path: before)
    with pytest.raises(AudioError, match=r"^not a regular file$"):
        opened(os.fsencode(tmp_path / "b.wav"))


@pytest.mark.parametrize("opened", [AudioReader, sha256_file])
def test_a_vanished_file_is_the_system_s_error(tmp_path: Path, opened: Callable[[bytes], object]) -> None:
    with pytest.raises(FileNotFoundError):
        opened(os.fsencode(tmp_path / "gone.wav"))


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


# Truncation


@pytest.mark.parametrize("name", NAMES)
def test_whole_files_are_whole(kinds: dict[str, Path], name: str) -> None:
    assert shortfall(kinds[name]) is None


CUT_SILENTLY = [name for name in NAMES if not name.endswith((".flac", ".caf"))]


@pytest.mark.parametrize("fraction", [0.5, 0.81, 0.97])
@pytest.mark.parametrize("name", CUT_SILENTLY)
def test_cut_files_are_short(tmp_path: Path, kinds: dict[str, Path], name: str, fraction: float) -> None:
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
def test_a_cut_caf_raises(tmp_path: Path, kinds: dict[str, Path], name: str) -> None:
    (tmp_path / name).write_bytes(kinds[name].read_bytes()[:-5000])
    with pytest.raises(AudioError, match="malformed"):
        read(tmp_path / name)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_cut_is_seen(
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


def test_one_missing_frame_is_seen_and_half_a_one_is_too(tmp_path: Path) -> None:
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
def test_the_promised_length_is_exact(tmp_path: Path, container: str, subtype: str, width: int) -> None:
    content = write(tmp_path / "a", tones(200), container, subtype, 100).read_bytes()
    (tmp_path / "a").write_bytes(content[: -100 * width])
    assert shortfall(tmp_path / "a") == "ends at 1.00 s of 2.00 s"


def test_chunks_of_odd_length_are_passed(tmp_path: Path) -> None:
    header = wav_header(1, 1000)
    content = header[:36] + b"note" + struct.pack("<I", 3) + b"odd\0" + header[36:] + bytes(4000)
    (tmp_path / "a.wav").write_bytes(content)
    assert shortfall(tmp_path / "a.wav") is None
    (tmp_path / "a.wav").write_bytes(content[:-1000])
    assert shortfall(tmp_path / "a.wav") == "ends at 1.50 s of 2.00 s"


def test_id3_tags_in_front_are_passed(tmp_path: Path, kinds: dict[str, Path]) -> None:
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


def test_an_mp3_without_its_last_frames_is_short_whatever_tag_follows(
    tmp_path: Path, kinds: dict[str, Path]
) -> None:
    content = kinds["a.mp3"].read_bytes()
    for _ in range(2):  # the frame that holds the Xing header makes up for one
        content = content[: content.rindex(content[:2])]
    for tag in (b"", *TAGS_BEHIND.values()):
        (tmp_path / "a.mp3").write_bytes(content + tag)
        assert shortfall(tmp_path / "a.mp3") is not None


def test_a_header_whose_audio_is_gone_is_short(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav_header(1, 1000))
    assert shortfall(tmp_path / "a.wav") == "ends at 0.00 s of 2.00 s"


@pytest.mark.parametrize(
    ("riff_size", "data_size"),
    [
        (8, 0),
        *((0xFFFFFFFF, size) for size in (0xFFFFFFFF, 0xFFFFFFFF - 36, 0x7FFFF000, 0x7FFFFFFF, 0x80000000)),
    ],
)
def test_a_length_left_open_is_no_truncation(tmp_path: Path, riff_size: int, data_size: int) -> None:
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
def test_bytes_behind_the_audio_are_no_fault(
    tmp_path: Path, kinds: dict[str, Path], name: str, junk: bytes
) -> None:
    (tmp_path / name).write_bytes(kinds[name].read_bytes() + junk)
    assert shortfall(tmp_path / name) is None


def test_an_ogg_without_its_end_is_short(tmp_path: Path, kinds: dict[str, Path]) -> None:
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
def test_the_last_ogg_page_is_found_wherever_it_is(
    tmp_path: Path, kinds: dict[str, Path], hidden: int
) -> None:
    content = kinds["a.ogg"].read_bytes()
    page = len(content) - content.rindex(b"OggS")
    # The end is searched in windows as long as the longest page; here one begins inside the signature.
    (tmp_path / "a.ogg").write_bytes(content + bytes(27 + 255 + 255 * 255 + hidden - page))
    assert shortfall(tmp_path / "a.ogg") is None


def test_chained_ogg_streams_are_whole(tmp_path: Path, kinds: dict[str, Path]) -> None:
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
def test_what_ffmpeg_wrote_into_a_pipe_is_whole(tmp_path: Path, options: tuple[str, ...]) -> None:
    source = write(tmp_path / "source.wav", tones(SR * 2, 2), "WAV", "PCM_16")
    command = [ffmpeg(), "-v", "error", "-i", str(source), *options, "-"]
    (tmp_path / "piped").write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    assert shortfall(tmp_path / "piped") is None
    with AudioReader(os.fsencode(tmp_path / "piped")) as reader:
        assert len(read(tmp_path / "piped")) == reader.format.frames
        assert reader.format.frames / reader.format.sample_rate == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize(
    "options",
    [(), ("-write_xing", "0"), ("-write_xing", "0", "-q:a", "2"), ("-q:a", "5"), ("-write_id3v1", "1")],
    ids=str,
)
def test_mp3_from_another_encoder(tmp_path: Path, options: tuple[str, ...]) -> None:
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
def corpus() -> list[Path]:
    if not CORPUS.is_dir():
        pytest.skip("the corpus of real audio is not beside the repository")
    return sorted(path for path in CORPUS.rglob("*") if path.suffix in SUFFIXES)


@pytest.mark.long
def test_no_real_file_is_called_truncated(corpus: list[Path]) -> None:
    assert len(corpus) == 545
    assert {str(path): reason for path in corpus if (reason := shortfall(path)) is not None} == {}


def test_real_files_that_are_cut_are_called_truncated(corpus: list[Path], tmp_path: Path) -> None:
    for path in [path for path in corpus if path.suffix != ".flac"][::25]:
        content = path.read_bytes()
        (tmp_path / "cut").write_bytes(content[: len(content) * 2 // 3])
        assert shortfall(tmp_path / "cut") is not None, path


# Writing

OUTPUTS = [
    (suffix, output.container, subtype)
    for suffix, output in OUTPUT_FORMATS.items()
    for subtype in output.subtypes
]
TITLE = "Dømäne \N{SHARK} 魚"
COMMENT = "epoch:80..120 ^rating:..2 " * 300  # 7.8 kB of query


def render(path: Path, y: NDArray[Any], container: str, subtype: str, **arguments: Any) -> Path:
    with AudioWriter(
        os.fsencode(path), SR, y.shape[1], container, subtype, frames=len(y), **arguments
    ) as writer:
        for start in range(0, len(y), 10000):
            writer.write(y[start : start + 10000])
    return path


@pytest.mark.parametrize(("suffix", "container", "subtype"), OUTPUTS)
def test_what_is_written_can_be_read(tmp_path: Path, suffix: str, container: str, subtype: str) -> None:
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


def test_an_ogg_with_another_serial_number_is_the_same_audio(tmp_path: Path) -> None:
    """Every page has the number, and a checksum that other programs accept."""
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


def test_what_is_no_ogg_gets_no_serial_number(tmp_path: Path) -> None:
    path = tmp_path / "a.ogg"
    path.write_bytes(b"RIFF")
    with path.open("r+b") as file, pytest.raises(ValueError, match="no Ogg page at byte 0"):
        set_ogg_serial(file.fileno(), 4, 1)


@pytest.mark.parametrize(("suffix", "container", "subtype"), [row for row in OUTPUTS if "PCM" in row[2]])
def test_every_16_bit_sample_survives(tmp_path: Path, suffix: str, container: str, subtype: str) -> None:
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


def test_views_that_are_not_contiguous_are_written_right(tmp_path: Path) -> None:
    y = tones(4000, 2)
    for subtype in ("PCM_16", "PCM_24", "FLOAT"):
        strided = render(tmp_path / "a.wav", y[::2, ::-1], "WAV", subtype).read_bytes()
        assert strided == render(tmp_path / "b.wav", y[::2, ::-1].copy(), "WAV", subtype).read_bytes()


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
def test_tags_are_read_back_by_soundfile(tmp_path: Path, suffix: str) -> None:
    output = OUTPUT_FORMATS[suffix]
    # libsndfile reads a WAV's tags up to 2 kB only.
    tags = {"title": TITLE, "comment": COMMENT[:1900] if suffix == ".wav" else COMMENT}
    path = render(tmp_path / f"a{suffix}", tones(1000), output.container, output.subtypes[0], tags=tags)
    with soundfile.SoundFile(path) as file:
        assert (file.title, file.comment) == (TITLE, tags["comment"])
        assert file.copy_metadata().keys() == {"title", "comment"}


def test_a_long_tag_is_whole_in_a_wav(tmp_path: Path) -> None:
    path = render(tmp_path / "a.wav", tones(1000), "WAV", "PCM_16", tags={"title": TITLE, "comment": COMMENT})
    assert COMMENT.encode() in path.read_bytes()
    assert len(read(path)) == 1000


@pytest.mark.parametrize("suffix", OUTPUT_FORMATS)
def test_endless_tags_are_cut_between_characters(tmp_path: Path, suffix: str) -> None:
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
    """An ID3v2.4 reader of its own, to hold the writer against."""

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


def test_ffmpeg_shows_the_mp3_s_title(tmp_path: Path) -> None:
    tags = {"title": TITLE, "comment": "seen"}
    path = render(tmp_path / "a.mp3", tones(SR), "MP3", "MPEG_LAYER_III", tags=tags)
    command = [ffmpeg(), "-v", "error", "-i", str(path), "-f", "ffmetadata", "-"]
    shown = subprocess.run(command, check=True, capture_output=True).stdout.decode().splitlines()
    assert f"title={TITLE}" in shown
    assert "comment=seen" in shown


@pytest.mark.parametrize("suffix", OUTPUT_FORMATS)
def test_odd_tags_do_no_harm(tmp_path: Path, suffix: str) -> None:
    output = OUTPUT_FORMATS[suffix]
    tags = {"title": "", "comment": "a\0b\udcff\n"}
    path = render(tmp_path / f"a{suffix}", tones(5000), output.container, output.subtypes[0], tags=tags)
    assert shortfall(path) is None
    if suffix != ".mp3":
        with soundfile.SoundFile(path) as file:
            assert (file.title, file.comment) == ("", "ab?\n")


def test_other_tags_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'date'"):
        AudioWriter(os.fsencode(tmp_path / "a.wav"), SR, 1, "WAV", "PCM_16", {"date": "today"})


@pytest.mark.parametrize(
    ("frames", "container"),
    [(0, "WAV"), ((1 << 30) - (1 << 19), "WAV"), ((1 << 30) - (1 << 17), "RF64"), (1 << 40, "RF64")],
)
def test_beyond_4_gb_a_wav_is_an_rf64(frames: int, container: str) -> None:
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
        ("FLAC", "FLOAT", 44100, 1),
        ("AIFF", "PCM_16", 44100, 1),
    ],
)
def test_what_cannot_be_written_is_refused(
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
def test_a_full_disk_is_the_system_s_error(suffix: str, container: str, subtype: str) -> None:
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
def test_a_disk_that_is_full_at_the_end_is_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, container: str, subtype: str
) -> None:
    writer = AudioWriter(os.fsencode(tmp_path / f"a{suffix}"), SR, 1, container, subtype)
    writer.write(tones(100))
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space left"):
        writer.close()
    writer.close()


def test_the_first_failure_is_the_one_that_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_default_subtype(suffix: str, sources: list[str], subtype: str) -> None:
    assert OUTPUT_FORMATS[suffix].default_subtype(sources) == subtype
