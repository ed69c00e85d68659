"""Options that several commands share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.interfaces.cli.command_table import commands
from tests.support import RATE, copy_folder, run_command
from thresher.errors import UsageError
from thresher.interfaces.cli.options import form_of
from thresher.interfaces.cli.output import Format


def test_json_is_a_short_form_that_contradicts_other_formats() -> None:
    assert form_of(Format.TABLE, json=False) is Format.TABLE
    assert form_of(Format.CSV, json=False) is Format.CSV
    assert form_of(Format.TABLE, json=True) is Format.JSON
    assert form_of(Format.JSON, json=True) is Format.JSON
    with pytest.raises(UsageError, match="--json contradicts --format csv"):
        form_of(Format.CSV, json=True)


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("near", "1"), "--at"),
        (("near", "1", "--at", "0"), "--length"),
        (("split", "1"), "--seconds"),
        (("split", "1"), "--every"),
        (("export", "1", "--to", "out"), "--fade"),
        (("song", "save", "A", "status:ok", "--salvage"), "--least"),
    ],
)
def test_an_option_in_seconds_takes_times_as_listings_write_them(
    tmp_path: Path, words: tuple[str, ...], option: str
) -> None:
    assert run_command("init", cwd=tmp_path).returncode == 0
    seconds, minutes = (run_command(*words, option, text, cwd=tmp_path) for text in ("61.5", "1:01.5"))
    assert minutes == seconds
    assert "invalid value" not in seconds.stderr
    said = run_command(*words, option, "1:75", cwd=tmp_path)
    assert said.returncode == 2
    assert '"1:75" is not a time' in said.stderr
    assert "is not a time" not in run_command(*words, option, "-1", cwd=tmp_path).stderr


READING: dict[str, list[str]] = {
    "names": ["clips"],
    "list": [],
    "show": ["3"],
    "near": ["3"],
    "recipe": ["3"],
    "lineage": ["3"],
    "dupes": [],
    "checkpoints": [],
    "stats": [],
    "fields": [],
    "query list": [],
    "query show": ["Q"],
    "history": [],
    "song list": [],
    "song show": ["BONE"],
    "song compare": ["BONE"],
    "song history": ["BONE"],
    "song renderings": ["BONE"],
    "song diff": ["BONE"],
    "song verify": ["BONE"],
    "batches": [],
    "config": [],
}
"""Arguments for each command that changes nothing."""

WITHOUT_DRY_RUN: dict[str, str] = {
    "init": "makes an empty catalog, and refuses to touch one that exists",
    "watch": "`ingest --dry-run` shows what its first pass would ingest",
    "clusters": "stores groups, which are computed from the clips, not decided",
    "report": "writes one page, and replaces only a page of thresher",
    "play": "plays a clip",
    "serve": "changes what its users decide; --read-only refuses that",
    "song export": "writes files, and replaces only those of thresher",
    "verify": "changes nothing without --repair, and lists what that would repair",
    "backup": "writes one new file",
    "upgrade": "makes a backup, and keeps every value",
    "export-catalog": "writes one file, and replaces only an earlier export",
    "copy-catalog": "writes into an empty database",
    "demo": "writes into a new folder",
}
"""Why commands that write have no --dry-run."""

DRY_RUNS: dict[str, list[list[str]]] = {
    "ingest": [["clips"]],
    "export": [["3", "--to", "out"]],
    "rate": [["3", "4"]],
    "reject": [["3"]],
    "unreject": [["4"]],
    "trust": [["status:ok"]],
    "tag": [["3", "--add", "x"]],
    "note": [["3", "x"]],
    "modify": [["3", "epoch=7"]],
    "split": [["3", "--count", "2"]],
    "checkpoint": [["death e20", "--keep"]],
    "mark": [["3", "1", "2"]],
    "unmark": [["10"]],
    "undo": [[], ["2"]],
    "query save": [["new", "epoch:20"], ["Q", "epoch:20"]],
    "query delete": [["Q"]],
    "song save": [
        ["NEW", "epoch:20"],
        ["BONE", "epoch:20", "--order", "epoch+"],
        ["DRY", "9", "--salvage"],
        ["BONE", "9", "--salvage", "--least", "0.5"],
    ],
    "song copy": [["BONE", "NEW"]],
    "song rename": [["BONE", "NEW"]],
    "song delete": [["BONE"]],
    "song edit": [["BONE", "--drop", "3"]],
    "song render": [["BONE"]],
    "song reproduce": [["m.json", "--files", "clips", "-o", "again.wav"]],
    "score": [[]],
    "reanalyse": [["3"]],
    "restore": [["b.db"]],
    "import-catalog": [["c.jsonl"]],
    "forget": [["clips"]],
    "prune": [["--rejected"]],
}
"""Arguments for each command that has --dry-run and writes an object with --json."""


@pytest.fixture(scope="module")
def shelf_template(home_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `shelf` is copied from."""
    folder = tmp_path_factory.mktemp("shelf")
    copy_folder(home_template, folder)
    y = 0.3 * np.random.default_rng(5).normal(size=9 * RATE).astype(np.float32)
    y[2 * RATE : 7 * RATE] = 0
    soundfile.write(folder / "clips/death_epoch_20_9.wav", y, RATE)
    for line in (
        ["ingest", "clips", "--jobs", "1"],
        ["mark", "4", "1", "3"],
        ["reject", "4"],
        ["song", "save", "BONE", "status:ok"],
        ["song", "export", "BONE", "m.json"],
        ["song", "render", "BONE"],
        ["query", "save", "Q", "epoch:30"],
        ["rate", "3", "5"],
        ["export-catalog", "c.jsonl"],
        ["undo"],  # so that the import has a rating to bring in
        ["backup", "b.db"],
    ):
        assert run_command(*line, cwd=folder).returncode in (0, 5), line
    return folder


