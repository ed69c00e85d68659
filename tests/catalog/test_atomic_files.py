"""Files that are written completely or not at all, whatever fails or is killed."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from thresher.catalog.atomic_files import (
    always_replace,
    partial_file,
    whole_file,
    write_bytes,
    write_text,
)
from thresher.catalog.files.partial_files import sweep
from thresher.catalog.output_guard import OutputGuard
from thresher.errors import CatalogError, UsageError

UNGUARDED = OutputGuard(None)


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "one\r\nü\n", UNGUARDED, always_replace)
    assert (tmp_path / "a.txt").read_bytes() == "one\r\nü\n".encode()
    write_bytes(tmp_path / "a.txt", b"\x00two", UNGUARDED, always_replace)
    assert (tmp_path / "a.txt").read_bytes() == b"\x00two"
    assert names(tmp_path) == ["a.txt"]


def test_after_an_error_the_old_file_stays_and_no_partial_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")

    def half() -> None:
        with whole_file(tmp_path / "a.txt", UNGUARDED, always_replace) as partial:
            partial.write_text("half")
            assert names(tmp_path) == ["a.txt", partial.name]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_an_error_of_the_system_names_the_file(tmp_path: Path) -> None:
    def fail() -> None:
        with whole_file(tmp_path / "a.txt", UNGUARDED, always_replace):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(
        CatalogError, match=r"a\.txt could not be written: No space left on device; the old file"
    ):
        fail()


def test_a_partial_file_raises_the_error_of_the_system(tmp_path: Path) -> None:
    def fail() -> None:
        with partial_file(tmp_path / "a.txt", UNGUARDED, always_replace):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fail()
    assert names(tmp_path) == []


def test_the_longest_file_name_leaves_room_for_the_partial_one(tmp_path: Path) -> None:
    longest = tmp_path / ("ä" * 127)
    write_text(longest, "x", UNGUARDED, always_replace)
    assert names(tmp_path) == [longest.name]


def test_a_file_that_the_command_reads_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    guard = OutputGuard(None, [bytes(tmp_path / "a.txt")])
    with pytest.raises(UsageError, match="is a file that this command reads"):
        write_text(tmp_path / "a.txt", "new", guard, always_replace)
    assert (tmp_path / "a.txt").read_text() == "old"


def test_the_recheck_is_asked_only_about_a_file_with_other_content(tmp_path: Path) -> None:
    def refuse() -> None:
        raise UsageError("it may not be replaced")

    write_text(tmp_path / "a.txt", "one", UNGUARDED, refuse)  # the name is free
    write_text(tmp_path / "a.txt", "one", UNGUARDED, refuse)
    with pytest.raises(UsageError, match="may not be replaced"):
        write_text(tmp_path / "a.txt", "two", UNGUARDED, refuse)
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "one"


def test_only_partial_files_of_the_target_from_dead_processes_are_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    kept = [
        f"a.wav.{os.getppid()}.part",  # a process that may still be writing it
        f"b.wav.{ended.pid}.part",  # another target
        "a.wav.old.part",
        "a.wav",
    ]
    removed = [f"a.wav.{ended.pid}.part", f"a.wav.{os.getpid()}-7.part", f"a.wav.{10**30}.part"]
    for name in (*kept, *removed):
        (tmp_path / name).touch()
    sweep(tmp_path, [tmp_path / "a.wav"], UNGUARDED)
    assert names(tmp_path) == sorted(kept)


def test_a_folder_that_is_gone_is_reported_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"a\.txt could not be written: No such file or directory"):
        write_text(tmp_path / "gone" / "a.txt", "new", UNGUARDED, always_replace)
    sweep(tmp_path / "gone", [tmp_path / "gone" / "a.txt"], UNGUARDED)
