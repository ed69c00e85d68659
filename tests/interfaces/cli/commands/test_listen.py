"""The command `listen`: in a pseudo-terminal with a stand-in for the player, and without both.

The stand-in is a program found on PATH, like any player; tests have no audio device.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest
import soundfile

from tests.support import COMMAND, Finished, copy_folder, environment, run_command, run_process
from thresher.interfaces.cli import main

PATIENCE = 60.0
"""Seconds to wait for output before a test fails."""

PLAYER = """\
#!/bin/sh
for last; do :; done
echo "$last" >> {log}
[ -e {hold} ] || exit {code}
echo $$ > {pid}
/bin/sleep 600 &
wait
"""


@dataclass
class Home:
    """A folder with a catalog of six clips of three checkpoints, and the stand-in."""

    folder: Path

    @property
    def hold(self) -> Path:
        """While this file exists, the stand-in plays without an end; else it ends at once."""
        return self.folder / "hold"

    @property
    def environment(self) -> dict[str, str]:
        return environment(PATH=str(self.folder / "bin"), TMPDIR=str(self.folder / "tmp"))

    def put_player(self, code: int = 0) -> None:
        """Write the stand-in, which ends with that exit code."""
        player = self.folder / "bin" / "aplay"
        text = PLAYER.format(log=self.folder / "played", hold=self.hold, pid=self.folder / "pid", code=code)
        player.write_text(text)
        player.chmod(0o755)

    def ask(self, *arguments: str, expect: int = 0) -> Finished:
        """Run a command that plays nothing, in this process."""
        done = run_command(*arguments, cwd=self.folder, **self.environment)
        assert done.returncode == expect, done.stderr
        return done

    def run(self, *arguments: str, expect: int = 0) -> Finished:
        """Run a command in a process of its own."""
        done = run_process(*arguments, cwd=self.folder, variables=self.environment)
        assert done.returncode == expect, done.stderr
        return done

    def queue(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.ask("listen", "--list", "--json").stdout)
        return rows

    def history(self) -> list[str]:
        """The summaries of the decisions in force, the earliest first."""
        rows = json.loads(self.ask("history", "--json").stdout)
        return [row["summary"] for row in rows if not row["undone_by"] and row["verb"] != "undo"][::-1]

    def played(self) -> list[str]:
        log = self.folder / "played"
        return log.read_text().splitlines() if log.exists() else []

    def leftovers(self) -> list[Path]:
        return list((self.folder / "tmp").iterdir())


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, write_clip: Callable[..., Path]) -> Path:
    folder = tmp_path_factory.mktemp("template")
    for epoch in (1, 2, 3):
        for index in range(2):
            write_clip(folder / "clips" / f"night_epoch_{epoch}_{index}.wav", 10 * epoch + index)
    for each in ("bin", "tmp"):
        (folder / each).mkdir()
    for command in (["init"], ["ingest", "clips", "--jobs", "1"]):
        assert run_command(*command, cwd=folder).returncode == 0
    return folder


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Home:
    copy_folder(template, tmp_path / "home")
    return Home(tmp_path / "home")


class Terminal:
    """A program in a pseudo-terminal, which must have the settings of a shell again when the program ends."""

    def __init__(self, home: Home, *arguments: str) -> None:
        self._own, self._other = pty.openpty()
        self._before = termios.tcgetattr(self._other)
        self._text = ""
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=home.folder,
            env=home.environment,
            stdin=self._other,
            stdout=self._other,
            stderr=self._other,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509  no other thread runs here
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._own)
        os.close(self._other)

    def until(self, wanted: str) -> str:
        """Read the output up to `wanted`, and return what came before it."""
        deadline = time.monotonic() + PATIENCE
        while wanted not in self._text:
            ready, _, _ = select.select([self._own], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{wanted!r} was not printed, but {self._text!r}"
            self._text += os.read(self._own, 65_536).decode("utf-8", "replace")
        said, _, self._text = self._text.partition(wanted)
        return said

    def press(self, keys: str) -> None:
        os.write(self._own, keys.encode())

    def at(self, place: int) -> str:
        """Wait until a clip plays and keys count for it; return the text shown for it."""
        self.until(f"\n{place} of ")
        return self.until("q quit")

    def ends(self) -> int:
        """Wait for the end and return the exit code. Check that the terminal is as it was before."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < deadline
            if select.select([self._own], [], [], 0.05)[0]:
                self._text += os.read(self._own, 65_536).decode("utf-8", "replace")
        assert termios.tcgetattr(self._other) == self._before
        return self.process.returncode

    def is_as_before(self) -> bool:
        return termios.tcgetattr(self._other) == self._before


