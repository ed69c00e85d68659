"""Texts and paths for one line of a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from thresher.curation.exports.formats.text import (
    checkpoint_in_words,
    folder_of,
    one_line,
    path_text,
    relative_path,
)
from thresher.curation.exports.formats.timeline import Entry


@pytest.mark.parametrize(
    ("text", "line"),
    [(" a\nb\tc ", "a b c"), ("a\u2028b\x85c\x00d", "a b c d"), ("a\udcffb", "a\ufffdb"), ("🦈 ♯", "🦈 ♯")],
)
def test_a_text_fits_on_one_line_and_is_utf_8(text: str, line: str) -> None:
    assert one_line(text) == line
    assert line.encode("utf-8")


@pytest.mark.parametrize(
    ("path", "folder", "relative"),
    [
        (b"/a/b/c.wav", b"/a/b", b"c.wav"),
        (b"/a/b/c.wav", b"/a/b/", b"c.wav"),
        (b"/a/b/c.wav", b"/a/x/y", b"../../b/c.wav"),
        (b"/a/bc/d.wav", b"/a/b", b"../bc/d.wav"),
        (b"/a/b/c.wav", b"/x/y", b"/a/b/c.wav"),
        (b"/a/b/c.wav", b"/", b"/a/b/c.wav"),
        (b"/a/b/c.wav", b"", b"/a/b/c.wav"),
    ],
)
def test_a_path_is_relative_below_a_common_folder(path: bytes, folder: bytes, relative: bytes) -> None:
    assert relative_path(path, folder) == relative


def test_behind_a_symlink_paths_are_absolute(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    assert folder_of(real / "song.m3u8") == os.fsencode(real.resolve())
    assert folder_of(tmp_path / "link" / "song.m3u8") == b""


def test_a_path_of_any_bytes_has_a_text() -> None:
    assert path_text(b"a\xff\nb") == "a\ufffd b"


@pytest.mark.parametrize(
    ("run", "epoch", "step", "text"),
    [
        ("bone", 12, 3400, "bone, epoch 12, step 3400"),
        (None, 0, None, "epoch 0"),
        ("a\nb", None, None, "a b"),
        (None, None, None, ""),
    ],
)
def test_a_checkpoint_is_named_by_what_is_known(
    run: str | None, epoch: int | None, step: int | None, text: str
) -> None:
    entry = Entry(1, "", b"", "WAV", 1, run, epoch, step, 0, 1, 0, 1, 0, 0, 0, None)
    assert checkpoint_in_words(entry) == text
