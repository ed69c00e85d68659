"""Run thresher in child processes, wait for their end, and find and end what is left of them.

A child is forked from this process, which has loaded every module, because loading them takes longer than most
commands. Else (`cold`) it is a new process, as a shell starts it. Both lead a session of their own.
"""

from __future__ import annotations

import atexit
import ctypes
import io
import os
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tests.faults import interposer
from tests.support import COMMAND

LONGEST = 120.0
"""Seconds after which a command counts as hanging."""

GRACE = 10.0
"""Seconds in which the workers of a killed command end by themselves."""

_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Ended:
    """The exit code of a command, negative for a signal, None if it had to be ended, and what it printed."""

    code: int | None
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Place:
    """Where commands run: their folder, what counts their events, and what they print."""

    root: Path

    @property
    def folder(self) -> Path:
        """The folder in which a command runs, with everything that it may change."""
        return self.root / "case"

    @property
    def state(self) -> Path:
        """The file of the interposer."""
        return self.root / "state"

    def variables(self) -> dict[str, str]:
        """Return the environment of commands: temporary files and the trash are in their folder, too."""
        return {
            "TMPDIR": str(self.folder / "tmp"),
            "HOME": str(self.folder),
            "XDG_DATA_HOME": str(self.folder / "data"),
            "COLUMNS": "200",
        }


def adopt_orphans() -> None:
    """Become the parent of processes that lose theirs, so that they can be waited for."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Running:
    """A command that runs. `process` is its number."""

    def __init__(self, place: Place, process: int) -> None:
        self.place = place
        self.process = process

    def is_over(self, seconds: float) -> bool:
        """Return whether the command ends within this time."""
        descriptor = os.pidfd_open(self.process)
        try:
            return bool(select.select([descriptor], [], [], seconds)[0])
        finally:
            os.close(descriptor)

    def signal(self, number: int) -> None:
        """Send a signal to the command alone."""
        os.kill(self.process, number)

    def ended(self) -> Ended:
        """Wait for the end of the command, or end it if that takes too long."""
        is_over = self.is_over(LONGEST)
        if not is_over:
            os.kill(self.process, signal.SIGKILL)
        _, status = os.waitpid(self.process, 0)
        printed = [(self.place.root / name).read_text("utf-8", "replace") for name in ("stdout", "stderr")]
        return Ended(os.waitstatus_to_exitcode(status) if is_over else None, printed[0], printed[1])

    def left(self) -> list[str]:
        """Return the processes of the command that do not end by themselves, as text, and end them."""
        deadline = time.monotonic() + GRACE
        while (found := self._others()) and time.monotonic() < deadline:
            time.sleep(0.02)
        described = [f"{process} ({_command_line(process)})" for process in found]
        for process in found:
            os.kill(process, signal.SIGKILL)
        _reap()
        return described

    def _others(self) -> list[int]:
        _reap()
        mark = f"FAULTS_STATE={self.place.state}".encode()
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdecimal() or int(entry) in (os.getpid(), self.process):
                continue
            try:
                fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
                environ = Path(f"/proc/{entry}/environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if fields[0] not in "ZX" and (int(fields[3]) == self.process or mark in environ):
                found.append(int(entry))
        return found


def _reap() -> None:
    """Take the exit codes of processes that have lost their parent."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _command_line(process: int) -> str:
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return "ended"
    return b" ".join(words).decode("utf-8", "replace")[:200]


def start(
    place: Place, arguments: Sequence[str], variables: Mapping[str, str], *, cold: bool = False
) -> Running:
    """Start `thresher ARGUMENTS` in the folder of a place. `variables` are those of the fault."""
    interposer.reset(place.state)
    for name in ("stdout", "stderr"):  # what watches the output must not see that of the last command
        (place.root / name).write_bytes(b"")
    environment = {**place.variables(), **variables}
    if cold:
        with (place.root / "stdout").open("wb") as out, (place.root / "stderr").open("wb") as err:
            process = subprocess.Popen(
                [*COMMAND, *arguments],
                cwd=place.folder,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        process.returncode = 0  # this module waits for it
        return Running(place, process.pid)

    def command() -> int:
        from thresher.__main__ import main

        sys.argv = ["thresher", *arguments]
        sys.modules["__main__"] = sys.modules["thresher.__main__"]  # what worker processes import
        return main()

    return Running(place, _fork(place, environment, command))


def run(
    place: Place, arguments: Sequence[str], variables: Mapping[str, str], *, cold: bool = False
) -> tuple[Ended, list[str]]:
    """Run a command to its end. Return how it ended, and the processes that it left."""
    running = start(place, arguments, variables, cold=cold)
    return running.ended(), running.left()


def call(place: Place, function: Callable[[], None]) -> None:
    """Call a function in a child process without a fault, in the folder of a place. Raises RuntimeError."""

    def command() -> int:
        function()
        return 0

    running = Running(place, _fork(place, place.variables(), command))
    ended = running.ended()
    if ended.code != 0:
        raise RuntimeError(f"preparing a folder failed ({ended.code}): {ended.stdout}{ended.stderr}")


def _fork(place: Place, variables: Mapping[str, str], function: Callable[[], int]) -> int:
    process = os.fork()
    if process == 0:
        _be_child(place, variables, function)
    return process


def _be_child(place: Place, variables: Mapping[str, str], function: Callable[[], int]) -> NoReturn:
    """Do what a new process of Python does around a program, and end with its exit code."""
    code = 1
    try:
        os.setsid()
        os.chdir(place.folder)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        targets = (Path(os.devnull), place.root / "stdout", place.root / "stderr")
        for number, target in enumerate(targets):
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC if number else os.O_RDONLY
            descriptor = os.open(target, flags, 0o644)
            os.dup2(descriptor, number)
            os.close(descriptor)
        streams = {
            "stdin": open(0, encoding="utf-8", closefd=False),  # noqa: SIM115  descriptor 0 stays open
            "stdout": _stream(1),
            "stderr": _stream(2),
        }
        for name, stream in streams.items():
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        os.environ.update(variables)
        interposer.arm()
        code = function()
        threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as the interpreter does
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:  # noqa: BLE001  a child must never return into its parent's code
        traceback.print_exc()
    finally:
        os._exit(code)


def _stream(number: int) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        open(number, "wb", closefd=False), "utf-8", "backslashreplace", write_through=number == 2
    )
