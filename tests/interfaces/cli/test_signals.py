"""Signals end a command in order; the death of a command ends its workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support import run_python
from thresher.catalog.catalog import Catalog
from thresher.interfaces.cli.main import run
from thresher.interfaces.cli.signals import ENDING, Terminated, orderly_end

PATIENCE = 30.0

BUSY = """
import os, sys, time
from thresher.curation.workers import Workers

def work(*_arguments, **_options):
    with Workers("processes:2") as workers:
        pids = workers._submit(eval, "__import__('os').getpid()").result(), workers._executor._processes
        print(os.getpid(), *pids[1], flush=True)
        print("busy", flush=True)
        list(workers.map(time.sleep, ((n, 600.0) for n in range(4))))
"""

COMMAND = """
import thresher.curation.listening.heard, thresher.interfaces.cli.commands.rate as module
from thresher.__main__ import main
import thresher.curation.clips.decisions as decisions
decisions.rate = work
sys.argv = ["thresher", "rate", "1", "3"]
sys.exit(main())
"""


@contextmanager
def busy(
    code: str, folder: Path, ignored: tuple[int, ...] = ()
) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A process whose workers are busy for minutes, and the ids of the workers."""

    def ignore() -> None:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)

    process = subprocess.Popen(
        [sys.executable, "-c", BUSY + code],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=ignore,  # noqa: PLW1509  no threads run here
    )
    assert process.stdout is not None
    pids = [int(word) for word in process.stdout.readline().split()]
    assert process.stdout.readline() == "busy\n"
    try:
        yield process, pids[1:]
    finally:
        for pid in {process.pid, *pids}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + PATIENCE
    while any(map(is_running, pids)):
        assert time.monotonic() < deadline, f"still running: {[*filter(is_running, pids)]}"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_workers_end_with_a_parent_that_is_killed_and_its_output_ends(tmp_path: Path) -> None:
    with busy("work()", tmp_path) as (process, workers):
        process.kill()
        output, _ = process.communicate(timeout=PATIENCE)  # returns when no process holds the pipe
        assert output == ""
        wait_until_gone(workers)


def test_a_signal_ends_a_command_and_its_workers_unless_it_was_ignored_at_the_start(
    catalog: Catalog,
) -> None:
    catalog.close()
    with busy(COMMAND, catalog.root, ignored=(signal.SIGHUP,)) as (process, workers):
        process.send_signal(signal.SIGHUP)  # as `nohup` does
        time.sleep(0.2)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 128 + signal.SIGTERM
        assert errors == "interrupted; finished work is saved; run the same command again to complete it\n"
        assert output == ""
        wait_until_gone(workers)


@pytest.mark.parametrize("number", ENDING)
def test_the_exit_code_names_the_signal(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(_arguments: object) -> int:
        os.kill(os.getpid(), number)
        time.sleep(PATIENCE)
        return 0

    before = signal.getsignal(number)
    monkeypatch.setattr("thresher.interfaces.cli.main._run", stop)
    assert run([]) == 128 + number
    assert capsys.readouterr().err.startswith("interrupted; ")
    assert signal.getsignal(number) == before


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with orderly_end() as ending:
            os.kill(os.getpid(), signal.SIGHUP)
            with pytest.raises(Terminated):
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(PATIENCE)
        assert ending.code == 143
    finally:
        signal.signal(signal.SIGHUP, before)


TWICE = """
import os, signal, sys
from thresher.interfaces.cli import main

class Impatient:
    encoding = "utf-8"

    def write(self, text):
        os.kill(os.getpid(), signal.SIGTERM)

    def flush(self):
        pass

def interrupted(arguments):
    sys.stderr = Impatient()
    os.kill(os.getpid(), signal.SIGHUP)

main._run = interrupted
sys.exit(main.run(["list"]))
"""


def test_a_second_signal_during_the_message_ends_the_command_with_the_code_of_the_first() -> None:
    done = run_python(TWICE)
    assert done.returncode == 128 + signal.SIGHUP
    assert done.stderr == ""