def _take_terminal() -> None:
    import fcntl

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.long
def test_every_key_of_a_session_works(home: Home) -> None:
    home.put_player()
    home.hold.touch()
    with Terminal(home, "listen", "--minutes", "1") as terminal:
        first = terminal.at(1)
        assert not terminal.is_as_before()
        assert "new checkpoint" in first
        assert "0:24 left · night e1 · clip 1 · 0:04.0" in first
        assert "clips/night_epoch_1_0.wav" in first
        terminal.press("4")
        terminal.until("★★★★")
        terminal.at(2)
        terminal.press("x")
        terminal.at(3)
        terminal.press("r")
        terminal.until("replay")
        terminal.until("q quit")
        terminal.press("b")
        terminal.at(2)
        terminal.press("?")
        terminal.until("undo the last decision")
        terminal.press("u")
        terminal.until("undone")
        terminal.at(2)
        terminal.press("b")
        terminal.at(1)
        terminal.press("n")  # the clip whose decision was undone is next again
        terminal.at(2)
        terminal.press("\x1b[3~")  # the code of the Delete key contains a 3
        terminal.press("2")
        terminal.at(3)
        terminal.press(" ")
        terminal.at(4)
        terminal.press("q")
        terminal.until("2 clips heard; 3 left")
        assert terminal.ends() == 0
    queue = home.queue()
    one, two = queue[0]["id"], queue[1]["id"]
    assert home.history() == [f"listen rate 4: {one}", f"listen rate 2: {two}"]
    assert [row["done"] for row in queue] == [True, True, True, False, False, False]
    assert [(row["rating"], row["rejected"]) for row in queue[:2]] == [(4, False), (2, False)]
    assert queue[2]["heard_at"] is None
    assert home.leftovers() == []
    assert is_gone(int((home.folder / "pid").read_text()))


@pytest.mark.long
def test_keys_pressed_before_a_clip_starts_do_not_rate_it(home: Home) -> None:
    home.put_player()
    home.hold.touch()
    with Terminal(home, "listen", "--minutes", "1") as terminal:
        terminal.at(1)
        terminal.press("44444")
        terminal.at(2)
        terminal.press("q")
        terminal.until("1 clip heard; 5 left")
        assert terminal.ends() == 0
    assert home.history() == ["listen rate 4: 1"]


@pytest.mark.long
def test_a_session_continues_where_the_last_one_stopped(home: Home) -> None:
    home.put_player()
    home.hold.touch()
    with Terminal(home, "listen", "--minutes", "1") as terminal:
        terminal.at(1)
        terminal.press("3")
        terminal.at(2)
        terminal.press("q")
        assert terminal.ends() == 0
    home.hold.unlink()
    with Terminal(home, "listen", "--pause", "0") as terminal:
        terminal.until("continuing: 5 of 6 clips left, 0:20")
        terminal.until("5 clips heard; the queue is finished")
        assert terminal.ends() == 0
    assert len(home.played()) == 7
    assert len(home.history()) == 6
    assert len(json.loads(home.ask("list", "heard:yes", "--json").stdout)) == 6