@pytest.fixture
def shelf(shelf_template: Path, tmp_path: Path) -> Path:
    """A folder with a catalog that has a mark, a rejected clip, a song, a rendering, a saved query and a backup."""
    copy_folder(shelf_template, tmp_path)
    return tmp_path


def test_a_command_reads_only_or_has_a_dry_run_or_a_reason_for_having_none() -> None:
    planned = {
        " ".join(words)
        for words, command in commands()
        if "--dry-run" in {option for parameter in command.params for option in parameter.opts}
    }
    assert planned == {*DRY_RUNS, "listen"}  # a queue is a list of clips, planned or not
    assert len({*READING, *WITHOUT_DRY_RUN, *planned}) == len(READING) + len(WITHOUT_DRY_RUN) + len(planned)
    assert {" ".join(words) for words, _ in commands()} == {*READING, *WITHOUT_DRY_RUN, *planned}


@pytest.mark.long
def test_a_command_that_reads_changes_nothing(shelf: Path) -> None:
    before = _files(shelf)
    for words, arguments in READING.items():
        done = run_command(*words.split(), *arguments, cwd=shelf)
        assert done.returncode == 0, (words, done.stderr)
        assert _files(shelf) == before, words


@pytest.mark.long
def test_json_of_a_dry_run_says_that_it_is_one_and_changes_nothing(shelf: Path) -> None:
    before = _files(shelf)
    for words, each in DRY_RUNS.items():
        for arguments in each:
            done = run_command(*words.split(), *arguments, "--dry-run", "--json", cwd=shelf)
            assert _files(shelf) == before, words
            if words == "trust":
                assert done.returncode == 4, "no clip here is suspect"
                continue
            assert done.returncode == 0, (words, done.stderr)
            document = json.loads(done.stdout)
            for row in document if isinstance(document, list) else [document]:
                assert row["dry_run"] is True, words
                assert (row.get("decision") or {}).get("id") is None, words


TRUTHFUL = (
    *("rate", "reject", "unreject", "tag", "note", "modify", "checkpoint", "mark", "unmark", "undo"),
    *("query save", "query delete", "song save", "song copy", "song rename", "song delete", "song edit"),
)
"""Commands whose dry run says all that the command says, but for ids and times of what it makes."""


@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "arguments"),
    [(words, arguments) for words in TRUTHFUL for arguments in DRY_RUNS[words]],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_dry_run_says_what_the_command_then_does(shelf: Path, words: str, arguments: list[str]) -> None:
    line = [*words.split(), *arguments]
    planned = run_command(*line, "--dry-run", "--json", cwd=shelf)
    said = run_command(*line, "--dry-run", cwd=shelf)
    assert (planned.returncode, said.returncode) == (0, 0), said.stderr
    assert said.stdout.splitlines()[-1].startswith("dry run")
    assert "undo`" not in said.stderr
    made = run_command(*line, "--json", cwd=shelf)
    assert made.returncode == 0, made.stderr
    assert _facts(json.loads(planned.stdout)) == _facts(json.loads(made.stdout))


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


NEW = {"id", "clip", "made_at", "created_at", "dry_run", "after", "summary"}
"""Keys whose values name what a command makes, or when."""

OF_SPLIT = {"decision", "scores", "suspects"}
"""Keys that the report of a split has only when the parts are stored."""


def _facts(document: Any) -> Any:
    """Return a document without what a dry run can't know: the ids and times of what is made, and their scores."""
    if isinstance(document, list):
        return [_facts(each) for each in document]
    if isinstance(document, dict):
        unknown = {*NEW, *OF_SPLIT} if "recordings" in document else NEW
        return {key: _facts(value) for key, value in document.items() if key not in unknown}
    return document
