"""`thresher init`, once and after a loss."""

from __future__ import annotations

from pathlib import Path

from tests.support import run_command


def test_init_refuses_to_start_twice(home: Path) -> None:
    before = (home / "catalog.toml").read_bytes()
    done = run_command("init", cwd=home)
    assert done.returncode == 3
    assert "exists already" in done.stderr
    assert (home / "catalog.toml").read_bytes() == before


def test_init_replaces_a_lost_database(tmp_path: Path) -> None:
    assert run_command("init", cwd=tmp_path).returncode == 0
    (tmp_path / "catalog.toml").write_text("[trim]\ntop_db = 33.0\n")
    (tmp_path / "catalog.db").rename(tmp_path / "moved.db")
    lost = run_command("list", cwd=tmp_path)
    assert (lost.returncode, "`thresher init`" in lost.stderr) == (3, True)
    assert run_command("init", cwd=tmp_path).returncode == 0
    assert run_command("list", cwd=tmp_path).returncode == 0
    assert "33" in run_command("config", cwd=tmp_path).stdout
