"""The commands of saved queries."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support import run_command


def test_a_query_is_saved_listed_used_shown_and_deleted(home: Path) -> None:
    saved = run_command("query", "save", "ten", "epoch:10 status:ok", cwd=home)
    assert saved.returncode == 0
    assert 'query "ten": epoch:10 status:ok' in saved.stdout
    rows = json.loads(run_command("query", "list", "--json", cwd=home).stdout)
    assert [(row["name"], row["query"]) for row in rows] == [("ten", "epoch:10 status:ok")]
    direct = run_command("list", "epoch:10 status:ok", "--json", cwd=home).stdout
    assert run_command("list", "query:ten", "--json", cwd=home).stdout == direct
    assert "epoch:10 status:ok" in run_command("query", "show", "ten", cwd=home).stdout
    assert run_command("query", "show", "tem", cwd=home).returncode == 4
    assert run_command("query", "save", "ten", "query:ten", cwd=home).returncode == 2
    assert run_command("query", "delete", "ten", cwd=home).returncode == 0
    assert json.loads(run_command("query", "list", "--json", cwd=home).stdout) == []
    assert run_command("undo", cwd=home).returncode == 0
    assert run_command("undo", cwd=home).returncode == 0
