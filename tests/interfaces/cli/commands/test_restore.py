"""`thresher restore`: what it says, asks and returns."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import Command, MakeCatalog, WriteClip


@pytest.fixture
def home(new_catalog: MakeCatalog, tmp_path: Path, command: Command, write_clip: WriteClip) -> Path:
    """A catalog with a backup, after which a clip was rated."""
    new_catalog(tmp_path).close()
    write_clip(tmp_path / "a.wav", 1, 0.5)
    assert command("ingest", "a.wav", "--jobs", "1").returncode == 0
    assert command("backup", "mine.db").returncode == 0
    assert command("rate", "1", "4").returncode == 0
    return tmp_path


def test_a_dry_run_proves_a_backup_and_names_the_changes(home: Path, command: Command) -> None:
    done = command("restore", "mine.db", "--dry-run")
    assert (done.returncode, "mine.db is good" in done.stdout) == (0, True)
    assert "the backup lacks: 1 decision, 1 rating" in done.stdout
    assert "the backup brings: nothing" in done.stdout
    assert "rating:4" not in command("restore", "mine.db", "--dry-run").stdout
    with closing(sqlite3.connect(home / "mine.db")) as opened, opened:
        opened.execute("UPDATE clip SET descriptor_crc32 = descriptor_crc32 + 1")
    damaged = command("restore", "mine.db", "--dry-run")
    assert (damaged.returncode, "mine.db is damaged" in damaged.stderr) == (3, True)


def test_nothing_is_replaced_without_a_yes(home: Path, command: Command) -> None:
    assert command("restore", "mine.db").returncode == 2
    assert command("list", "rating:4", "--json").stdout != "[]\n"
    done = command("restore", "mine.db", "--yes")
    assert (done.returncode, "restored mine.db" in done.stdout) == (0, True)
    assert json.loads(command("list", "rating:4", "--json").stdout) == []
    kept = next(home.glob("*.backup.db"))
    assert f"what was replaced is in {kept.name};" in done.stderr
    report = json.loads(command("restore", kept, "--yes", "--json").stdout)
    assert {each["what"]: each["won"] for each in report["differences"]}["ratings"] == 1
    assert json.loads(command("list", "rating:4", "--json").stdout)


def test_a_damaged_database_is_kept_but_not_offered_for_a_restore(home: Path, command: Command) -> None:
    (home / "catalog.db").write_bytes(b"no database")
    said = command("restore", "mine.db", "--yes").stderr
    (kept,) = home.glob("*-damaged-*.backup.db")
    assert f"the damaged database that was replaced is in {kept.name}; delete it" in said
    assert "takes the catalog back to it" not in said
    assert "the catalog can't be read: " in said
    assert said.count("`thresher restore") == 0
    (home / "catalog.db").unlink()
    assert "`thresher restore FILE` brings it back from a backup" in command("list").stderr
    assert command("restore", "mine.db", "--yes").returncode == 0


def test_the_help_keeps_apart_restore_and_prune(command: Command) -> None:
    assert "prune --restore N" in " ".join(command("restore", "--help").stdout.split())
