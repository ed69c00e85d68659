"""Errors of the system: the file, what is wrong with it and what to do, in one sentence."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from thresher.catalog.files.disk_trouble import refusal_to_write, sentence, why_unreadable, why_unwritable


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space left on the disk of a\\x0ab (No space left on device); free some space"),
        (errno.EROFS, "a\\x0ab: Read-only file system; choose another folder, or mount the disk for writing"),
        (errno.EACCES, "a\\x0ab: Permission denied; choose another folder, or make it readable"),
        (errno.EIO, "a\\x0ab: Input/output error; check the disk, then run `thresher verify`"),
        (errno.EMFILE, "a\\x0ab: Too many open files; raise the limit with `ulimit -n 4096`"),
        (errno.EXDEV, "a\\x0ab: Invalid cross-device link; run the command again"),
    ],
)
def test_the_sentence_names_the_file_the_cause_and_the_remedy(number: int, words: str) -> None:
    assert sentence(OSError(number, os.strerror(number), "a\nb")).startswith(words)
    assert sentence(OSError(number, os.strerror(number), b"a\nb")).startswith(words)
    assert "\n" not in sentence(OSError(number, os.strerror(number)))


def test_a_disk_without_trouble_has_no_error(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    file.write_bytes(b"1")
    assert why_unwritable(file) is None
    assert why_unreadable(file) is None
    assert refusal_to_write(os.fsencode(tmp_path)) is None
    assert os.listdir(tmp_path) == ["a.db"]


def test_the_error_of_the_system_is_returned(tmp_path: Path) -> None:
    for find in (why_unwritable, why_unreadable):
        found = find(tmp_path / "gone" / "a.db")
        assert found is not None
        assert found.errno == errno.ENOENT
    assert refusal_to_write(os.fsencode(tmp_path / "gone")) == "Permission denied"
