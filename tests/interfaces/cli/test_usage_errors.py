"""Wrong command lines: each ends with one sentence that names the next step."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import run_command
from thresher.interfaces.cli.usage_errors import usage_sentence


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["listt"],
            "no such command 'listt'; did you mean 'list', 'listen', 'stats'? (see `thresher --help`)",
        ),
        (["render", "x"], "no such command 'render'; did you mean 'song render'? (see `thresher --help`)"),
        (["save"], "'save'; did you mean 'query save' or 'song save'? (see `thresher --help`)"),
        (
            ["ingest", "-"],
            "- does not stand for standard input or output here; give a file (./- is one of that name)",
        ),
        (["nonsense"], "no such command 'nonsense' (see `thresher --help`)"),
        (["song", "foo"], "no such command 'foo' (see `thresher song --help`)"),
        (["--foo", "list"], "no such option: --foo (see `thresher --help`)"),
        (
            ["list", "--limt", "3"],
            "no such option: --limt; did you mean --limit? (see `thresher list --help`)",
        ),
        (["song", "save", "--qqq"], "no such option: --qqq (see `thresher song save --help`)"),
        (["show"], "missing argument 'clip' (see `thresher show --help`)"),
        (["checkpoint", "e 20", "keep"], "(keep); did you mean --keep? (see `thresher checkpoint --help`)"),
        (["show", "3", "4"], "got unexpected extra argument(s) (4) (see `thresher show --help`)"),
        (["tag", "3", "--add"], "option '--add' requires an argument (see --help of the command)"),
        (
            ["list", "--limit", "x"],
            "invalid value for '--limit': 'x' is not a whole number (see `thresher list --help`)",
        ),
        (["listen", "-m", "x"], "'x' is not a number (see `thresher listen --help`)"),
        (["list", "--limit", "0"], "0 is not in the range x>=1 (see `thresher list --help`)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_command_line_ends_with_one_sentence_that_names_the_next_step(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    done = run_command(*arguments, cwd=tmp_path, COLUMNS="20")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.endswith(f"{sentence}\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [[], ["song"], ["query"], ["--help"], ["song", "save", "--help"]], ids=" ".join
)
def test_help_is_no_error(tmp_path: Path, arguments: list[str]) -> None:
    done = run_command(*arguments, cwd=tmp_path)
    assert "Usage: thresher" in done.stdout + done.stderr
    assert "error:" not in done.stderr


def test_other_errors_are_left_as_they_are() -> None:
    assert usage_sentence(ValueError("no such option: -x"), ()) is None
