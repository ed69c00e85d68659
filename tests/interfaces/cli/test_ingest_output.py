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


def test_a_list_that_is_cut_off_says_so(command: Command, nights: Path, write_clip: WriteClip) -> None:
    for seed in range(21):
        write_clip(nights / "d" / f"{seed}-x.wav", 100 + seed, 0.2)
        other = (nights / "d" / f"{seed}-x.wav").read_bytes() + b"junk\x02\0\0\0\0\0"
        (nights / "d" / f"{seed}-y.wav").write_bytes(other)
    out = command("ingest", "d", "--no-score").stdout
    assert "42 files name no checkpoint (no epoch and no step), among them:" in out
    assert "21 groups of clips have the same audio in different files" in out
    assert "  … and 1 more group; --json shows all" in out
    out = command("ingest", "c", "--no-score").stdout
    assert "2 files name no checkpoint (no epoch and no step):" in out


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
