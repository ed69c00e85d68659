"""`thresher list`: queries, formats, paths, and hints about hidden clips."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support import Command, run_command
from thresher.catalog.catalog import Catalog
from thresher.curation.clips.listing import Listing
from thresher.interfaces.cli.commands.list import _columns
from thresher.interfaces.cli.table import Keep


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
    listed = run_command("list", "--format", "csv", cwd=home).stdout.splitlines()
    assert rows == lines
    assert len(listed) == len(rows) + 1
    for row in rows:
        assert row["path"] in table
        assert any(row["path"] in line for line in listed)


def test_every_field_of_a_clip_is_a_column_of_its_own_in_csv(home: Path) -> None:
    for command in (["list", "epoch:10"], ["near", "4", "--limit", "3"], ["near", "4", "--at", "0"]):
        done = run_command(*command, "--format", "csv", cwd=home)
        header, *lines = csv.reader(io.StringIO(done.stdout))
        assert {"id", "path", "score", "epoch"} <= set(header)
        assert not {"clip", "attributes"} & set(header)
        assert lines
        assert not [cell for line in lines for cell in line if cell.startswith("{")]


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


def test_columns_are_chosen_and_the_fields_of_a_query_are_shown(home: Path) -> None:
    def rows(*arguments: str) -> list[dict[str, Any]]:
        return list(json.loads(run_command("list", *arguments, "--json", cwd=home).stdout))

    assert run_command("modify", "epoch:10", "seed=9007199254740993", cwd=home).returncode == 0
    chosen = rows("--columns", "id,seed,Epoch", "epoch:10")
    assert [list(row) for row in chosen] == [["id", "seed", "epoch"]] * len(chosen)
    assert {row["seed"] for row in chosen} == {9007199254740993}
    (shown,) = {row["seed"] for row in rows("seed:9007199254740993")}
    assert shown == 9007199254740993
    table = run_command("list", "epoch:10", "noise+", cwd=home).stdout
    assert "noise" in table.splitlines()[0]
    assert "noise" not in run_command("list", "epoch:10", cwd=home).stdout.splitlines()[0]
    header = run_command("list", "epoch:10", "--format", "csv", cwd=home).stdout.splitlines()[0]
    assert "seed" in header.split(",")
    assert "attributes" not in header
    wrong = run_command("list", "--columns", "id,sed", cwd=home)
    assert (wrong.returncode, "did you mean seed" in wrong.stderr) == (2, True)
    for wrong_use in (
        ("--columns", "id", "--measures"),
        ("--columns", "id,,run"),
        ("--columns", "id\nrun"),
        ("--columns", "id\rrun"),
        ("--columns", "id", "--paths0"),
    ):
        assert run_command("list", *wrong_use, cwd=home).returncode == 2
    assert run_command("undo", cwd=home).returncode == 0


def test_clips_near_another_are_sorted_by_their_score(home: Path) -> None:
    rows = json.loads(run_command("list", "near:4", "--json", cwd=home).stdout)
    scores = [row["near"] for row in rows]
    assert len(scores) > 1
    assert scores == sorted(scores, reverse=True)


def test_near_a_clip_that_does_not_exist_names_the_clip_and_the_next_command(home: Path) -> None:
    done = run_command("list", "near:99", cwd=home)
    assert (done.returncode, done.stdout) == (2, "")
    assert "near: clip 99 does not exist; `thresher list` shows all clips" in done.stderr


def test_each_field_of_near_clips_has_the_scores_under_its_metric(home: Path) -> None:
    def scores(query: str, field: str) -> dict[int, float]:
        rows = json.loads(run_command("list", query, "--json", cwd=home).stdout)
        return {row["id"]: row[field] for row in rows}

    both = "near:4:0.. near@prefix:4:0.."
    assert scores(both, "near") == scores("near:4:0..", "near")
    assert scores(both, "near@prefix") == scores("near@prefix:4:0..", "near@prefix")
    assert scores(both, "near") != scores(both, "near@prefix")


def test_numbers_of_attributes_are_not_shortened() -> None:
    seeds: list[dict[str, Any]] = [{"seed": 18446744073709551610}, {"seed": None}]
    found = Listing((), {"seed": "attribute", "mood": "attribute"}, (), ("seed", "mood"))
    numbers = replace(found, values=tuple({**seed, "mood": "calm"} for seed in seeds))
    kept = {column.title: column.keep for column in _columns(numbers, ())}
    assert (kept["seed"], kept["mood"]) == (Keep.ALL, Keep.START)


def test_tables_say_which_part_or_mark_a_clip_is(cut_clips: Catalog, command: Command) -> None:
    assert cut_clips.root
    head, _, *rows = command("list", "epoch:1").stdout.splitlines()
    assert head.split()[:6] == ["id", "run", "epoch", "kind", "start", "length"]
    assert any("part 2 of 3" in row and "0:06.0" in row for row in rows)
    assert any('mark "drop"' in row and "0:01.0" in row for row in rows)
    assert "kind" not in command("list", "epoch:2").stdout
    assert "part 2 of 3" in command("near", "2").stdout
    assert "part 2 of 3" in command("list", "6", "--measures").stdout
    assert "run_epoch_1_0.wav, part 1 of 3" in command("dupes").stdout
    assert "8 (3 wholes, 3 parts of 1 split recording, 2 marks)" in command("stats").stdout
    assert "part 3 of 3, 0:12.0 to 0:17.0 of out/run_epoch_1_0.wav" in command("show", "7").stdout
    assert "split into 3 parts" in command("show", "out/run_epoch_1_0.wav").stdout
    rows = json.loads(command("list", "kind:marked", "--json").stdout)
    assert [(row["kind"], row["ordinal"], row["out_of"], row["mark"]) for row in rows] == [
        ("marked", 1, 2, "drop"),
        ("marked", 2, 2, None),
    ]
