"""`thresher prune` with a real trash, and its question in a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import Finished, run_command, run_process


def at_home(home: Path) -> dict[str, str]:
    """Return the variables of a user whose trash is the test's own."""
    return {"HOME": str(home), "XDG_DATA_HOME": str(home / ".data")}


def thresher(*arguments: str, cwd: Path) -> Finished:
    """Run a command that moves nothing to the trash, in this process."""
    return run_command(*arguments, cwd=cwd, **at_home(cwd))


def prune(*arguments: str, cwd: Path, stdin: int = subprocess.DEVNULL) -> Finished:
    """Run `thresher prune --rejected` in a process of its own: send2trash finds the trash when it is imported."""
    return run_process("prune", "--rejected", *arguments, cwd=cwd, stdin=stdin, variables=at_home(cwd))


@pytest.fixture
def home(tmp_path: Path, write_clip: Any) -> Path:
    """A catalog of three clips, of which 1 and 2 are rejected."""
    if sys.platform != "linux":
        pytest.skip("only there can a test have a trash of its own")
    for index in range(3):
        write_clip(tmp_path / f"clips/r_epoch_1_{index}.wav", index, 3.0)
    thresher("init", cwd=tmp_path)
    (tmp_path / "catalog.toml").write_text('[metrics]\nuse = ["prefix"]\n')
    assert thresher("ingest", "clips", "--jobs", "1", cwd=tmp_path).returncode == 0
    assert thresher("reject", "1", "2", cwd=tmp_path).returncode == 0
    return tmp_path


def test_prune_asks_for_the_rejected_clips_and_for_a_yes(home: Path) -> None:
    done = thresher("prune", cwd=home)
    assert done.returncode == 2
    assert "thresher prune --rejected" in done.stderr
    done = thresher("prune", "--rejected", cwd=home)
    assert done.returncode == 2
    assert (
        "move 2 files of 2 rejected recordings to the trash, which frees 0.2 MB of disk space?" in done.stderr
    )
    assert "--yes" in done.stderr
    assert len(list((home / "clips").iterdir())) == 3


def test_a_dry_run_reports_the_files_that_prune_then_moves(home: Path) -> None:
    done = thresher("prune", "--rejected", "--dry-run", cwd=home)
    assert done.returncode == 0
    assert done.stdout.startswith("dry run: 2 files of 2 rejected recordings would be moved")
    planned = json.loads(thresher("prune", "--rejected", "--dry-run", "--json", cwd=home).stdout)
    done = prune("--yes", "--json", cwd=home)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {**planned, "dry_run": False, "entry": 2}
    assert len(list((home / ".data/Trash/files").iterdir())) == 2
    done = thresher("prune", "--rejected", cwd=home)
    assert (done.returncode, done.stdout) == (0, "no rejected clip has a file to move\n")
    assert "r_epoch_1_0.wav (missing)" in thresher("list", "rejected:yes", cwd=home).stdout


def test_prune_moves_nothing_if_the_answer_is_no(home: Path) -> None:
    for answer, code, left in (("n", 1, 3), ("y", 0, 1)):
        ours, its = pty.openpty()
        os.write(ours, f"{answer}\n".encode())
        done = prune(cwd=home, stdin=its)
        os.close(its)
        os.close(ours)
        assert done.returncode == code, done.stderr
        assert len(list((home / "clips").iterdir())) == left
        assert ("nothing was moved" in done.stderr) is (answer == "n")
    assert "once the trash is emptied" in done.stdout


def test_prune_returns_5_if_the_trash_refuses_every_file(home: Path) -> None:
    (home / ".data").mkdir()
    (home / ".data/Trash").write_text("no folder")
    done = prune("--yes", cwd=home)
    assert done.returncode == 5
    assert done.stdout == "no file was moved\n"
    assert "2 files could not be moved:" in done.stderr
    assert done.stderr.count("r_epoch_1_") == 2
    assert len(list((home / "clips").iterdir())) == 3
