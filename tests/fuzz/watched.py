"""Run the cases of a target in this process, which is a worker, and look at what each one leaves behind."""

from __future__ import annotations

import gc
import io
import os
import resource
import sys
import traceback
import warnings
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from tests.fuzz.target import Target, chance_of

MOST_LEFT_OPEN = 3
"""Files that may be open more than before: what libraries open once."""


@dataclass(frozen=True)
class Outcome:
    """What a case did: the problem in words, None if there is none, and the peak of the memory, in MB."""

    number: int
    problem: str | None
    megabytes: float


def work(kind: type[Target], seed: int, folder: Path, shared: Path, pipe: Connection) -> None:
    """Run the numbers that arrive, until None arrives. Each is sent before its case, the outcome after it."""
    _begin_quietly()
    worker = Watched(kind(folder, shared), seed)
    pipe.send("ready")
    while (numbers := pipe.recv()) is not None:
        for number in numbers:
            pipe.send(number)
            pipe.send(worker.run(number))


def _begin_quietly() -> None:
    """Discard what libraries print, as workers and commands of thresher do."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    warnings.simplefilter("always")  # they are printed, and so found


class Watched:
    """A target whose cases are watched: time, memory, output, open files and programs left running."""

    def __init__(self, target: Target, seed: int) -> None:
        self.target = target
        self.seed = seed
        self._open = _open_files()
        self._running = _children()

    def run(self, number: int) -> Outcome:
        """Run one case."""
        _reset_peak()
        begun = _processor_seconds()
        printed = io.StringIO()
        before = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = printed
        problem = None
        try:
            self.target.check(self.target.make(chance_of(self.target.name, self.seed, number)))
        except BaseException:  # noqa: BLE001  whatever a case raises is a finding
            problem = traceback.format_exc()
        finally:
            sys.stdout, sys.stderr = before
        megabytes = _peak()
        if problem is None:
            problem = self._broken(_processor_seconds() - begun, megabytes, printed.getvalue())
        return Outcome(number, problem, megabytes)

    def _broken(self, seconds: float, megabytes: float, printed: str) -> str | None:
        """Return the first promise that is broken by what a case left."""
        if seconds > self.target.seconds:
            return f"took {seconds:.1f} s of processor time (at most {self.target.seconds:g})"
        if megabytes > self.target.megabytes:
            return f"used {megabytes:.0f} MB (at most {self.target.megabytes})"
        if printed:
            return f"printed {printed[:2000]!r}"
        before, self._running = self._running, _children()
        if left := self._running - before:
            return f"left programs running: {', '.join(left)}"
        now = _open_files()
        if now > self._open + MOST_LEFT_OPEN:
            gc.collect()
            now = _open_files()
        if now > self._open + MOST_LEFT_OPEN:
            self._open = now
            return f"left {now} files open"
        return None


def _processor_seconds() -> float:
    parts = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(part.ru_utime + part.ru_stime for part in parts)


def _reset_peak() -> None:
    with suppress(OSError):  # only Linux has it; elsewhere the peak is that of all cases
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> float:
    """Return the largest resident size since `_reset_peak`, in MB."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1024)


def _open_files() -> int:
    try:
        return len(os.listdir("/dev/fd"))
    except OSError:
        return 0


def _children() -> frozenset[str]:
    """Return the processes that this one has started and that have not ended."""
    try:
        return frozenset(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
    except OSError:
        return frozenset()
