"""`thresher list`: queries, formats, paths, and hints about hidden clips."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import run_command


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ([], [3, 4, 5, 6, 7, 8]),
        (["epoch:20.."], [5, 6, 7, 8]),
        (["epoch:20.. ^epoch:30"], [5, 6]),
        (["3", "5"], [3, 5]),
        (["clips/death_epoch_30_0.wav"], [7]),
        (["clips/death_epoch_30_0.wav", "4"], [4, 7]),
        (["status:silent"], [1]),
        (["epoch-", "--limit", "1"], [7]),
    ],
)
def test_list_finds_by_query_id_and_path(home: Path, arguments: list[str], ids: list[int]) -> None:
    done = run_command("list", *arguments, "--format", "jsonl", cwd=home)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ids


def test_every_format_holds_the_same_clips(home: Path) -> None:
    rows = json.loads(run_command("list", "--json", cwd=home).stdout)
    lines = [
        json.loads(line) for line in run_command("list", "--format", "jsonl", cwd=home).stdout.splitlines()
    ]
    table = run_command("list", cwd=home).stdout
    csv = run_command("list", "--format", "csv", cwd=home).stdout.splitlines()
    assert rows == lines
    assert len(csv) == len(rows) + 1
    for row in rows:
        assert row["path"] in table
        assert any(row["path"] in line for line in csv)


def test_paths0_lists_files_that_exist(home: Path) -> None:
    done = run_command("list", "epoch:10", "--paths0", cwd=home)
    found = done.stdout.split("\0")
    assert found.pop() == ""
    assert [Path(path).name for path in found] == ["death_epoch_10_0.wav", "death_epoch_10_1.wav"]
    assert all(Path(path).is_file() for path in found)


def test_a_listing_tells_about_hidden_clips(home: Path) -> None:
    assert "1 matching clip hidden" in run_command("list", "1", cwd=home).stderr
    assert "no clip matches epoch:999;" in run_command("list", "epoch:999", cwd=home).stderr
    said = run_command("list", "epoch:10", "run:nowhere", cwd=home).stderr
    assert "nothing matches run:nowhere" in said
