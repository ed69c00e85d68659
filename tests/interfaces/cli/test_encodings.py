"""Terminals, pipes and files that cannot show every character, and what programs read."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import soundfile

from tests.support import COMMAND, RATE, environment, riff, run_command
from thresher.interfaces.cli.encodings import escape_what_cannot_be_written, writable, write_utf8
from thresher.interfaces.cli.main import run

SHARK = "emoji 🦈 Übung.wav"
BROKEN = b"not \xff utf-8.wav"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a catalog of two clips, whose names are not ASCII and not UTF-8, and a song of them."""
    folder = tmp_path_factory.mktemp("shelf")
    (folder / "run").mkdir()
    soundfile.write(folder / "run" / SHARK, riff(1, 1.0), RATE)
    soundfile.write(folder / "run" / "b.wav", riff(2, 1.0), RATE)
    os.rename(folder / "run" / "b.wav", os.path.join(os.fsencode(folder / "run"), BROKEN))
    lines = (
        ["init"],
        ["ingest", "run", "--jobs", "1", "--no-score"],
        ["tag", "1", "--add", "żółw"],
        ["song", "save", "Pieśń 🦈", "", "--order", "id+"],
    )
    for line in lines:
        assert run_command(*line, cwd=folder).returncode in (0, 2), line
    return folder


def run_in(folder: Path, encoding: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    variables = environment(PYTHONIOENCODING=encoding, COLUMNS="100")
    return subprocess.run([*COMMAND, *arguments], cwd=folder, env=variables, capture_output=True, check=False)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.long
def test_what_cannot_be_shown_is_escaped(shelf: Path, encoding: str) -> None:
    listed = run_in(shelf, encoding, "list")
    assert (listed.returncode, listed.stderr) == (0, b"")
    text = listed.stdout.decode(encoding)
    assert r"emoji \U0001f988" in text
    assert ("Übung" in text) is (encoding != "ascii")
    assert r"not \xff utf-8" in text


@pytest.mark.long
def test_json_and_csv_are_utf_8_in_every_encoding(shelf: Path) -> None:
    for encoding in ("ascii", "utf-16"):
        rows = json.loads(run_in(shelf, encoding, "list", "--json").stdout.decode("utf-8"))
        assert [row["path"] for row in rows] == [f"run/{SHARK}", r"run/not \xff utf-8.wav"]
    assert SHARK in run_in(shelf, "latin-1", "list", "--format", "csv").stdout.decode("utf-8")


@pytest.mark.parametrize(
    "line", [["show", "1"], ["checkpoints"], ["fields"], ["stats"], ["history"], ["song", "list"], ["--help"]]
)
def test_no_command_fails_on_a_terminal_without_unicode(shelf: Path, line: list[str]) -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), "ascii", write_through=True)
    assert _run(narrow, line, shelf) == 0
    assert isinstance(narrow.buffer, io.BytesIO)
    assert narrow.buffer.getvalue().isascii()


def _run(stream: io.TextIOWrapper, line: list[str], folder: Path) -> int:
    with chdir(folder), redirect_stdout(stream), redirect_stderr(stream):
        return run(line)


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("plain", "ascii", "plain"),
        ("a … and 3 → 4", "ascii", "a ... and 3 -> 4"),
        ("Ü → 🦈", "latin-1", "Ü -> \\U0001f988"),
        ("▁█", "latin-1", "_#"),
        ("\udcff", "utf-8", "\\udcff"),
        ("日本", "euc_jp", "日本"),
    ],
)
def test_writable(text: str, encoding: str, expected: str) -> None:
    assert writable(text, io.TextIOWrapper(io.BytesIO(), encoding)) == expected


def test_half_of_a_surrogate_pair_is_valid_json() -> None:
    raw = io.BytesIO()
    with redirect_stdout(io.TextIOWrapper(raw, "latin-1")):
        write_utf8(json.dumps("a\udcff🦈", ensure_ascii=False))
        assert json.loads(raw.getvalue().decode("utf-8")) == "a\udcff🦈"


def test_order_is_kept_between_text_and_utf_8() -> None:
    raw = io.BytesIO()
    with redirect_stdout(io.TextIOWrapper(raw, "latin-1")):
        escape_what_cannot_be_written()
        sys.stdout.write("one 🦈\n")
        write_utf8("two 🦈\n")
        sys.stdout.write("three\n")
        sys.stdout.flush()
        assert raw.getvalue().decode("utf-8") == "one \\U0001f988\ntwo 🦈\nthree\n"
