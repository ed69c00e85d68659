"""`thresher demo`, which never writes into a folder of someone else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import run_command, run_process


def test_the_demo_refuses_a_folder_with_other_files(home: Path) -> None:
    before = run_command("list", "--json", cwd=home).stdout
    done = run_command("demo", ".", cwd=home)
    assert done.returncode == 3
    assert "contains other files" in done.stderr
    assert run_command("list", "--json", cwd=home).stdout == before
    assert not (home / "run").exists()


@pytest.mark.long
def test_a_repeated_demo_gives_the_same_song(tmp_path: Path) -> None:
    first = run_process("demo", "d", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    song = (tmp_path / "d" / "DOMAINAL SKELETON.wav").read_bytes()
    again = run_command("demo", "d", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "43 unchanged" in again.stdout
    assert (tmp_path / "d" / "DOMAINAL SKELETON.wav").read_bytes() == song
