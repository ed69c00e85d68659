"""Two commands at once: the catalog is that of some serial order, both complete, and nothing is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT, WriteClip, environment, run_command

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]

ROUNDS = 20
"""How often each pair of commands runs."""


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, write_clip: WriteClip) -> Path:
    """A catalog of four clips that have no scores, with a song, and a folder of four more files."""
    home = tmp_path_factory.mktemp("at_once")
    for seed in range(8):
        write_clip(home / ("old" if seed < 4 else "new") / f"epoch_{seed}_0.wav", seed, 3.0, rate=8_000)
    (home / "catalog.toml").write_text(
        '[ingest]\nexecutor = "serial"\ngroup = 1\n[metrics]\nuse = ["prefix", "aligned"]\n'
    )
    for arguments in (
        ["init"],
        ["ingest", "old", "--no-score"],
        ["song", "save", "Bone", "path:old", "--order", "id+"],
    ):
        assert run_command(*arguments, cwd=home).returncode == 0
    return home


def at_once(
    home: Path, tmp_path: Path, *commands: Sequence[str], rounds: int = ROUNDS
) -> list[dict[str, Any]]:
    """Run commands at once in copies of a folder; return what each round left (see `pairs`)."""
    request = {
        "home": str(home),
        "folder": str(tmp_path / "round"),
        "rounds": rounds,
        "commands": commands,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.pairs"],
        input=json.dumps(request) + "\n",
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == rounds, done.stderr
    for each in found:
        assert each["sound"]
        assert not each["left"]
        assert "unexpected" not in each["printed"]
        assert "Traceback" not in each["printed"]
    return found


def in_order(home: Path, tmp_path: Path, *commands: Sequence[str]) -> dict[str, Any]:
    """Run commands one after the other; return what they leave."""
    folder = tmp_path / "order"
    for command in commands[:-1]:
        at_once(home, tmp_path, command, rounds=1)
        (tmp_path / "round").rename(folder)
        home = folder
    return at_once(home, tmp_path, commands[-1], rounds=1)[0]


def without(found: dict[str, Any], *tables: str) -> dict[str, Any]:
    return {name: rows for name, rows in found["tables"].items() if name not in tables}


def test_two_ingests_leave_what_one_after_the_other_leaves(shelf: Path, tmp_path: Path) -> None:
    command = ["ingest", "new"]
    expected = in_order(shelf, tmp_path, command, command)
    for found in at_once(shelf, tmp_path, command, command):
        assert found["codes"] == [0, 0], found["printed"]
        assert found["clips"] == expected["clips"]
        assert len(found["tables"]["score_row"]) == len(expected["tables"]["score_row"])


def test_two_ingests_of_different_runs_take_each_file_for_one_of_them(shelf: Path, tmp_path: Path) -> None:
    night, day = (["ingest", "new", "--run", run] for run in ("night", "day"))
    expected = [
        in_order(shelf, tmp_path / "a", night, day)["clips"],
        in_order(shelf, tmp_path / "b", day, night)["clips"],
    ]
    for found in at_once(shelf, tmp_path, night, day):
        assert found["codes"] == [0, 0], found["printed"]
        assert found["clips"] in expected


def test_two_scorers_leave_what_one_leaves(shelf: Path, tmp_path: Path) -> None:
    expected = in_order(shelf, tmp_path, ["score"])
    for found in at_once(shelf, tmp_path, ["score"], ["score"]):
        assert found["codes"] == [0, 0], found["printed"]
        assert without(found) == without(expected)


@pytest.mark.parametrize("second", ["bone.wav", "other.wav"])
def test_two_renders_leave_one_rendering_and_whole_files(shelf: Path, tmp_path: Path, second: str) -> None:
    commands = [["song", "render", "Bone", "-o", name] for name in ("bone.wav", second)]
    orders = [in_order(shelf, tmp_path / str(number), *commands[:: 1 - 2 * number]) for number in (0, 1)]
    for found in at_once(shelf, tmp_path, *commands):
        assert found["codes"] == [0, 0], found["printed"]
        assert len(found["tables"]["rendering"]) == 1
        assert without(found) in [without(order) for order in orders]
        files = [(tmp_path / "round" / name).read_bytes() for name in ("bone.wav", second)]
        assert files[0] == files[1]


def test_two_watches_take_each_file_once(shelf: Path, tmp_path: Path) -> None:
    command = ["watch", "new", "--once", "--quiet", "0.2", "--every", "0.1"]
    expected = in_order(shelf, tmp_path, ["ingest", "new"])
    for found in at_once(shelf, tmp_path, command, command):
        assert found["codes"] == [0, 0], found["printed"]
        assert found["clips"] == expected["clips"]
