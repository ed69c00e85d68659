"""The command line: what a command prints on which stream, and its exit code.

Tests run a process of their own where signals, tracebacks, imports or a program on PATH matter.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support import RATE, run_command, run_process, run_python
from thresher.interfaces.cli.commands import MODULES


def riff(seed: int, seconds: float = 4.0) -> np.ndarray:
    """A seeded run of tones, each of another pitch, at half of full scale."""
    generator = np.random.default_rng(seed)
    pitches = generator.uniform(80, 1200, size=16)
    per_note = int(seconds * RATE / len(pitches))
    time = np.arange(per_note) / RATE
    notes = [np.sin(2 * np.pi * pitch * time) for pitch in pitches]
    return (0.4 * np.concatenate(notes) + 0.05 * generator.normal(size=per_note * 16)).astype(np.float32)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a catalog of six clips of three checkpoints, one silent, one broken."""
    folder = tmp_path_factory.mktemp("home")
    clips = folder / "clips"
    clips.mkdir()
    for epoch in (10, 20, 30):
        for index in range(2):
            soundfile.write(clips / f"death_epoch_{epoch}_{index}.wav", riff(epoch + index), RATE)
    soundfile.write(clips / "death_epoch_01_0.wav", np.zeros(4 * RATE, np.float32), RATE)
    (clips / "death_epoch_02_0.wav").write_text("this is no audio")
    assert run_process("init", cwd=folder).returncode == 0
    done = run_process("ingest", "clips", "--jobs", "1", cwd=folder)
    assert done.returncode == 5, done.stderr
    assert "death_epoch_02_0.wav: unreadable" in done.stderr
    assert "7 new" not in done.stdout
    assert "8 new" in done.stdout
    assert "15 comparisons" in done.stdout
    return folder


def test_without_a_catalog_every_command_names_init(tmp_path: Path) -> None:
    done = run_process("list", cwd=tmp_path)
    assert done.returncode == 3
    assert "thresher init" in done.stderr
    assert done.stdout == ""


def test_init_refuses_to_start_twice(home: Path) -> None:
    before = (home / "catalog.toml").read_bytes()
    done = run_command("init", cwd=home)
    assert done.returncode == 3
    assert "exists already" in done.stderr
    assert (home / "catalog.toml").read_bytes() == before


def test_a_known_failure_is_reported_once(home: Path) -> None:
    done = run_command("ingest", "clips", cwd=home)
    assert done.returncode == 0, done.stderr
    assert "8 unchanged" in done.stdout


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
        (["rate", "epoch:999", "3"], 4, "no clip matches"),
        (["tag", "3"], 2, "--add"),
        (["modify", "3", "id=4"], 2, "id"),
        (["modify", "3", "epoch=x"], 2, "epoch"),
        (["ingest", "clips", "--set", "rating=4"], 2, "rating"),
        (["ingest", "clips", "--role", "dog"], 2, "reference"),
        (["undo", "999"], 4, "thresher history"),
        (["song", "show", "NOTHING"], 4, "thresher song list"),
        (["song", "save", "NOTHING"], 4, "QUERY"),
        (["song", "save", "A", "epoch:20..", "--order", "sorted"], 2, "pairs"),
        (["song", "save", "A", "epoch:20..", "--length", "long"], 2, "length"),
        (["song", "save", "A", "epoch:20..", "--channels", "3"], 2, "1 or 2"),
        (["score", "--metric", "ears"], 2, "--metric prefix"),
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


def test_judging_and_undoing(home: Path) -> None:
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


def test_markup_and_html_in_notes_and_tags_are_data(home: Path) -> None:
    text = "[red]loud[/red] <script>alert(1)</script>"
    assert run_command("note", "4", text, cwd=home).returncode == 0
    assert run_command("tag", "4", "--add", "[bold]riff", cwd=home).returncode == 0
    shown = run_command("show", "4", cwd=home).stdout
    assert text in shown
    assert "[bold]riff" in run_command("list", "4", cwd=home).stdout
    assert run_command("undo", cwd=home).returncode == 0
    assert run_command("undo", cwd=home).returncode == 0


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


