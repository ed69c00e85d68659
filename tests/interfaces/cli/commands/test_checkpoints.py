"""The commands about checkpoints: what they show, in which order, drawn how, and what they refuse."""

from __future__ import annotations

import io
import json
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from tests.support import Command, WriteClip, run_command
from thresher.curation.checkpoints.summary import CheckpointRow
from thresher.interfaces.cli.commands.checkpoints import _COLUMNS, WIDEST, _short, sparkline
from thresher.interfaces.cli.table import print_table


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, write_clip: WriteClip) -> Path:
    """A folder with a catalog of three epochs of one, two and three clips."""
    folder = tmp_path_factory.mktemp("template")
    for epoch in (1, 2, 3):
        for index in range(epoch):
            write_clip(folder / "run" / f"night_epoch_{epoch}_{index}.wav", 10 * epoch + index)
    for line in (["init"], ["ingest", "run", "--jobs", "1"]):
        assert run_command(*line, cwd=folder).returncode == 0
    return folder


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([], ""),
        ([None], " "),
        ([0.3], "▁"),
        ([0.0, 1.0], "▁█"),
        ([1.0, None, 0.0, 0.5], "█ ▁▅"),
        ([-8.0, -7.0, -6.0, -5.0, -4.0, -3.0, -2.0, -1.0], "▁▂▃▄▅▆▇█"),
        ([2.0, 2.0, 2.0], "▁▁▁"),
    ],
)
def test_sparklines(values: list[float | None], drawn: str) -> None:
    assert sparkline(values) == drawn


def test_a_long_training_shares_bars() -> None:
    drawn = sparkline([float(place) for place in range(10 * WIDEST + 3)])
    assert len(drawn) == WIDEST
    assert drawn == "".join(sorted(drawn))
    assert (drawn[0], drawn[-1]) == ("▁", "█")


def test_the_table_and_the_bars_below_it(thresher: Command) -> None:
    code, out, err = thresher("checkpoints")
    assert (code, err) == (0, "")
    for title in ("silence", "loop", "noise", "collapse", "copies", "novelty"):
        assert title in out.splitlines()[0]
    assert "night, e1 to e3:" in out
    (drawn,) = [line.split() for line in out.splitlines() if line.strip().startswith("novelty")]
    assert len(drawn[1]) == 2  # none for the first epoch, before which there is nothing


def test_a_query_selects_checkpoints(thresher: Command) -> None:
    assert [row["epoch"] for row in json.loads(thresher("checkpoints", "epoch:2..", "--json").stdout)] == [
        2,
        3,
    ]
    nothing = thresher("checkpoints", "run:other")
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (0, "", "nothing found\n")
    assert thresher("checkpoints", "run:night", "--compare", "1", "2").returncode == 2


@pytest.mark.parametrize("width", [15, 40, 80, 100])
def test_run_epoch_and_step_are_shown_at_every_width(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    row = CheckpointRow(
        **dict.fromkeys((field.name for field in fields(CheckpointRow)), 1),  # type: ignore[arg-type]
    )
    run = "a-run-with-quite-a-long-name"
    row = replace(row, run=run, epoch=1234, step=5678901, statuses={"silent": 1.0}, verdict="keep", note="n")
    out = io.StringIO()
    out.isatty = lambda: True  # type: ignore[method-assign]  # in memory, no terminal
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("sys.stdout", out)
    left_out = print_table([row], _COLUMNS, str)
    head, _, line = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()).splitlines()[:3]
    assert line.split()[:3] == [run, "1234", "5678901"]
    assert {*head.split(), *" ".join(left_out).split()} == {
        *" ".join(each.title for each in _COLUMNS).split()
    }
    assert width < 40 or len(line.rstrip()) <= max(width, 46)


@pytest.mark.parametrize(
    ("sort", "epochs"), [("clips-", [3, 2, 1]), ("clips+", [1, 2, 3]), ("epoch-", [3, 2, 1])]
)
def test_sorting(thresher: Command, sort: str, epochs: list[int]) -> None:
    _, out, _ = thresher("checkpoints", "--sort", sort, "--json")
    assert [row["epoch"] for row in json.loads(out)] == epochs


@pytest.mark.parametrize("direction", ["+", "-"])
def test_rows_without_a_value_are_sorted_last(thresher: Command, direction: str) -> None:
    _, out, _ = thresher("checkpoints", "--sort", f"novelty{direction}", "--json")
    rows = json.loads(out)
    assert [row["epoch"] for row in rows][-1] == 1
    values = [row["novelty"] for row in rows[:-1]]
    assert values == sorted(values, reverse=direction == "-")


def test_a_verdict_is_shown_and_can_be_queried(thresher: Command) -> None:
    code, out, err = thresher("checkpoint", "e2", "--keep", "--note", "riffs")
    assert (code, out) == (0, 'decision 1: checkpoint night e2: keep note "riffs"\n')
    assert "thresher undo 1" in err
    assert thresher("checkpoint", "e2", "--keep")[1] == "night e2: nothing to change\n"
    rows = {row["epoch"]: row for row in json.loads(thresher("checkpoints", "--json")[1])}
    assert (rows[2]["verdict"], rows[2]["note"]) == ("keep", "riffs")
    listed = json.loads(thresher("list", "verdict:keep", "--json")[1])
    assert {row["epoch"] for row in listed} == {2}


def test_a_comparison_in_both_forms(thresher: Command) -> None:
    code, out, err = thresher("checkpoints", "--compare", "e2", "e3")
    assert code == 0
    assert out.split()[:3] == ["figure", "e2", "e3"]
    assert "too few clips" in out
    assert err == "night e2 and night e3:\n"  # and nothing about chance where nothing can be said
    found = json.loads(thresher("checkpoints", "--compare", "e2", "e3", "--json")[1])
    assert (found["first"], found["second"]) == ("night e2", "night e3")
    assert {each["clips_first"] for each in found["differences"] if each["figure"] == "loudness"} == {2}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["checkpoints", "--sort", "beauty-"], 2, 'unknown sort "beauty-" (expected run, epoch'),
        (["checkpoints", "--sort", "loop+-"], 2, 'unknown sort "loop+-"'),
        (
            ["checkpoints", "--sort", "loop-", "--compare", "e1", "e2"],
            2,
            "--sort cannot be used with --compare",
        ),
        (["checkpoints", "--compare", "e1", "e9"], 4, 'no checkpoint named "e9"'),
        (["checkpoint", "e1", "--keep", "--drop"], 2, "--keep and --drop exclude each other"),
        (["checkpoint", "e1"], 2, 'nothing to change for checkpoint "e1"'),
        (["checkpoint", "day", "--keep"], 4, "`thresher checkpoints` lists them"),
    ],
)
def test_what_is_refused(thresher: Command, arguments: list[str], code: int, words: str) -> None:
    given, _, err = thresher(*arguments)
    assert given == code
    assert words in err


@pytest.mark.parametrize(
    ("names", "titles"),
    [
        (("night e1", "night e2"), ("e1", "e2")),
        (("night e1", "day e1"), ("night e1", "day e1")),
        (("a long night e1 i5", "a long night e1 i6"), ("i5", "i6")),
        (("x" * 30 + " e1", "y e1"), ("…" + "x" * 20 + " e1", "y e1")),
        (("night", "night e1"), ("night", "e1")),
    ],
)
def test_titles_of_two_checkpoints_are_short(names: tuple[str, str], titles: tuple[str, str]) -> None:
    assert _short(*names) == titles
