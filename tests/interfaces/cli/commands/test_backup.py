"""`thresher backup`, and what `stats` prints about backups."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support import Command, MakeCatalog, WriteClip

pytestmark = pytest.mark.sqlite_only("a database in a file")


@pytest.fixture
def home(new_catalog: MakeCatalog, tmp_path: Path) -> Path:
    """A new catalog that was last changed long ago."""
    new_catalog(tmp_path).close()
    os.utime(tmp_path / "catalog.db", (1e9, 1e9))
    return tmp_path


def test_a_backup_is_named_and_counted(home: Path, command: Command) -> None:
    assert "none; `thresher backup` makes one" in command("stats").stdout
    done = command("backup")
    (made,) = home.glob("*.backup.db")
    assert (done.returncode, done.stdout.startswith(f"{made.name}: ")) == (0, True)
    assert command("backup").stdout.startswith(f"nothing has changed since {made.name} ")
    assert "1, 0." in command("stats").stdout
    assert json.loads(command("stats", "--json").stdout)["backups"]["whole"][0]["path"] == str(made)
    listed = command("backup", "--list").stdout
    assert f"  {made.name}" in listed
    made.write_bytes(made.read_bytes()[:5000])
    assert "damaged" in command("backup", "--list").stdout
    assert "damaged, and no backup" in command("stats").stderr


def test_a_backup_in_json_has_the_rows_of_the_tables(home: Path, command: Command) -> None:
    report = json.loads(command("backup", home / "mine.db", "--json").stdout)
    assert report["path"] == str(home / "mine.db")
    assert report["rows"]["clip"] == 0
    assert report["is_new"] is True


def test_a_folder_gets_a_new_file(home: Path, command: Command) -> None:
    (home / "disk").mkdir()
    assert command("backup", "disk").returncode == 0
    assert len(list((home / "disk").iterdir())) == 1


def test_a_folder_that_does_not_exist_does_not_become_a_file(home: Path, command: Command) -> None:
    for folder in ("disk", "disk/"):
        done = command("backup", folder)
        assert (done.returncode, "there is no folder disk; create it" in done.stderr) == (4, True)
    assert not (home / "disk").exists()


def test_no_file_is_replaced_and_a_clip_is_named(home: Path, command: Command, write_clip: WriteClip) -> None:
    clip = write_clip(home / "a.wav", 1, 0.5)
    content = clip.read_bytes()
    assert command("ingest", "a.wav", "--jobs", "1").returncode == 0
    done = command("backup", "a.wav")
    assert (done.returncode, "is clip 1 of the catalog" in done.stderr) == (2, True)
    assert clip.read_bytes() == content
    assert "belongs to the catalog" in command("backup", "catalog.db").stderr
    (home / "other").write_text("x")
    assert "exists already" in command("backup", "other").stderr
    assert "no backup can be written to" in command("backup", "gone/x.db").stderr


def test_a_missing_folder_ends_a_command_that_needs_a_backup(home: Path, command: Command) -> None:
    (home / "catalog.toml").write_text('[backup]\nfolder = "/gone"\n')
    done = command("backup")
    assert done.returncode == 3
    assert "the backup folder /gone does not exist; mount its disk" in done.stderr
    assert "`thresher backup FILE` writes it elsewhere" in done.stderr
