"""Temporary folders: what a killed command left is removed by the next one, and nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from thresher.catalog.files.temporary_files import make_temporary_folder, temporary_folder
from thresher.errors import CatalogError


@pytest.fixture(autouse=True)
def system_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def ended_process() -> int:
    """Return the number of a process that does not run any more."""
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    process.wait()
    return process.pid


def test_a_temporary_folder_is_removed_with_its_files(system_folder: Path) -> None:
    with temporary_folder() as folder:
        (folder / "clip.wav").write_bytes(b"sound")
        assert folder.parent == system_folder
    assert os.listdir(system_folder) == []


def test_the_folder_of_a_killed_command_is_removed_by_the_next_one(system_folder: Path) -> None:
    left = system_folder / f"thresher-{ended_process()}-a1b2c3"
    left.mkdir()
    (left / "clip.wav").write_bytes(b"sound")
    with temporary_folder():
        assert not left.exists()


def test_other_folders_and_those_of_running_commands_stay(system_folder: Path) -> None:
    ended = ended_process()
    running = system_folder / f"thresher-{os.getppid()}-a1b2c3"
    others = [
        system_folder / name for name in ("thresher-mine", f"night-{ended}-a1", f"thresher-{ended}-a.1")
    ]
    for folder in (running, *others):
        folder.mkdir()
    link = system_folder / f"thresher-{ended}-link"
    link.symlink_to(others[0])
    with temporary_folder() as own, temporary_folder():
        assert own.exists()
    assert sorted(system_folder.iterdir()) == sorted([running, *others, link])


def test_without_a_folder_for_temporary_files_one_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(
        CatalogError, match="no temporary folder can be made: No such file or directory; set TMPDIR"
    ):
        make_temporary_folder()
