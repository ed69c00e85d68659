"""What the ingest command says about missing and ignored files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import Command, WriteClip


@pytest.fixture
def nights(command: Command, tmp_path: Path, write_clip: WriteClip) -> Path:
    """A catalog of two clips in the folders a and b; a third clip, in c, is not ingested."""
    (tmp_path / "catalog.toml").write_text('[ingest]\nexecutor = "serial"\n')
    for seed, folder in enumerate("abc"):
        write_clip(tmp_path / folder / "take.wav", seed, 0.4)
        write_clip(tmp_path / folder / "rest.wav", seed + 3, 0.4)
    command("init")
    command("ingest", "a", "b", "--no-score")
    return tmp_path


def test_missing_files_are_reported_with_the_folders_of_the_command(command: Command, nights: Path) -> None:
    for folder in "ab":
        (nights / folder / "take.wav").unlink()
    dry = command("ingest", "a", "b", "--no-score", "--dry-run").stdout
    assert "2 would be marked missing in a, b" in dry
    assert "1 marked missing in a\n" in command("ingest", nights / "a", "--no-score").stdout
    assert "1 marked missing in b, c\n" in command("ingest", "b", "c", "--no-score").stdout


@pytest.mark.long
def test_the_catalogs_own_files_are_not_counted_as_ignored(command: Command, nights: Path) -> None:
    (nights / "catalog.cache").mkdir()
    (nights / "catalog.cache" / "0a.png").touch()
    (nights / "catalog.key").touch()
    (nights / "a" / "take.json").write_text("{}")
    assert command("report", "-o", "a/report.html").returncode == 0
    assert "ignored" not in command("ingest", ".", "--no-score").stdout
    (nights / "a" / "notes.txt").touch()
    assert "ignored 1 file that is not audio: 1 .txt" in command("ingest", ".", "--no-score").stdout
