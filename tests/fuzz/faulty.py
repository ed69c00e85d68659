"""A target whose cases go wrong, for the tests of the runner."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

from tests.fuzz.target import Target


class Faulty(Target):
    """A target whose cases go wrong, each in its own way."""

    name = "faulty"
    count = 9
    seconds = 0.5
    megabytes = 150

    def make(self, chance: random.Random) -> int:
        """Return the number of the case, which its random numbers tell."""
        return [random.Random(f"faulty 1 {n}").random() for n in range(self.count)].index(chance.random())

    def check(self, case: int) -> None:
        kinds = (_nothing, _raise, _crash, _hang, _print, _allocate, _leave_open, _leave_running, _nothing)
        kinds[case](self.folder)

    def store(self, case: int, folder: Path) -> None:
        (folder / "case").write_text(str(case))


def _nothing(_folder: Path) -> None:
    pass


def _raise(_folder: Path) -> None:
    raise AssertionError("as planned")


def _crash(_folder: Path) -> None:
    os.abort()


def _hang(_folder: Path) -> None:
    while True:
        pass


def _print(_folder: Path) -> None:
    print("words")  # noqa: T201  what a case prints is a fault


def _allocate(_folder: Path) -> None:
    block = bytearray(200 << 20)
    block[::4096] = b"x" * len(block[::4096])


def _leave_open(folder: Path) -> None:
    for number in range(10):
        os.open(folder / str(number), os.O_CREAT)


def _leave_running(_folder: Path) -> None:
    _RUNNING.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1)"]))


_RUNNING: list[subprocess.Popen[bytes]] = []
