"""WAV, AIFF, CAF, AU and W64 files are read in full, whatever sizes their headers state."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.catalog.audio_files import SR, read, shortfall, tones, write
from thresher.catalog.audio.reader import AudioReader

FRAMES = 2 * SR
Y = tones(FRAMES)
SAMPLES = np.rint(Y[:, 0] * 32767).astype("<i2")
AUDIO = SAMPLES.tobytes()
SIZE = len(AUDIO)
LIST = b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"Some encoder\0\0"
FULL = 0xFFFFFFFF


def wav(
    riff: int | None = None,
    data: int | None = None,
    *,
    magic: bytes = b"RIFF",
    wide: tuple[int, int] | None = None,
    audio: bytes = AUDIO,
    tail: bytes = b"",
    rate: int = SR,
) -> bytes:
    """Return a WAV file; its sizes are right unless they are given."""
    ds64 = b"" if wide is None else b"ds64" + struct.pack("<IQQQI", 28, *wide, 0, 0)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    body = (
        b"WAVE"
        + ds64
        + form
        + b"data"
        + struct.pack("<I", len(audio) if data is None else data)
        + audio
        + tail
    )
    return magic + struct.pack("<I", len(body) if riff is None else riff) + body


@pytest.mark.parametrize(
    "content",
    [
        wav(),
        wav(0, 0),
        wav(None, 0),
        wav(FULL, FULL),
        wav(0x7FFFFFFF, 0x7FFFFFFF),
        wav(0x7FFFF024, 0x7FFFF000),
        wav(FULL, 0xFFFF1000),
        wav(SIZE + 36, SIZE + 36 + 16),
        wav(None, 8000),
        wav(8036, 8000),
        wav(tail=LIST),
        wav(tail=LIST * 300),
        wav(tail=b"XyZ " + struct.pack("<I", 5000) + os.urandom(5000)),
        wav(tail=b"ID3\3\0\0\0\0\x20\0" + os.urandom(4096)),
        wav(tail=b'{"prompt": "drone"}\n' * 400),
        wav(tail=bytes(50_000)),
        b"ID3\3\0\0\0\0\2\0" + bytes(256) + wav(0, 0),
        bytes(512) + wav(),
        wav(FULL, FULL, magic=b"RF64", wide=(SIZE + 72, SIZE)),
        wav(FULL, FULL, magic=b"RF64", wide=(0, 0)),
        wav(FULL, FULL, magic=b"RF64", wide=(8072, 8000)),
        wav(FULL, FULL, magic=b"BW64", wide=(SIZE + 72, SIZE)),
        wav(magic=b"BW64"),
    ],
    ids=[
        *(
            "right",
            "0",
            "data 0",
            "all bits",
            "2^31-1",
            "sox",
            "ffmpeg",
            "RIFF + 16",
            "too small",
            "both too small",
        ),
        *("LIST", "large LIST", "unknown chunk", "ID3 behind", "text behind", "zeros behind", "ID3 before"),
        *("zeros before", "RF64", "RF64 of 0", "RF64 too small", "BW64", "BW64 without ds64"),
    ],
)
def test_the_sizes_of_a_wav_do_not_shorten_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with AudioReader(os.fsencode(path)) as reader:
        assert reader.decoder.name == "libsndfile"
        samples = np.concatenate(list(reader.pcm16_blocks()))[:, 0]
    np.testing.assert_array_equal(samples, SAMPLES)
    np.testing.assert_array_equal(read(path, start=20_000), read(path)[20_000:])
    assert shortfall(path) is None


@pytest.mark.parametrize("content", [wav(None, 2 * SIZE), wav(2 * SIZE + 36, 2 * SIZE)])
def test_a_size_that_is_too_large_means_that_audio_is_missing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    if struct.unpack("<I", content[4:8])[0] < 2 * SIZE:
        assert (
            shortfall(path) is None
        )  # the whole file would be smaller than its audio: the size says nothing
    else:
        assert shortfall(path) == "ends at 2.00 s of 4.00 s"
    assert len(read(path)) == FRAMES


@pytest.mark.parametrize("second", [wav(), wav(0, 0), b"data" + struct.pack("<I", SIZE) + AUDIO])
@pytest.mark.parametrize("first", [wav(), wav(tail=LIST)])
def test_joined_files_of_one_format_are_read_to_the_end(tmp_path: Path, first: bytes, second: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(first + second)
    np.testing.assert_array_equal(read(path)[:, 0] * 32768, np.tile(SAMPLES, 2))
    assert shortfall(path) is None


def test_a_joined_file_of_another_format_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav() + wav(rate=44_100))
    assert len(read(path)) == FRAMES
    assert (
        shortfall(path)
        == f"ends at 2.00 s, but {SIZE + 44:,} bytes of another file follow, in another format"
    )


def test_a_header_without_audio_stays_empty(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(audio=b"", tail=LIST))
    assert len(read(tmp_path / "a.wav")) == 0


@pytest.mark.parametrize(("riff", "data"), [(0, 0), (FULL, FULL), (None, None), (36 + (1 << 20), 1 << 20)])
def test_a_file_of_more_than_4_gb_is_read_to_its_end(
    tmp_path: Path, riff: int | None, data: int | None
) -> None:
    """Sizes of 32 bits cannot hold its length. The file is sparse, and only its end is read."""
    path, audio = tmp_path / "a.wav", (1 << 32) + (1 << 20)
    head = wav(riff, (audio & FULL) if data is None else data, audio=b"")
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + audio)
        file.seek(len(head) + audio - SIZE)
        file.write(AUDIO)
    with AudioReader(os.fsencode(path)) as reader:
        assert reader.format.frames == audio // 2
        last = np.concatenate(list(reader.pcm16_blocks(audio // 2 - FRAMES)))[:, 0]
        assert reader.shortfall(audio // 2) is None
    np.testing.assert_array_equal(last, SAMPLES)


def patched(content: bytes, *patches: tuple[int, str, int]) -> bytes:
    """Return the content with (offset, format of struct, number) written into it."""
    changed = bytearray(content)
    for offset, form, number in patches:
        struct.pack_into(form, changed, offset, number)
    return bytes(changed)


@pytest.mark.parametrize("container", ["AIFF", "CAF", "AU", "W64"])
@pytest.mark.parametrize("claim", ["zero", "small", "all bits"])
def test_other_containers_are_read_in_full(tmp_path: Path, container: str, claim: str) -> None:
    path = write(tmp_path / f"a.{container.lower()}", Y, container, "PCM_16")
    whole, content = read(path), path.read_bytes()
    size = {"zero": 0, "small": 8000, "all bits": FULL}[claim]
    if container == "AIFF":
        sound, common = content.find(b"SSND"), content.find(b"COMM")
        patches = [(4, ">I", size), (sound + 4, ">I", size), (common + 10, ">I", size // 2)]
    elif container == "CAF":
        patches = [(content.find(b"data") + 4, ">q", -1 if claim == "all bits" else size)]
    elif container == "AU":
        patches = [(8, ">I", size)]
    else:
        patches = [(content.find(b"data\xf3\xac\xd3\x11") + 16, "<q", -1 if claim == "all bits" else size)]
    path.write_bytes(patched(content, *patches))
    found = read(path)
    np.testing.assert_array_equal(found[:FRAMES], whole)
    assert len(found) - FRAMES < 100  # chunks after the audio can't be distinguished from it
    assert shortfall(path) is None
