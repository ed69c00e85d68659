"""`thresher batches`, and `thresher forget` after an ingest by mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from tests.support import RATE, Command, WriteClip, riff, run_command
from thresher.interfaces.cli.commands import batches


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


def test_a_long_list_of_batches_shows_the_latest(
    command: Command, tmp_path: Path, write_clip: WriteClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("init").returncode == 0
    for number in range(4):
        write_clip(tmp_path / f"{number}.wav", number, 0.5)
        assert command("ingest", f"{number}.wav", "--jobs", "1").returncode == 0
    monkeypatch.setattr(batches, "TABLE_ROWS", 3)

    def numbers(*options: str) -> list[str]:
        return [line.split()[0] for line in command("batches", *options).stdout.splitlines()[2:]]

    assert numbers() == ["2", "3", "4"]
    assert command("batches").stderr == "… and 1 earlier ingest; --limit and --format jsonl show more\n"
    assert numbers("--limit", "1") == ["4"]
    assert numbers("--limit", "9") == ["1", "2", "3", "4"]
    assert [each["id"] for each in json.loads(command("batches", "--limit", "2", "--json").stdout)] == [3, 4]
    assert len(json.loads(command("batches", "--json").stdout)) == 4
