"""Containers that libsndfile does not read are recognised by their first bytes, and cut ones by their lengths."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from thresher.catalog.audio.signatures import CONTAINERS, foreign_demuxer, missing_bytes


class Opened:
    """A file that holds the given bytes, open for reading."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = -1

    def __call__(self, content: bytes) -> int:
        self.close()
        self.path.write_bytes(content)
        self.fd = os.open(self.path, os.O_RDONLY)
        return self.fd

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    file = Opened(tmp_path / "file")
    yield file
    file.close()


@pytest.mark.parametrize(
    ("head", "demuxer"),
    [
        (b"\0\0\0\x20ftypM4A ", "mov"),
        (b"\x1a\x45\xdf\xa3", "matroska"),
        (b"RIFF\0\0\0\0AVI LIST", "avi"),
        (b"MAC \x96\x0f", "ape"),
        (b"wvpk", "wv"),
        (b"\xff\xf1\x50\x80\x2e\x7f\xfc", "aac"),  # ADTS
        (b"\xff\xfb\x90\x64\0\0\0", None),  # MPEG audio, layer 3
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"fLaC", None),
        (b"", None),
    ],
)
def test_a_container_is_known_by_its_first_bytes(opened: Opened, head: bytes, demuxer: str | None) -> None:
    assert foreign_demuxer(opened(head), 0) == demuxer
    assert foreign_demuxer(opened(b"12345" + head), 5) == demuxer
    assert demuxer is None or demuxer in CONTAINERS


def test_bytes_that_a_container_declares_and_the_file_lacks_are_counted(opened: Opened) -> None:
    whole = struct.pack(">I4s4s", 12, b"ftyp", b"M4A ") + struct.pack(">I4s", 108, b"mdat") + bytes(100)
    assert missing_bytes(opened(whole), 0, len(whole), "mov") == 0
    assert missing_bytes(opened(whole[:-30]), 0, len(whole) - 30, "mov") == 30
    frame = bytes([0xFF, 0xF1, 0x50, 0x80, 20 >> 3, (20 & 7) << 5 | 0x1F, 0xFC]) + bytes(13)
    assert missing_bytes(opened(3 * frame), 0, 60, "aac") == 0
    assert missing_bytes(opened((3 * frame)[:-5]), 0, 55, "aac") == 5
    assert missing_bytes(opened(b"MAC " + bytes(9)), 0, 13, "ape") == 0  # declares no length
