"""What runs on the workers of a Dask cluster. It does not import Dask: a worker has loaded it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar

from thresher.curation.executors.worker_process import begin_worker, keep_freed_memory
from thresher.version import __version__

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class OtherVersion:
    """The result of a task on a worker, at `address`, that runs another version of thresher."""

    address: str
    version: str


@dataclass(frozen=True)
class Finished(Generic[R]):
    """The results of some tasks, or the errors that they raised, and the seconds that they took together."""

    results: list[tuple[R | None, Exception | None]]
    seconds: float


def run_tasks(version: str, task: Callable[[T], R], arguments: list[T]) -> Finished[R] | OtherVersion:
    """Run tasks that a client of this version of thresher sent; a worker of another version refuses them."""
    if version != __version__:
        return OtherVersion(worker_address() or "", __version__)
    _begin()
    begun = time.monotonic()
    results = [_outcome(task, argument) for argument in arguments]
    return Finished(results, time.monotonic() - begun)


def _outcome(task: Callable[[T], R], argument: T) -> tuple[R | None, Exception | None]:
    try:
        return task(argument), None
    except Exception as error:  # noqa: BLE001 – raised where the result is due
        return None, error


@cache
def _begin() -> None:
    keep_freed_memory()


def worker_address() -> str | None:
    """Return the address of the Dask worker that runs this task, None outside of one."""
    distributed: Any = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return str(distributed.get_worker().address)
    except ValueError:
        return None


def dask_setup(_worker: object) -> None:
    """Begin a worker process of a local cluster. Dask calls it before the first task."""
    begin_worker()