def test_play_without_a_player_says_what_to_install(home: Path) -> None:
    done = run_process("play", "3", cwd=home, variables={"PATH": "/nonexistent"})
    assert done.returncode == 1
    assert "install" in done.stderr


def test_play_hands_the_trimmed_span_to_the_player(home: Path, tmp_path: Path) -> None:
    player = tmp_path / "aplay"
    player.write_text(f'#!/bin/sh\nfor last; do :; done\n/bin/cp "$last" {tmp_path}/heard.wav\n')
    player.chmod(0o755)
    done = run_process("play", "3", cwd=home, variables={"PATH": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    heard, rate = soundfile.read(tmp_path / "heard.wav")
    clip = json.loads(run_process("show", "3", "--json", cwd=home).stdout)["clip"]
    assert rate == RATE
    assert len(heard) == round(clip["seconds"] * RATE)


def test_the_catalog_is_found_from_below_and_by_the_environment(home: Path, tmp_path: Path) -> None:
    assert run_command("stats", cwd=home / "clips").returncode == 0
    assert run_command("stats", cwd=tmp_path, THRESHER_CATALOG=str(home / "catalog.toml")).returncode == 0


def test_each_command_lies_where_the_program_looks_for_it() -> None:
    """In a process each, which sees what one module registers."""
    code = (
        "import sys\n"
        "from importlib import import_module\n"
        "from thresher.interfaces.cli.app import app\n"
        "import_module(f'thresher.interfaces.cli.{sys.argv[1]}')\n"
        "from typer.main import get_command\n"
        "print(*get_command(app).commands)\n"
    )
    registered = {module: set(run_python(code, module).stdout.split()) for module in set(MODULES.values())}
    # the demo also registers the commands that it runs
    others = set().union(*(commands for module, commands in registered.items() if module != "demo"))
    assert registered["demo"] - others == {"demo"}
    registered["demo"] = {"demo"}
    assert registered == {
        module: {command for command in MODULES if MODULES[command] == module} for module in registered
    }


@pytest.mark.parametrize(
    "arguments",
    [["--help"], [], ["nonsense"], ["--catalog", "list", "nonsense"], ["--catalog", "x", "--debug"]],
)
def test_where_no_command_is_named_all_are_known(tmp_path: Path, arguments: list[str]) -> None:
    done = run_process(*arguments, "--help", cwd=tmp_path)
    shown = done.stdout + done.stderr
    if "nonsense" in arguments:
        assert "No such command 'nonsense'" in shown
    else:
        assert all(command in shown for command in MODULES)


@pytest.mark.parametrize("repeated", [1, 400])
def test_a_closed_pipe_is_no_failure(home: Path, repeated: int) -> None:
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


def test_a_pin_that_is_not_given_stays(home: Path) -> None:
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


def test_ctrl_c_says_what_stays_and_the_next_ingest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    for number in range(24):
        soundfile.write(tmp_path / "clips" / f"a_epoch_{number}.wav", riff(number), RATE)
    assert run_process("init", cwd=tmp_path).returncode == 0
    (tmp_path / "catalog.toml").write_text('[ingest]\nexecutor = "serial"\ngroup = 4\n')
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs ignore it
        "from thresher.curation.ingest import ingest\n"
        "from thresher.interfaces.cli import main\n"
        "analyse, begun = ingest.analyse, []\n"
        "def slowly(task):\n"
        "    begun.append(task)\n"
        "    time.sleep(0.1 if len(begun) < 12 else 120)\n"  # the signal comes before the end, however late
        "    return analyse(task)\n"
        "ingest.analyse = slowly\n"
        "sys.exit(main.run(['ingest', 'clips']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not json.loads(run_process("list", "--json", cwd=tmp_path).stdout):
        pass
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert errors == "interrupted; finished work is saved, and the same command continues from there\n"
    assert output == ""
    (interrupted,) = json.loads(run_process("batches", "--json", cwd=tmp_path).stdout)
    stayed = len(json.loads(run_process("list", "--json", cwd=tmp_path).stdout))
    assert 4 <= stayed < 24
    assert interrupted["added"] == stayed
    assert interrupted["finished_at"] is None
    done = run_process("ingest", "clips", cwd=tmp_path)
    assert f"{24 - stayed} new, {stayed} unchanged" in done.stdout
    assert "24 clips scored in 276 comparisons" in done.stdout


def test_nothing_that_is_shown_moves_the_cursor(home: Path) -> None:
    assert run_command("note", "4", "\x1b[2Jgone\nnext line", cwd=home).returncode == 0
    shown = run_command("show", "4", cwd=home).stdout
    assert "\\x1b[2Jgone\\nnext line" in shown
    for done in (run_command("history", cwd=home), run_command("undo", cwd=home)):
        assert done.returncode == 0
        assert "\x1b" not in done.stdout + done.stderr


def test_a_catalog_may_be_named_by_its_folder(home: Path, tmp_path: Path) -> None:
    done = run_command("--catalog", home, "list", "--json", cwd=tmp_path)
    assert [row["id"] for row in json.loads(done.stdout)] == [3, 4, 5, 6, 7, 8]
    done = run_command("--catalog", tmp_path, "list", cwd=home)
    assert done.returncode == 3
    assert "there is no file" in done.stderr


def test_a_lost_database_is_made_anew_by_the_command_that_is_named(tmp_path: Path) -> None:
    assert run_command("init", cwd=tmp_path).returncode == 0
    (tmp_path / "catalog.toml").write_text("[trim]\ntop_db = 33.0\n")
    (tmp_path / "catalog.db").rename(tmp_path / "moved.db")
    lost = run_command("list", cwd=tmp_path)
    assert (lost.returncode, "`thresher init`" in lost.stderr) == (3, True)
    assert run_command("init", cwd=tmp_path).returncode == 0
    assert run_command("list", cwd=tmp_path).returncode == 0
    assert "33" in run_command("config", cwd=tmp_path).stdout


def test_what_a_listing_leaves_out_is_hinted_at(home: Path) -> None:
    assert "1 matching clip hidden" in run_command("list", "1", cwd=home).stderr
    assert run_command("list", "epoch:999", cwd=home).stderr == "nothing found\n"


def test_dry_runs_of_scoring_and_analysis_tell_and_change_nothing(home: Path, tmp_path: Path) -> None:
    def state() -> str:
        return run_command("stats", "--json", cwd=home).stdout

    soundfile.write(tmp_path / "new.wav", riff(77), RATE)
    assert run_command("ingest", tmp_path / "new.wav", "--no-score", cwd=home).returncode == 0
    before = state()
    assert "1 clip would be scored in 6 comparisons" in run_command("score", "--dry-run", cwd=home).stdout
    assert "2 recordings would be" in run_command("reanalyse", "epoch:20", "--dry-run", cwd=home).stdout
    assert state() == before
    assert "1 clip scored in 6 comparisons" in run_command("score", cwd=home).stdout
    assert run_command("forget", tmp_path / "new.wav", "--yes", cwd=home).returncode == 0


def test_forget_takes_back_an_ingest(home: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    soundfile.write(wrong / "a.wav", riff(99), RATE)
    assert run_command("ingest", wrong, cwd=home).returncode == 0
    assert json.loads(run_command("list", "--json", cwd=home).stdout)[-1]["path"].endswith("a.wav")
    assert "would be" in run_command("forget", wrong, "--dry-run", cwd=home).stdout
    assert run_command("forget", wrong, "--yes", cwd=home).returncode == 0
    assert (wrong / "a.wav").exists()
    assert len(json.loads(run_command("list", "--json", cwd=home).stdout)) == 6


def test_the_demo_keeps_out_of_a_catalog_that_is_not_its_own(home: Path) -> None:
    before = run_process("list", "--json", cwd=home).stdout
    done = run_process("demo", ".", cwd=home)
    assert done.returncode == 3
    assert "contains other files" in done.stderr
    assert run_process("list", "--json", cwd=home).stdout == before
    assert not (home / "run").exists()


def test_the_demo_runs_twice_to_the_same_song(tmp_path: Path) -> None:
    first = run_process("demo", "d", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    song = (tmp_path / "d" / "DOMAINAL SKELETON.wav").read_bytes()
    again = run_process("demo", "d", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "43 unchanged" in again.stdout
    assert (tmp_path / "d" / "DOMAINAL SKELETON.wav").read_bytes() == song
