"""`thresher forget` after an ingest by mistake."""

from __future__ import annotations

import json
from pathlib import Path

import soundfile

from tests.support import RATE, riff, run_command


def test_forget_reverts_an_ingest(home: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    soundfile.write(wrong / "a.wav", riff(99), RATE)
    assert run_command("ingest", wrong, cwd=home).returncode == 0
    assert json.loads(run_command("list", "--json", cwd=home).stdout)[-1]["path"].endswith("a.wav")
    assert "would be" in run_command("forget", wrong, "--dry-run", cwd=home).stdout
    assert run_command("forget", wrong, "--yes", cwd=home).returncode == 0
    assert (wrong / "a.wav").exists()
    assert len(json.loads(run_command("list", "--json", cwd=home).stdout)) == 6


def test_a_second_forget_finds_nothing_to_forget(home: Path) -> None:
    clip = json.loads(run_command("list", "--json", cwd=home).stdout)[0]
    run_command("rate", str(clip["id"]), "4", cwd=home)
    path = clip["path"]
    assert "1 recording kept" in run_command("forget", home / path, "--yes", cwd=home).stderr
    again = run_command("forget", home / path, cwd=home)
    assert again.returncode == 0
    assert "nothing to forget" in again.stdout