@pytest.mark.long
def test_a_key_pressed_after_a_clip_ends_still_rates_it(home: Home) -> None:
    home.put_player()
    with Terminal(home, "listen", "--minutes", "1", "--pause", "600") as terminal:
        terminal.at(1)
        assert len(home.played()) == 1
        terminal.press("3")
        terminal.at(2)
        terminal.press("u")
        terminal.at(1)
        terminal.press("5")
        terminal.at(2)
        terminal.press("q")
        terminal.until("2 clips heard; 4 left")
        assert terminal.ends() == 0
    assert home.history() == ["listen rate 5: 1", f"listen: {home.queue()[1]['id']}"]


@pytest.mark.long
def test_a_clip_that_is_left_after_half_of_it_counts_as_heard(
    home: Home, write_clip: Callable[..., Path]
) -> None:
    """Keys that go to the next clip count half a second after the start, when a clip of 0.8 s is half over."""
    home.put_player()
    home.hold.touch()
    write_clip(home.folder / "short" / "night_epoch_4_0.wav", 99, 0.8)
    # in this process: the socket of a worker's server can't have as long a path as the test's temporary folder
    (home.folder / "catalog.toml").write_text('[ingest]\nexecutor = "serial"\n')
    home.ask("ingest", "short")
    with Terminal(home, "listen", "epoch:4") as terminal:
        terminal.at(1)
        terminal.press("n")
        terminal.until("1 clip heard; the queue is finished")
        assert terminal.ends() == 0
    assert home.history() == ["listen: 7"]


