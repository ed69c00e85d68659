"""What a target of the fuzzer is: it makes a case from a number, runs it, and says what is wrong.

A case is a pure function of the target, the seed and its number, so that every finding can be repeated.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

NORMAL_SECONDS = 10.0
"""Seconds of processor time, with the programs it starts, that a case may take by default."""


class Target(ABC):
    """One kind of input. Each worker makes one, in a folder of its own."""

    name: str
    count: int
    """The cases of a full run."""
    seconds = NORMAL_SECONDS
    megabytes = 300
    """The memory that a worker may use, at most."""

    def __init__(self, folder: Path, shared: Path) -> None:
        """Prepare for cases in an empty folder; `shared` is what `prepare` made."""
        self.folder = folder
        self.shared = shared

    @classmethod
    def prepare(cls, shared: Path) -> None:
        """Make, once for all workers, what takes time to make. Most targets need nothing."""
        del shared

    @abstractmethod
    def make(self, chance: random.Random) -> Any:
        """Return the case that these random numbers lead to."""

    @abstractmethod
    def check(self, case: Any) -> None:
        """Run a case. Any exception is a finding; an AssertionError says what promise is broken."""

    @abstractmethod
    def store(self, case: Any, folder: Path) -> None:
        """Write the input of a case to a folder, for people who look at a finding."""


def promise(holds: object, words: str) -> None:
    """Raise AssertionError with these words if a promise does not hold."""
    if not holds:
        raise AssertionError(words)


def chance_of(target: str, seed: int, number: int) -> random.Random:
    """Return the random numbers of a case."""
    return random.Random(f"{target} {seed} {number}")
