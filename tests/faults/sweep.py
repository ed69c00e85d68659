"""Share the faults out to workers, note the outcomes, and show how far the sweep is."""

from __future__ import annotations

import itertools
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.faults import interposer
from tests.faults.interposer import MODES
from tests.faults.journal import Entry, Journal
from tests.faults.points import spread
from tests.faults.scenarios import SCENARIOS
from tests.support import ROOT
from thresher.catalog.files.partial_files import is_running

RAM_DISK = Path("/dev/shm")
"""A disk in memory, on which a sync costs nothing."""


@dataclass(frozen=True)
class Wanted:
    """What a sweep tries: at most `points` events of each scenario and mode, or the one event `at`.

    A `sample` is one event of one kill and of one failure for each scenario; `offset` chooses others.
    """

    scenarios: Sequence[str]
    modes: Sequence[str]
    points: int
    at: int | None = None
    offset: int = 0
    cold: bool = False
    sample: bool = False

    def modes_of(self, scenario: str) -> list[str]:
        """Return the modes to try; without workers, a kill of the parent alone is a kill of all."""
        has_workers = SCENARIOS[scenario].has_workers
        names = [name for name in self.modes if has_workers or name != "kill-parent"]
        if not self.sample:
            return names
        turn = self.offset + list(SCENARIOS).index(scenario)
        kinds = [[name for name in names if MODES[name].is_kill == is_kill] for is_kill in (True, False)]
        return [kind[turn % len(kind)] for kind in kinds if kind]

    def chosen(self, events: int) -> list[int]:
        """Return the events to disturb."""
        return [self.at] if self.at else spread(events, 1 if self.sample else self.points, self.offset)


class Worker:
    """A process that tries faults, see `worker.py`."""

    def __init__(self, folder: Path, *, cold: bool) -> None:
        self._folder = folder
        folder.mkdir(parents=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.worker", str(folder), "cold" if cold else "warm"],
            cwd=ROOT,
            env={
                **os.environ,
                "LD_PRELOAD": str(interposer.compiled()),
                "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src"))),
                "OPENBLAS_NUM_THREADS": "1",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and return the answer. Raises RuntimeError if the worker has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            raise RuntimeError("a worker of the sweep has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


class Sweep:
    """A sweep: `run` tries what is wanted and not in the journal yet."""

    def __init__(self, wanted: Wanted, journal: Journal) -> None:
        self._wanted = wanted
        self._journal = journal
        self._scenarios: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._tried = 0
        self._begun = time.monotonic()
        self.failures: list[str] = []

    def run(self, jobs: int) -> None:
        """Try everything on this number of workers."""
        for name in self._wanted.scenarios:
            self._scenarios.put(name)
        with _scratch() as folder:
            threads = [
                threading.Thread(target=self._work, args=(folder / f"worker-{number}",), daemon=True)
                for number in range(jobs)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                while thread.is_alive():  # a join without limit would not see Ctrl-C
                    thread.join(0.2)

    def _work(self, folder: Path) -> None:
        """Try scenarios until none is left; a worker that has ended is replaced."""
        for number in itertools.count():
            name = ""
            try:
                with Worker(folder / str(number), cold=self._wanted.cold) as worker:
                    while True:
                        name = self._scenarios.get_nowait()
                        self._try_scenario(worker, name)
            except queue.Empty:
                return
            except RuntimeError as error:
                self._note_failure(f"{name}: {error}")

    def _try_scenario(self, worker: Worker, name: str) -> None:
        modes = self._wanted.modes_of(name)
        answer = worker.ask(scenario=name, modes=modes)
        if "failed" in answer:
            self._note_failure(f"{name}: {answer['failed']}")
            return
        for mode in modes:
            events = answer["events"][mode]
            for at in self._wanted.chosen(events):
                if (name, mode, at) in self._journal.entries and self._wanted.at is None:
                    continue
                outcome = worker.ask(mode=mode, at=at)
                if "failed" in outcome:
                    self._note_failure(f"{name}, {mode}, event {at}: {outcome['failed']}")
                    continue
                entry = Entry(name, mode, at, outcome["what"], tuple(outcome["problems"]))
                with self._lock:
                    self._journal.add(entry)
                    self._tried += 1
                    self._tell(entry, events)

    def _note_failure(self, failure: str) -> None:
        """Note that the harness could not do its work."""
        self.failures.append(failure)
        print(f"FAILED {failure}", flush=True)

    def _tell(self, entry: Entry, events: int) -> None:
        if entry.problems:
            print(f"BROKEN {entry.scenario}, {entry.mode}, event {entry.at} of {events} ({entry.what})")
            for problem in entry.problems:
                print(f"  {problem}")
            print(f"  again: {entry.command}", flush=True)
        if self._tried % 50 == 0:
            pace = (time.monotonic() - self._begun) / self._tried
            broken = len(self._journal.broken())
            print(
                f"{self._tried:,} tried, {pace:.2f} s each, {broken} broken; at {entry.scenario}", flush=True
            )


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder for the workers, on a disk in memory if there is one, which is removed afterwards."""
    parent = RAM_DISK if RAM_DISK.is_dir() and os.access(RAM_DISK, os.W_OK) else None
    for left in Path(parent or tempfile.gettempdir()).glob("thresher-faults-*-*"):
        if not is_running(int(left.name.split("-")[2])):  # of a sweep that was killed
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"thresher-faults-{os.getpid()}-", dir=parent))
    try:
        yield Path(os.path.realpath(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