@pytest.mark.parametrize(
    ("way", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=str,
)
@pytest.mark.long
def test_a_signal_restores_the_terminal_and_stops_the_player(
    home: Home, way: signal.Signals, code: int
) -> None:
    home.put_player()
    home.hold.touch()
    with Terminal(home, "listen", "--minutes", "1") as terminal:
        terminal.at(1)
        if way is signal.SIGINT:
            terminal.press("\x03")
        else:
            terminal.process.send_signal(way)
        assert terminal.ends() == code
    assert home.leftovers() == []
    assert is_gone(int((home.folder / "pid").read_text()))
    assert home.history() == []


@pytest.mark.parametrize("command", [["listen", "--minutes", "1"], ["play", "1"]], ids=" ".join)
@pytest.mark.long
def test_sigterm_stops_the_player_without_a_terminal(home: Home, command: list[str]) -> None:
    home.put_player()
    home.hold.touch()
    process = subprocess.Popen(
        [*COMMAND, *command],
        cwd=home.folder,
        env=home.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pid = home.folder / "pid"
    deadline = time.monotonic() + PATIENCE
    while not (pid.exists() and pid.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.terminate()
    assert process.wait(PATIENCE) == 143
    assert home.leftovers() == []
    assert is_gone(int(pid.read_text()))


def test_positions_count_from_1_in_the_table_and_in_json(home: Home) -> None:
    table = home.ask("listen", "--list").stdout.splitlines()[2:]
    assert [row["position"] for row in home.queue()] == [int(line.split()[0]) for line in table]
    assert [int(line.split()[0]) for line in table] == [1, 2, 3, 4, 5, 6]


def test_listing_another_query_keeps_the_current_queue(home: Home) -> None:
    """A queue that is only listed does not replace one that is not heard yet."""
    kept = home.queue()
    done = home.ask("listen", "epoch:1", "--list", "--json")
    assert len(json.loads(done.stdout)) < len(kept)
    assert "not stored" in done.stderr
    assert home.queue() == kept


@pytest.mark.long
def test_clips_are_not_heard_if_the_player_fails(home: Home) -> None:
    home.put_player(code=3)
    with Terminal(home, "listen", "--minutes", "1") as terminal:
        terminal.until("aplay could not play clips/night_epoch_1_0.wav (exit code 3)")
        assert terminal.ends() == 1
    assert home.history() == []
    assert home.leftovers() == []
    assert "exit code 3" in home.run("play", "1", expect=1).stderr
    assert home.history() == []


def test_without_a_terminal_the_whole_queue_is_played(home: Home) -> None:
    home.put_player()
    gone = home.folder / "clips" / "night_epoch_1_0.wav"
    home.ask("listen", "--list", "--minutes", "1")
    gone.unlink()
    done = home.run("listen")
    assert "5 clips heard, 1 skipped because their files are missing; the queue is finished" in done.stdout
    assert "clip 1 skipped: the clip's file is missing" in done.stderr
    assert len(home.played()) == 5
    assert {row["id"] for row in json.loads(home.ask("list", "heard:no", "--json").stdout)} == {1}


def test_without_a_player_a_playlist_is_written(home: Home) -> None:
    done = home.run("listen", "--minutes", "1")
    assert done.stdout == "6 clips (0:24) in listen.m3u8\n"
    assert "thresher listen --done" in done.stderr
    assert (home.folder / "listen.m3u8").read_text().count("#EXTINF") == 6
    assert home.ask("listen", "--done").stdout == "decision 1: listen: 6 clips\n"
    assert all(row["heard_at"] for row in home.queue())
    home.ask("undo")
    assert len(json.loads(home.ask("list", "heard:no", "--json").stdout)) == 6


def test_a_playlist_is_written_to_the_given_file(home: Home) -> None:
    home.put_player()
    (home.folder / "mine.m3u8").write_text("keep me")
    assert "exists" in home.ask("listen", "-o", "mine.m3u8", expect=2).stderr
    assert "m3u8" in home.ask("listen", "-o", "mine.txt", expect=2).stderr
    # neither made a queue
    assert "continuing" not in home.ask("listen", "--dry-run").stderr
    home.ask("listen", "epoch:2..", "-o", "two.m3u8")
    assert (home.folder / "two.m3u8").read_text().count("#EXTINF") == 4
    assert home.played() == []


@pytest.mark.long
def test_the_same_options_continue_the_queue_and_others_do_not(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(home.folder)
    monkeypatch.setenv("PATH", home.environment["PATH"])

    def told(*arguments: str, expect: int = 0) -> str:
        assert main.run(["listen", *arguments]) == expect
        return capsys.readouterr().err

    assert "continuing" not in told("epoch:2..", "--minutes", "1", "--dry-run")
    assert "continuing" not in told("epoch:2..", "--minutes", "1", "--list")
    for same in ([], ["epoch:2.."], ["--minutes", "1"], ["epoch:2..", "--minutes", "1"]):
        assert told(*same, "--list") == "continuing: 4 of 4 clips left, 0:16\n"
    assert "not stored: the current queue has 4 clips left" in told("epoch:3", "--list")
    assert "not stored" in told("--minutes", "0.1", "--list")
    assert "continuing: 4 of 4 clips left" in told("--list")
    assert "continuing" not in told("--new", "--list")
    assert "6 clips of 3 checkpoints" in told("--new", "--dry-run")
    assert "--list" in told("--json", expect=2)
    assert "--done" in told("--done", "--new", expect=2)
    assert "epoch:77" in told("epoch:77", expect=4)
    assert "minutes" in told("--minutes", "0", expect=2)


def test_play_marks_its_clip_as_heard_and_undo_reverts_it(home: Home) -> None:
    home.put_player()
    done = home.run("play", "2")
    assert "`thresher undo 1` reverts it" in done.stderr
    assert home.history() == ["play: 2"]
    assert [row["id"] for row in json.loads(home.ask("list", "heard:yes", "--json").stdout)] == [2]
    home.ask("undo")
    assert json.loads(home.ask("list", "heard:yes", "--json").stdout) == []
    assert soundfile.info(home.folder / "clips" / "night_epoch_1_1.wav").frames == 64_000


@pytest.fixture(autouse=True)
def no_player_is_left(tmp_path: Path) -> Iterator[None]:
    """End what a failed test left playing."""
    yield
    pid = tmp_path / "home" / "pid"
    if pid.exists():
        with contextlib.suppress(ProcessLookupError, ValueError):
            os.killpg(int(pid.read_text()), signal.SIGKILL)
