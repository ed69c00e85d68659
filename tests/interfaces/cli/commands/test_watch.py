"""`thresher watch` in real processes, stopped by signals."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import (
    COMMAND,
    Finished,
    MakeCatalog,
    WriteClip,
    copy_folder,
    environment,
    run_command,
    run_process,
)

DEADLINE = 120.0
"""Seconds to wait for a condition or an end, on a machine with any load."""


def at_home(home: Path) -> dict[str, str]:
    """Return the variables of a user whose trash is the test's own."""
    return {"HOME": str(home), "XDG_DATA_HOME": str(home / ".data")}


def thresher(*arguments: str, cwd: Path) -> Finished:
    return run_command(*arguments, cwd=cwd, **at_home(cwd))


@pytest.fixture(scope="module")
def template(
    tmp_path_factory: pytest.TempPathFactory, new_catalog: MakeCatalog, write_clip: WriteClip
) -> Path:
    """A catalog of three clips, of which 1 and 2 are rejected."""
    folder = tmp_path_factory.mktemp("template")
    for index in range(3):
        write_clip(folder / f"clips/r_epoch_1_{index}.wav", index, 3.0)
    new_catalog(folder).close()
    (folder / "catalog.toml").write_text('[metrics]\nuse = ["prefix"]\n')
    assert run_command("ingest", "clips", "--jobs", "1", cwd=folder).returncode == 0
    assert run_command("reject", "1", "2", cwd=folder).returncode == 0
    return folder


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    """A copy of the template."""
    if sys.platform != "linux":
        pytest.skip("only there can a test have a trash of its own")
    copy_folder(template, tmp_path)
    return tmp_path


class Watching:
    """A running `thresher watch` whose output goes to files."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.out, self.err = home / "watch.out", home / "watch.err"
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                [*COMMAND, "watch", *arguments],
                cwd=home,
                env=environment(**at_home(home)),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; fail if the process ends first or the deadline passes."""
        end = time.monotonic() + DEADLINE
        while not condition():
            assert self.process.poll() is None, self.err.read_text()
            assert time.monotonic() < end, self.out.read_text() + self.err.read_text()
            time.sleep(0.05)

    def stop(self, by: signal.Signals) -> int:
        self.process.send_signal(by)
        return self.process.wait(DEADLINE)


@pytest.fixture
def watching(home: Path) -> Iterator[Callable[..., Watching]]:
    started: list[Watching] = []

    def start(*arguments: str) -> Watching:
        started.append(Watching(home, *arguments))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()


@pytest.mark.long
def test_watch_ingests_each_file_once_it_is_written_until_it_is_stopped(
    home: Path, watching: Callable[..., Watching], write_clip: Any
) -> None:
    whole = write_clip(home / "elsewhere/whole.wav", 7, 20.0).read_bytes()
    first = write_clip(home / "elsewhere/first.wav", 8, 3.0).read_bytes()
    watch = watching("clips", "--every", "0.1", "--quiet", "1.5", "--jobs", "1")
    (home / "clips/first.wav").write_bytes(first)
    watch.until(lambda: "batch 2: " in watch.out.read_text())  # the copied files are hashed again

    step = len(whole) // 50
    with (home / "clips/grown.wav").open("wb", buffering=0) as file:  # this takes longer than a quiet period
        for start in range(0, len(whole), step):
            file.write(whole[start : start + step])
            time.sleep(0.05)
    watch.until(lambda: "batch 3: 1 file" in watch.out.read_text())

    (home / "clips").rename(home / "away")
    watch.until(lambda: "no file is marked missing" in watch.err.read_text())
    (home / "away").rename(home / "clips")
    watch.until(lambda: "clips is back" in watch.err.read_text())
    assert thresher("rate", "5", "4", cwd=home).returncode == 0  # a watch does not lock the catalog
    assert watch.stop(signal.SIGTERM) == 0
    assert watch.out.read_text().splitlines()[-1] == "watched: 2 batches, 2 new clips, 0 copies"
    assert len(watch.err.read_text().splitlines()) == 2

    rows = json.loads(thresher("list", "batch:3", "--json", cwd=home).stdout)
    assert [(row["path"], row["status"]) for row in rows] == [("clips/grown.wav", "ok")]
    assert round(rows[0]["seconds"]) == 20
    assert thresher("list", "status:truncated", cwd=home).stdout == ""
    assert thresher("list", "missing:yes", "rejected:", cwd=home).stdout == ""
    done = thresher("ingest", "clips", cwd=home)
    assert "5 unchanged" in done.stdout


@pytest.mark.long
def test_ctrl_c_ends_a_watch_with_its_totals(home: Path, watching: Callable[..., Watching]) -> None:
    (home / "clips/text.wav").write_text("no audio")
    watch = watching("clips", "--every", "0.05", "--quiet", "0.1", "--jobs", "1", "--run", "night")
    watch.until(lambda: "text.wav: unreadable" in watch.err.read_text())
    assert watch.stop(signal.SIGINT) == 0
    assert watch.out.read_text().splitlines()[-1].startswith("watched: 1 batch, 1 new clip, 0 copies, 1 file")


@pytest.mark.long
def test_watch_once_ends_when_nothing_new_is_left(home: Path, write_clip: Any) -> None:
    options = ("--once", "--every", "0.05", "--quiet", "0.1", "--jobs", "1")
    done = run_process("watch", "clips", *options, cwd=home, variables=at_home(home))
    assert done.stdout == "watched: 0 batches, 0 new clips, 0 copies\n"
    write_clip(home / "clips/a.wav", 9, 3.0)
    done = thresher("watch", "clips", *options, "--epoch", "7", "--set", "heat=0.9", cwd=home)
    assert done.returncode == 0, done.stderr
    assert "batch 2: 1 file" in done.stdout
    assert "a.wav" in thresher("list", "epoch:7", "heat:0.9", cwd=home).stdout
    (home / "clips/text.wav").write_text("no audio")
    assert thresher("watch", "clips", *options, cwd=home).returncode == 5
    assert thresher("watch", "nowhere", cwd=home).returncode == 4
    assert thresher("watch", "clips/a.wav", cwd=home).returncode == 2
    assert thresher("watch", "clips", "--quiet", "0", cwd=home).returncode == 2
