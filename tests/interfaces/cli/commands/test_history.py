"""`thresher undo` and `thresher history`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import run_command
from thresher.catalog.decisions import journal


def test_a_rating_is_listed_and_undone(home: Path) -> None:
    def rating() -> object:
        return json.loads(run_command("show", "3", "--json", cwd=home).stdout)["clip"]["rating"]

    assert run_command("rate", "3", "4", "--dry-run", cwd=home).stdout.startswith("dry run: 1 of 1")
    assert rating() is None
    assert run_command("rate", "3", "4", cwd=home).returncode == 0
    assert rating() == 4
    assert "★★★★" in run_command("list", "3", cwd=home).stdout
    assert run_command("undo", cwd=home).returncode == 0
    assert rating() is None
    history = json.loads(run_command("history", "--json", cwd=home).stdout)
    assert [row["verb"] for row in history[:2]] == ["undo", "rate"]


def test_history_shows_who_made_the_decisions_of_others(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_command("rate", "1", "5", cwd=home)
    assert "by" not in run_command("history", cwd=home).stdout.splitlines()[0].split()
    monkeypatch.setattr(journal, "this_writer", lambda: "of ben")
    monkeypatch.setattr(journal, "this_label", lambda: "ben@desk")
    run_command("rate", "2", "4", cwd=home)
    monkeypatch.undo()
    title, _rule, latest, *_rest = run_command("history", cwd=home).stdout.splitlines()
    assert "by" in title.split()
    assert "ben@desk" in latest
    entries = json.loads(run_command("history", "--json", cwd=home).stdout)
    assert (entries[0]["by"], entries[0]["own"]) == ("ben@desk", False)
    assert entries[1]["own"]
    undone = run_command("undo", str(entries[0]["id"]), cwd=home)
    assert "by ben@desk: rate 4: 2" in undone.stdout
    assert run_command("undo", str(entries[1]["id"]), cwd=home).returncode == 0
    refused = run_command("undo", str(entries[1]["id"]), cwd=home)
    assert refused.returncode == 2
