"""Only regular files are opened and hashed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from thresher.catalog.audio.reader import AudioReader
from thresher.catalog.files.files import sha256_file
from thresher.errors import AudioError


def test_sha256_is_computed_over_the_bytes_of_the_file(tmp_path: Path) -> None:
    content = np.random.default_rng(1).bytes(3_000_001)
    (tmp_path / "a").write_bytes(content)
    assert sha256_file(os.fsencode(tmp_path / "a")) == hashlib.sha256(content).hexdigest()


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
def test_a_fifo_that_replaces_a_file_does_not_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Callable[[bytes], object]
) -> None:
    (tmp_path / "a.wav").write_bytes(b"")
    before = (tmp_path / "a.wav").stat()
    os.mkfifo(tmp_path / "b.wav")
    monkeypatch.setattr(os, "stat", lambda _path: before)
    with pytest.raises(AudioError, match=r"^not a regular file$"):
        opened(os.fsencode(tmp_path / "b.wav"))


@pytest.mark.parametrize("opened", [AudioReader, sha256_file])
def test_a_missing_file_raises_the_error_of_the_system(
    tmp_path: Path, opened: Callable[[bytes], object]
) -> None:
    with pytest.raises(FileNotFoundError):
        opened(os.fsencode(tmp_path / "gone.wav"))
