"""The command line: what a command prints on which stream, and its exit code.

Tests run a process of their own where signals, tracebacks, imports or a program on PATH matter.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from tests.interfaces.cli.command_table import commands
from tests.support import COMMAND, RATE, copy_folder, environment, riff, run_command, run_process, run_python
from thresher.formatting import any_of
from thresher.interfaces.cli import main, output
from thresher.interfaces.cli.registry import MODULES
from thresher.signal.metrics.registry import METRICS


def test_without_a_catalog_every_command_names_init(tmp_path: Path) -> None:
    done = run_process("list", cwd=tmp_path)
    assert done.returncode == 3
    assert "thresher init" in done.stderr
    assert done.stdout == ""


def test_a_known_failure_is_reported_once(home: Path) -> None:
    done = run_command("ingest", "clips", cwd=home)
    assert done.returncode == 0, done.stderr
    assert "8 unchanged" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["list", "epoc:3"], 2, "epoch"),
        (["list", "epoch:x"], 2, "epoch"),
        (["list", "note::("], 2, "character"),
        (["list", "'open x"], 2, "quote"),
        (["show", "999"], 4, "thresher list"),
        (["show", "nowhere.wav"], 4, "thresher list"),
        (["ingest", "nowhere"], 4, "nowhere"),
        (["rate", "3", "9"], 2, "1 to 5"),
        (["rate", "3", "good"], 2, "1 to 5"),
        (["rate", " ", "3"], 2, "the term is empty"),
        (["rate", "epoch:999", "3"], 4, "no clip matches"),
        (["tag", "3"], 2, "--add"),
        (["modify", "3", "id=4"], 2, "id"),
        (["modify", "3", "epoch=x"], 2, "epoch"),
        (["ingest", "clips", "--set", "rating=4"], 2, "rating"),
        (["ingest", "clips", "--role", "dog"], 2, "reference"),
        (["undo", "999"], 4, "thresher history"),
        (["song", "show", "NOTHING"], 4, "thresher song save"),
        (["song", "save", "NOTHING"], 4, "QUERY"),
        (["song", "save", "A", "epoch:20..", "--order", "sorted"], 2, "pairs"),
        (["song", "save", "A", "epoch:20..", "--length", "long"], 2, "length"),
        (["song", "save", "A", "epoch:20..", "--channels", "3"], 2, "1 or 2"),
        (["score", "--metric", "ears"], 2, f"expected {any_of(METRICS)}"),
        (["song", "save", "A", "epoch:20..", "--order", "ecore-"], 2, "epoch"),
        (["reanalyse", "epoch:999"], 4, "thresher list"),
        (["ingest", "clips", "--set", "epoch=7"], 2, "--epoch 7"),
        (["list", "epoch:20...30"], 2, "dots"),
        (["list", "--json", "--format", "csv"], 2, "contradict"),
        (["list", "--json", "--paths0"], 2, "--paths0"),
        (["list", "--limit", str(10**19)], 2, "limit"),
        (["undo", str(10**19)], 4, "thresher history"),
        (["modify", "3", "mood=a", "mood=b"], 2, "twice"),
        (["init", "catalog.toml"], 3, "thresher init FOLDER"),
        (["forget", "batch:99"], 4, "thresher batches"),
        (["forget", "clips"], 2, "--yes"),
        (["--catalog", "no.toml", "list"], 3, "no.toml"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_errors_are_one_sentence_with_the_right_code(
    home: Path, arguments: list[str], code: int, words: str
) -> None:
    done = run_command(*arguments, cwd=home)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def _paths_of_commands() -> Iterator[list[str]]:
    """Yield a command line with an empty path for each parameter of a command that takes paths."""
    for words, command in commands():
        required = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
        for parameter in command.params:
            if parameter.type.name not in ("path", "file"):
                continue
            if parameter.param_type_name == "option":
                yield [*words, parameter.opts[0], "", *["1" for each in required if each.required]]
            else:
                yield [*words, *["" if each is parameter else "1" for each in required]]


def test_an_empty_path_is_refused_and_not_taken_for_the_current_folder(home: Path) -> None:
    lines = [["--catalog", "", "list"], *_paths_of_commands()]
    assert ["ingest", ""] in lines
    assert len(lines) > 20
    before = sorted(home.iterdir())
    for line in lines:
        done = run_command(*line, cwd=home)
        assert (done.returncode, done.stdout) == (2, ""), line
        assert "is empty; give a file or folder" in done.stderr, line
    assert sorted(home.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["list", "--catalog", "x.toml"], "belongs before the command: thresher --catalog FILE list"),
        (["song", "list", "--debug"], "belongs before the command: thresher --debug song list"),
        (["show", "-1"], "write -- before values that begin with a dash: thresher show -- …"),
        (["song", "save", "-dash", "epoch:3"], "thresher song save -- …"),
    ],
)
def test_an_option_at_the_wrong_place_names_the_right_one(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    done = run_command(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr


def test_a_misspelt_option_is_not_taken_for_a_value(tmp_path: Path) -> None:
    assert "--limit" in run_command("list", "--limt", "3", cwd=tmp_path).stderr
    for arguments in (["list", "--limt", "3"], ["stats", "-x"]):
        assert "-- before" not in run_command(*arguments, cwd=tmp_path).stderr


@pytest.mark.parametrize(
    ("command", "rows"), [(["list"], 6), (["history"], 3), (["near", "3", "--metric", "likeness"], 5)]
)
def test_a_table_shows_as_many_rows_as_limit_says(
    home_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], rows: int
) -> None:
    copy_folder(home_template, tmp_path)
    for rating in ("1", "2", "3"):
        assert run_command("rate", "3", rating, cwd=tmp_path).returncode == 0
    monkeypatch.setattr(output, "TABLE_ROWS", 1)
    done = run_command(*command, "--limit", "100", cwd=tmp_path)
    assert len(done.stdout.splitlines()) == 2 + rows
    assert "more row" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["watch", "nowhere", "--once"], "create it first"),
        (["ingest", "nowhere"], "give another path"),
        (["names", "nowhere"], "give another path"),
        (["--catalog", "clips", "list"], 'there is no catalog.toml in "clips"; `thresher init`'),
        (["--catalog", "clips/death_epoch_10_0.wav", "list"], "name another catalog.toml"),
        (["restore", "catalog.toml"], "`thresher backup --list` shows the backups"),
        (["import-catalog", "catalog.toml"], "`thresher export-catalog FILE` writes such files"),
        (["song", "reproduce", "catalog.toml"], "`thresher song render NAME --manifest` writes a manifest"),
        (["song", "show", "x"], "there is none yet; `thresher song save NAME QUERY` makes one"),
        (["query", "show", "x"], "there is none yet; `thresher query save NAME QUERY` makes one"),
        (["list", "query:x"], "there is none yet; `thresher query save NAME QUERY` makes one"),
        (["near", "catalog.toml"], "give a clip, or a file with sound"),
        (["mark", "3", "--labels", "catalog.toml"], "File > Export Other > Export Labels"),
        (["mark", "3", "--labels", "clips"], "File > Export Other > Export Labels"),
        (["mark", "it's"], """`thresher mark 'it'"'"'s' START END`"""),
        (["tag", "3", "--add", "x", "--remove", "x"], "give --add or --remove"),
        (["modify", "3", "mood=a", "mood=b"], "give it once"),
        (["modify", "3", "epoch=-1"], "epoch -1 is out of range (expected 0 to"),
        (["modify", "3", f"step={10**30}"], f"step {10**30} is out of range (expected 0 to"),
        (["song", "save", "A", "id:3", "--rate", str(10**30)], "is out of range"),
        (["song", "save", "A", "id:3", "--rate", "x"], "is not a whole number (expected digits"),
        (["song", "save", "A", "id:3", "--lufs", "x"], "is not a number (expected one such as -14"),
        (["song", "save", "A", "id:3", "--cover", "x.png"], "give another --cover FILE"),
        (["serve", "--password-file", "clips"], "give another --password-file"),
        (["serve", "--host", "nowhere.invalid"], "give --host an address of it, such as 127.0.0.1"),
        (["report", "-o", "/proc/report.html"], "give a file in a folder that you may write to"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_an_error_says_what_to_do(home: Path, arguments: list[str], remedy: str) -> None:
    done = run_command(*arguments, cwd=home)
    assert done.returncode > 0
    assert done.stdout == ""
    assert remedy in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_a_query_that_selects_from_itself_is_named_once(home_template: Path, tmp_path: Path) -> None:
    copy_folder(home_template, tmp_path)
    for name, query in (("a", "epoch:20"), ("b", "query:a"), ("c", "query:b")):
        assert run_command("query", "save", name, query, cwd=tmp_path).returncode == 0
    said = run_command("query", "save", "a", "query:c", cwd=tmp_path).stderr
    assert said == (
        "error: query, character 7: query: "
        'the saved query "a" selects from itself: a → c → b → a; give another query\n'
    )


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        (["report", "-o", "out/r.html"], "out/r.html"),
        (["song", "render", "BONE", "-o", "out/b.wav", "--manifest"], "out/b.wav"),
        (["song", "export", "BONE", "out/b.cue"], "out/b.cue"),
        (["song", "export", "BONE", "--stems", "out/stems"], "out/stems"),
        (["song", "reproduce", "m.json", "--files", "clips", "-o", "out/m.wav"], "out/m.wav"),
        (["export", "3", "--to", "out/clips"], "out/clips"),
        (["backup"], "catalog-"),
        (["backup", "--list"], "  catalog-"),
        (["mark", "3", "--export", "out/m.txt"], "out/m.txt"),
        (["listen", "-o", "out/l.m3u8"], "out/l.m3u8"),
        (["export-catalog", "out/c.jsonl"], "out/c.jsonl"),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, list) else "",
)
def test_a_file_below_the_current_folder_is_named_from_there(
    home_template: Path, tmp_path: Path, arguments: list[str], written: str
) -> None:
    copy_folder(home_template, tmp_path)
    (tmp_path / "out").mkdir()
    for line in (
        ["mark", "3", "1", "3"],
        ["song", "save", "BONE", "status:ok"],
        ["song", "export", "BONE", "m.json"],
        ["backup"],
        ["rate", "3", "4"],
    ):
        assert run_command(*line, cwd=tmp_path).returncode == 0, line
    done = run_command(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert written in done.stdout
    assert str(tmp_path) not in done.stdout + done.stderr


def test_debug_shows_the_traceback(home: Path) -> None:
    done = run_process("--debug", "show", "999", cwd=home)
    assert "Traceback" in done.stderr


def test_a_broken_setting_names_file_key_and_value(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "catalog.toml"
    file.write_text('[trim]\ntop_db = "fifty"\n')
    done = run_command("--catalog", file, "list", cwd=home)
    assert done.returncode == 3
    assert "catalog.toml" in done.stderr
    assert "top_db" in done.stderr
    assert "fifty" in done.stderr


def test_checkpoints_stats_batches_and_fields(home: Path) -> None:
    rows = json.loads(run_command("checkpoints", "--json", cwd=home).stdout)
    assert [(row["run"], row["epoch"], row["files"]) for row in rows] == [
        ("death", 1, 1),
        ("death", 2, 1),
        ("death", 10, 2),
        ("death", 20, 2),
        ("death", 30, 2),
    ]
    assert rows[0]["statuses"] == {"silent": 1.0}
    assert json.loads(run_command("stats", "--json", cwd=home).stdout)["recordings"]["ok"] == 6
    assert json.loads(run_command("batches", "--json", cwd=home).stdout)[0]["added"] == 8
    fields = json.loads(run_command("fields", "--json", cwd=home).stdout)
    assert {"epoch", "rating", "score", "index"} <= {row["name"] for row in fields}


def test_a_song_from_saving_to_deleting(home: Path) -> None:
    assert run_command("song", "save", "DOMAINAL SKELETON", "epoch:10..", cwd=home).returncode == 0
    dry = run_command("song", "render", "DOMAINAL SKELETON", "--dry-run", cwd=home)
    assert "would be a new rendering" in dry.stdout
    assert not (home / "DOMAINAL SKELETON.wav").exists()
    first = run_command("song", "render", "DOMAINAL SKELETON", cwd=home)
    assert "rendering 1" in first.stdout, first.stderr
    before = (home / "DOMAINAL SKELETON.wav").read_bytes()
    again = run_command("song", "render", "DOMAINAL SKELETON", cwd=home)
    assert "the same as when rendering 1 was first made" in again.stdout
    assert (home / "DOMAINAL SKELETON.wav").read_bytes() == before
    shown = run_command("song", "show", "DOMAINAL SKELETON", cwd=home).stdout
    assert "death e30" in shown
    assert "1: nothing changed" in shown
    assert run_command("song", "rename", "DOMAINAL SKELETON", "ANIMATRONICS", cwd=home).returncode == 0
    listed = json.loads(run_command("song", "list", "--json", cwd=home).stdout)
    assert [(row["name"], row["clips"], row["renderings"]) for row in listed] == [("ANIMATRONICS", 6, 1)]
    assert run_command("song", "delete", "ANIMATRONICS", cwd=home).returncode == 0
    assert json.loads(run_command("song", "list", "--json", cwd=home).stdout) == []
    assert run_command("undo", cwd=home).returncode == 0
    assert len(json.loads(run_command("song", "list", "--json", cwd=home).stdout)) == 1


def test_the_catalog_is_found_from_below_and_by_the_environment(home: Path, tmp_path: Path) -> None:
    assert run_command("stats", cwd=home / "clips").returncode == 0
    assert run_command("stats", cwd=tmp_path, THRESHER_CATALOG=str(home / "catalog.toml")).returncode == 0


def test_a_command_loads_only_the_module_that_defines_it() -> None:
    code = (
        "import sys\n"
        "from thresher.interfaces.cli import main\n"
        "before = set(sys.modules)\n"
        "main._register(['--catalog', 'ingest', '--debug', 'stats', 'list'])\n"
        "print(*(name for name in set(sys.modules) - before))\n"
    )
    loaded = {name.rpartition(".")[2] for name in run_python(code).stdout.split()}
    assert loaded & set(MODULES.values()) == {"stats"}


@pytest.mark.parametrize(
    "arguments",
    [["--help"], [], ["nonsense"], ["--catalog", "list", "nonsense"], ["--catalog", "x", "--debug"]],
)
def test_without_a_command_all_commands_are_loaded(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(main, "import_module", lambda name: loaded.append(name.rpartition(".")[2]))
    main._register(arguments)
    assert loaded == list(MODULES.values())


def test_help_lists_all_commands(tmp_path: Path) -> None:
    done = run_process("--help", cwd=tmp_path)
    assert all(command in done.stdout for command in MODULES)
    assert "no such command 'nonsense'" in run_command("nonsense", cwd=tmp_path).stderr


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("backup", "Default: in [backup] folder"),
        ("export", "Default: [song] fade."),
        ("ingest", "Default: [trim] split of catalog.toml."),
        ("near", "Default: [metrics] default in catalog.toml."),
        ("split", "Default: [trim] split_seconds."),
    ],
)
def test_help_shows_words_in_square_brackets(tmp_path: Path, command: str, text: str) -> None:
    done = run_command(command, "--help", cwd=tmp_path, COLUMNS="400")
    assert text in " ".join(done.stdout.split())


def test_the_usage_shows_no_hidden_argument(tmp_path: Path) -> None:
    done = run_command("song", "render", "--help", cwd=tmp_path)
    assert "thresher song render [OPTIONS] [NAME]\n" in done.stdout.replace(" \n", "\n").replace("  ", "")
    assert "former" not in done.stdout


@pytest.mark.parametrize("words", [["--help"], ["song", "save", "--help"], ["fields"]], ids=" ".join)
def test_a_closed_pipe_ends_a_help_text_without_error(home: Path, words: list[str]) -> None:
    process = subprocess.Popen(
        [*COMMAND, *words], cwd=home, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait() == 0


@pytest.mark.parametrize(
    ("closing", "line", "code", "said"),
    [
        ("<&-", "forget clips", 2, "(no terminal to ask at; use --yes to confirm)"),
        ("2>&-", "list", 0, ""),
        (">&-", "list", 0, ""),
        ("<&- >&- 2>&-", "ingest clips --dry-run", 0, ""),
    ],
)
def test_closed_streams_change_nothing_but_what_is_read_and_said(
    home: Path, closing: str, line: str, code: int, said: str
) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$@" {closing}', "sh", *COMMAND, *line.split()],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "unexpected" in done.stderr) == (code, False), done.stderr
    assert said in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("line", ["rate 1 4", "rate 1 4 --json", "list", "list --format jsonl", "--help"])
def test_output_that_cannot_be_written_is_one_sentence_and_what_was_decided_is_kept(
    home_template: Path, tmp_path: Path, line: str, buffered: bool
) -> None:
    copy_folder(home_template, tmp_path)
    variables = environment() if buffered else environment(PYTHONUNBUFFERED="1")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, *line.split()],
            cwd=tmp_path,
            env=variables,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    errors = [said for said in done.stderr.splitlines() if "reverts it" not in said]
    assert done.returncode == 1
    assert errors == [
        f"error: the output can't be written ({os.strerror(errno.ENOSPC)}); changes that the command made are "
        "kept: see `thresher history` before you run it again"
    ]
    decided = json.loads(run_command("history", "--json", cwd=tmp_path).stdout)
    assert len(decided) == line.startswith("rate")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
@pytest.mark.parametrize(("line", "code"), [("rate 1 4", 0), ("rate 1 9", 2), ("show 99", 4)])
def test_messages_that_cannot_be_written_change_neither_the_work_nor_the_exit_code(
    home_template: Path, tmp_path: Path, line: str, code: int
) -> None:
    copy_folder(home_template, tmp_path)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, *line.split()], cwd=tmp_path, env=environment(), stderr=full, check=False
        )
    assert done.returncode == code


@pytest.mark.parametrize("repeated", [1, 400])
def test_a_closed_pipe_ends_a_command_without_error(home: Path, repeated: int) -> None:
    """Whether the output fits into what Python and the system keep of it, or not."""
    code = (
        "import sys\n"
        "from thresher.interfaces.cli import main\n"
        "from thresher.curation.clips import listing\n"
        "found = listing.list_clips\n"
        f"listing.list_clips = lambda *given, **options: found(*given, **options) * {repeated}\n"
        "sys.exit(main.run(['list', '--format', 'jsonl']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 0


def test_saving_a_song_keeps_the_pins_that_are_not_given(home: Path) -> None:
    def order(*options: str) -> str:
        done = run_command("song", "save", "S", *options, "--json", cwd=home)
        assert done.returncode == 0, done.stderr
        return str(json.loads(done.stdout)["settings"]["ordering"])

    assert order("id:3..8", "--start", "3", "--end", "4") == "chain:3..4"
    assert order("--start", "5") == "chain:5..4"
    assert order("--end", "6") == "chain:5..6"
    assert order("--order", "chain", "--end", "3") == "chain:..3"
    assert order("--order", "pairs") == "pairs"
    assert order("--start", "5") == "chain:5.."


@pytest.mark.long
def test_after_ctrl_c_the_next_ingest_continues(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    for number in range(24):
        soundfile.write(tmp_path / "clips" / f"a_epoch_{number}.wav", riff(number), RATE)
    assert run_command("init", cwd=tmp_path).returncode == 0
    (tmp_path / "catalog.toml").write_text('[ingest]\nexecutor = "serial"\ngroup = 4\n')
    code = (
        "import sys, time\n"
        "from thresher.curation.ingest import reading\n"
        "from thresher.interfaces.cli import main\n"
        "analyse, begun = reading.analyse_file, []\n"
        "def slowly(task):\n"
        "    begun.append(task)\n"
        "    time.sleep(0.1 if len(begun) < 12 else 120)\n"  # the signal comes before the end, however late
        "    return analyse(task)\n"
        "reading.analyse_file = slowly\n"
        "sys.exit(main.run(['ingest', 'clips']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not json.loads(run_command("list", "--json", cwd=tmp_path).stdout):
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert errors == "interrupted; finished work is saved; run the same command again to complete it\n"
    assert output == ""
    (interrupted,) = json.loads(run_command("batches", "--json", cwd=tmp_path).stdout)
    stayed = len(json.loads(run_command("list", "--json", cwd=tmp_path).stdout))
    assert 4 <= stayed < 24
    assert interrupted["added"] == stayed
    assert interrupted["finished_at"] is None
    done = run_command("ingest", "clips", cwd=tmp_path)
    assert f"{24 - stayed} new, {stayed} unchanged" in done.stdout
    assert "24 clips scored in 276 comparisons" in done.stdout


def test_a_catalog_can_be_named_by_its_folder(home: Path, tmp_path: Path) -> None:
    done = run_command("--catalog", home, "list", "--json", cwd=tmp_path)
    assert [row["id"] for row in json.loads(done.stdout)] == [3, 4, 5, 6, 7, 8]
    done = run_command("--catalog", tmp_path, "list", cwd=home)
    assert done.returncode == 3
    assert "there is no catalog.toml in" in done.stderr
