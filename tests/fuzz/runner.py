"""Run many cases of a target in worker processes, and survive every one that hangs, crashes or eats memory."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.connection import Connection, wait
from pathlib import Path

from tests.fuzz.target import Target, chance_of
from tests.fuzz.watched import Outcome, work

CHUNK = 20
"""Cases that a worker gets at once."""

WALL_FACTOR = 60
"""How much longer than its processor time a case may take, on a machine that does other things, too."""

KILL_MEGABYTES = 2_000
"""A worker that uses this much is ended at once."""


@dataclass(frozen=True)
class Finding:
    """A case that broke a promise."""

    target: str
    seed: int
    number: int
    problem: str

    @property
    def command(self) -> str:
        """The command that repeats the case."""
        return f"python -m tests.fuzz {self.target} --seed {self.seed} --case {self.number}"


@dataclass
class _Worker:
    """A worker process: its pipe, the case it runs, since when and after how much processor time, and the numbers
    that it was given."""

    process: multiprocessing.process.BaseProcess
    pipe: Connection
    folder: Path
    number: int | None = None
    since: float = 0.0
    used: float = 0.0
    given: list[int] = field(default_factory=list)
    is_ready: bool = False

    def processor_seconds(self) -> float:
        """Return the processor time of the process until now, 0 where the system does not tell."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Run:
    """One run of a target: the numbers to run, and the workers that run them."""

    def __init__(self, kind: type[Target], seed: int, *, workers: int | None = None) -> None:
        self.kind = kind
        self.seed = seed
        self.megabytes = 0.0
        self.done = 0
        self._count = workers or os.cpu_count() or 1
        self._context = multiprocessing.get_context("spawn")
        self._workers: dict[Connection, _Worker] = {}
        self._again: list[int] = []

    def findings(
        self, numbers: Iterable[int], progress: Callable[[int], None] = lambda _done: None
    ) -> Iterator[Finding]:
        """Run the cases of these numbers, and yield what is found."""
        with tempfile.TemporaryDirectory(prefix="fuzz-", dir=_fast_folder()) as home:
            self._home, self._shared = Path(home), Path(home) / "shared"
            self._shared.mkdir()
            self.kind.prepare(self._shared)
            try:
                yield from self._loop(iter(numbers), progress)
            finally:
                for worker in list(self._workers.values()):
                    self._end(worker)

    def keep(self, finding: Finding, folder: Path) -> Path:
        """Write the input of a finding and what is wrong with it to a folder, and return its path.

        It is called while `findings` runs.
        """
        place = folder / f"{finding.target}-{finding.seed}-{finding.number}"
        place.mkdir(parents=True, exist_ok=True)
        problem = f"{finding.command}\n\n{finding.problem}\n"
        (place / "problem.txt").write_text(problem, errors="backslashreplace")
        with tempfile.TemporaryDirectory(dir=self._home) as own:
            target = self.kind(Path(own), self._shared)
            with suppress(Exception):  # a case that cannot be made is a finding, too
                target.store(target.make(chance_of(finding.target, finding.seed, finding.number)), place)
        return place

    def _loop(self, numbers: Iterator[int], progress: Callable[[int], None]) -> Iterator[Finding]:
        while True:
            while len(self._workers) < self._count and (given := self._next(numbers)):
                self._start(given)
            if not self._workers:
                return
            for ready in wait(list(self._workers), timeout=1.0):
                assert isinstance(ready, Connection)
                worker = self._workers[ready]
                try:
                    message = ready.recv()
                except (EOFError, OSError):
                    yield from self._died(worker)
                    continue
                if isinstance(message, int):
                    worker.number, worker.since = message, time.monotonic()
                    worker.used = worker.processor_seconds()
                elif isinstance(message, Outcome):
                    self.done += 1
                    progress(self.done)
                    yield from self._finished(worker, message)
                worker.is_ready |= message == "ready"
                if worker.is_ready and not worker.given:
                    self._give(worker, self._next(numbers))
            yield from self._overdue()

    def _next(self, numbers: Iterator[int]) -> list[int]:
        again, self._again = self._again[:CHUNK], self._again[CHUNK:]
        return again or list(islice(numbers, CHUNK))

    def _start(self, given: list[int]) -> None:
        here, there = self._context.Pipe()
        folder = Path(tempfile.mkdtemp(dir=self._home))
        arguments = (self.kind, self.seed, folder, self._shared, there)
        process = self._context.Process(target=work, args=arguments, daemon=True)
        process.start()
        there.close()
        worker = _Worker(process, here, folder, since=time.monotonic())
        self._workers[here] = worker
        self._give(worker, given)

    def _give(self, worker: _Worker, numbers: list[int]) -> None:
        worker.given = numbers
        with suppress(BrokenPipeError):  # it is found dead at the next look
            worker.pipe.send(numbers or None)
        if not numbers:
            self._end(worker)

    def _finished(self, worker: _Worker, outcome: Outcome) -> Iterator[Finding]:
        worker.given.remove(outcome.number)
        worker.number = None
        self.megabytes = max(self.megabytes, outcome.megabytes)
        if outcome.problem is not None:
            yield self._finding(outcome.number, outcome.problem)

    def _overdue(self) -> Iterator[Finding]:
        for worker in list(self._workers.values()):
            if worker.number is None:
                continue
            seconds = time.monotonic() - worker.since
            used = worker.processor_seconds() - worker.used
            if used > 2 * self.kind.seconds or seconds > WALL_FACTOR * self.kind.seconds:
                yield from self._died(
                    worker, f"hangs: no end after {seconds:.0f} s, {used:.0f} s of the processor"
                )
            elif (megabytes := _resident(worker.process.pid)) > KILL_MEGABYTES:
                yield from self._died(worker, f"uses {megabytes:.0f} MB and more")

    def _died(self, worker: _Worker, why: str | None = None) -> Iterator[Finding]:
        """Report the case of a worker that ended, or is ended, and hand its other cases to another one."""
        if why is None:
            worker.process.join(5)
            why = f"the process ended with code {worker.process.exitcode}"
        self._again += [number for number in worker.given if number != worker.number]
        number = worker.number
        self._end(worker)
        if number is None:
            raise RuntimeError(f"a worker of {self.kind.name} could not start: {why}")
        self.done += 1
        yield self._finding(number, why)

    def _end(self, worker: _Worker) -> None:
        self._workers.pop(worker.pipe, None)
        worker.process.join(1) if not worker.given else None
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.pipe.close()
        shutil.rmtree(worker.folder, ignore_errors=True)

    def _finding(self, number: int, problem: str) -> Finding:
        return Finding(self.kind.name, self.seed, number, problem)


def _fast_folder() -> str | None:
    """Return a folder in memory, if the system has one with enough room."""
    ram = "/dev/shm"
    return ram if os.access(ram, os.W_OK) and shutil.disk_usage(ram).free > 1 << 30 else None


def _resident(process: int | None) -> float:
    try:
        pages = Path(f"/proc/{process}/statm").read_text().split()[1]
    except (OSError, IndexError):
        return 0.0
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
