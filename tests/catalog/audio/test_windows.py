"""Files are read and searched in windows: marks across their borders are found, and a file may shrink meanwhile."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from tests.catalog.audio_files import SR, encoded, tones
from thresher.catalog.audio.flac import flac_length
from thresher.catalog.audio.ogg import ogg_streams
from thresher.catalog.audio.packets import mpeg_packets
from thresher.catalog.audio.windows import Windows

WINDOW = 1 << 20


@pytest.mark.parametrize("at", [0, 10, WINDOW - 3, WINDOW, 3 * WINDOW - 1])
def test_a_mark_is_found_wherever_windows_begin_and_end(tmp_path: Path, at: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(at) + b"mark" + bytes(WINDOW))
    with path.open("rb") as file:
        windows = Windows(file.fileno(), path.stat().st_size)
        for start in (0, max(0, at - 2), at):
            assert windows.find(b"mark", start) == at
            assert windows.search(re.compile(b"mark|other"), 5, start) == at
        assert windows.find(b"mark", at + 1) == windows.search(re.compile(b"mark"), 4, at + 1) == -1
        assert windows.at(at, 4) == b"mark"
        assert len(windows.at(at + WINDOW, WINDOW)) == 4


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".mp3"])
def test_a_file_that_was_cut_after_it_was_opened_raises_no_error(tmp_path: Path, suffix: str) -> None:
    path = encoded(tmp_path / f"a{suffix}", tones(SR))
    size = path.stat().st_size
    os.truncate(path, size // 2)
    with path.open("rb") as file:
        fd = file.fileno()
        assert (flac_length(fd, 0, size) is not None) == (suffix == ".flac")
        assert (ogg_streams(fd, 0, size).codecs == ("vorbis",)) == (suffix == ".ogg")
        assert (len(list(mpeg_packets(fd, size))) > 0) == (suffix == ".mp3")


def test_foreign_bytes_in_an_mp3_are_searched_once(tmp_path: Path) -> None:
    frames = encoded(tmp_path / "a.mp3", tones(SR)).read_bytes()
    path = tmp_path / "b.mp3"
    path.write_bytes(frames + os.urandom(8 << 20) + frames)
    begun = time.monotonic()
    with path.open("rb") as file:
        assert len(list(mpeg_packets(file.fileno(), path.stat().st_size))) > 2 * SR // 1152
    assert time.monotonic() - begun < 10  # 7 s for each MB, if the rest of a window is searched at each byte
