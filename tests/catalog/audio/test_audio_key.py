"""The key of audio: equal for the same sound in other bytes, different for other sound."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support import RATE, MakeSound
from thresher.catalog.audio.audio_key import audio_key
from thresher.catalog.audio.ffmpeg_decoder import find_ffmpeg

FRAMES = 4_000


@pytest.fixture
def samples(sound: MakeSound) -> np.ndarray:
    """Samples of 16 bits in two channels, with both extremes."""
    y = np.rint(sound(1, FRAMES / RATE, channels=2) * 30_000).astype(np.int16)
    y[0], y[1] = -32_768, 32_767
    return y


def write(path: Path, y: np.ndarray, subtype: str | None = None, rate: int = RATE) -> Path:
    soundfile.write(path, y, rate, subtype)
    return path


def test_integer_samples_have_one_key_in_every_container_and_depth(
    tmp_path: Path, samples: np.ndarray
) -> None:
    forms = [
        ("a.wav", "PCM_16"),
        ("b.wav", "PCM_24"),
        ("c.wav", "PCM_32"),
        ("d.flac", "PCM_16"),
        ("e.flac", "PCM_24"),
        ("f.aiff", "PCM_16"),
        ("g.caf", "PCM_32"),
        ("h.w64", "PCM_24"),
        ("i.au", "PCM_16"),
        ("j.wav", "WAVEX"),
    ]
    keys = set()
    for name, subtype in forms:
        if subtype == "WAVEX":
            soundfile.write(tmp_path / name, samples, RATE, "PCM_16", format="WAVEX")
        else:
            write(tmp_path / name, samples, subtype)
        keys.add(audio_key(str(tmp_path / name)))
    assert len(keys) == 1
    assert str(keys.pop()).startswith("pcm:")


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_other_samples_rates_and_channels_have_other_keys(
    tmp_path: Path, samples: np.ndarray, subtype: str
) -> None:
    y = samples.astype(np.float64) / 32_768
    other = y.copy()
    other[-1, 0] += 2**-7
    # the same numbers in one channel of twice the length
    made = [(y, RATE), (other, RATE), (y, RATE + 1), (y.reshape(-1, 1), RATE), (y[:-1], RATE)]
    keys = {
        audio_key(str(write(tmp_path / f"{number}.wav", each, subtype, rate)))
        for number, (each, rate) in enumerate(made)
    }
    assert len(keys) == len(made)


def test_floats_have_keys_of_their_own_samples(tmp_path: Path, samples: np.ndarray) -> None:
    y = samples.astype(np.float64) / 32_768
    y[5] = 1.5
    keys = [
        audio_key(str(write(tmp_path / name, y, subtype)))
        for name, subtype in (
            ("a.wav", "FLOAT"),
            ("b.aiff", "FLOAT"),
            ("c.wav", "DOUBLE"),
            ("d.wav", "PCM_16"),
        )
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def tagged_wav(content: bytes) -> bytes:
    """Return a WAV with a LIST chunk before the samples and an ID3 chunk after them."""
    info = b"LIST" + struct.pack("<I", 16) + b"INFOINAM" + struct.pack("<I", 4) + b"song"
    tag = b"id3 " + struct.pack("<I", 12) + b"ID3\x03\0\0\0\0\0\x02ab"
    body = content[12:36] + info + content[36:] + tag
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def id3v2(content: bytes) -> bytes:
    return b"ID3\x03\0\0\0\0\x01\x7f" + b"\xff\xfb" * 127 + b"\0" + content


def ape(content: bytes, *, header: bool = True) -> bytes:
    item = struct.pack("<II", 4, 0) + b"Cover\0" + b"\xff\xfb\x90\x64"

    def end(flags: int) -> bytes:
        return b"APETAGEX" + struct.pack("<IIII", 2000, len(item) + 32, 1, flags) + bytes(8)

    return content + (end(0xA0000000) if header else b"") + item + end(0x80000000)


def lyrics(content: bytes) -> bytes:
    return content + b"LYRICSBEGIN" + b"IND0000200" + b"\xff\xfb" * 40 + b"000090LYRICS200"


def id3v1(content: bytes) -> bytes:
    return content + b"TAG" + b"song".ljust(125, b"\0")


def comments(content: bytes, *, repeats: int = 9) -> bytes:
    """Return an Ogg Vorbis file whose comment header has a longer vendor, in pages of other sizes."""
    from thresher.catalog.audio.containers import ogg_checksum

    packets = ogg_packets_of(content)
    head = packets[1]
    vendor = b"another program, with a longer name" * repeats
    length = int.from_bytes(head[7:11], "little")
    packets[1] = head[:7] + len(vendor).to_bytes(4, "little") + vendor + head[11 + length :]
    pages: list[bytes] = []
    for number, packet in enumerate(packets):
        for start in range(0, len(packet) + 1, 255 * 255):
            piece = packet[start : start + 255 * 255]
            ends = start + 255 * 255 > len(packet)
            sizes = [255] * (len(piece) // 255) + ([len(piece) % 255] if ends else [])
            flags = (2 if number == 0 else 0) | (1 if start else 0)
            flags |= 4 if number == len(packets) - 1 and ends else 0
            page = bytearray(b"OggS\0" + bytes([flags]) + bytes(8) + b"\x09\0\0\0")
            page += struct.pack("<II", len(pages), 0) + bytes([len(sizes)]) + bytes(sizes) + piece
            page[22:26] = ogg_checksum(page).to_bytes(4, "little")
            pages.append(bytes(page))
    return b"".join(pages)


def ogg_packets_of(content: bytes) -> list[bytes]:
    packets, packet, offset = [], b"", 0
    while offset < len(content):
        sizes = content[offset + 27 : offset + 27 + content[offset + 26]]
        offset += 27 + len(sizes)
        for size in sizes:
            packet += content[offset : offset + size]
            offset += size
            if size < 255:
                packets.append(packet)
                packet = b""
    return packets


def joined(content: bytes) -> bytes:
    return id3v1(id3v2(content))


@pytest.mark.parametrize(
    ("suffix", "tagged"),
    [
        ("wav", tagged_wav),
        ("mp3", id3v2),
        ("mp3", id3v1),
        ("mp3", ape),
        ("mp3", lambda content: ape(content, header=False)),
        ("mp3", lyrics),
        ("mp3", joined),
        ("ogg", comments),
        ("ogg", lambda content: comments(content, repeats=20_000)),  # as long as a cover: many pages
    ],
)
def test_tags_do_not_change_a_key(
    tmp_path: Path, samples: np.ndarray, suffix: str, tagged: Callable[[bytes], bytes]
) -> None:
    path = write(tmp_path / f"a.{suffix}", samples)
    other = tmp_path / f"b.{suffix}"
    other.write_bytes(tagged(path.read_bytes()))
    assert other.read_bytes() != path.read_bytes()
    assert audio_key(str(path)) == audio_key(str(other)) is not None


@pytest.mark.parametrize("suffix", ["mp3", "ogg"])
def test_other_packets_have_another_key(tmp_path: Path, samples: np.ndarray, suffix: str) -> None:
    path = write(tmp_path / f"a.{suffix}", samples)
    other = write(tmp_path / f"b.{suffix}", samples[::-1])
    assert audio_key(str(path)) != audio_key(str(other))


def test_a_truncated_file_never_has_the_key_of_a_complete_one(tmp_path: Path, samples: np.ndarray) -> None:
    path = str(write(tmp_path / "a.wav", samples))
    assert audio_key(path) != audio_key(path, is_truncated=True)


@pytest.mark.skipif(find_ffmpeg() is None, reason="needs ffmpeg")
def test_what_only_ffmpeg_reads_has_a_key_without_its_tags(tmp_path: Path, samples: np.ndarray) -> None:
    import subprocess

    path = write(tmp_path / "a.wav", samples)
    made = []
    for name, tags in (("a.m4a", []), ("b.m4a", ["-metadata", "title=song"])):
        source = path if name == "a.m4a" else tmp_path / "a.m4a"
        codec = ["-c:a", "aac"] if name == "a.m4a" else ["-c", "copy"]
        command = [str(find_ffmpeg()), "-v", "error", "-nostdin", "-i", str(source), *codec, *tags]
        subprocess.run([*command, str(tmp_path / name)], check=True)
        made.append(audio_key(str(tmp_path / name)))
    assert made[0] == made[1] is not None
