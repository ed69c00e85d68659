"""`thresher undo` and `thresher history`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support import run_command


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
