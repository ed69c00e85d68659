"""Run tasks that read files on workers, which may run on other machines and not see every file of this one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from thresher.catalog.ffmpeg_decoder import find_ffmpeg
from thresher.catalog.stamps import stamp_of
from thresher.curation.analysis.task import Analysis, FileTask, Unopened, Unsettled
from thresher.curation.executors.dask_worker import worker_address
from thresher.curation.workers import WorkerDied, Workers

K = TypeVar("K")
F = TypeVar("F", bound=FileTask)
R = TypeVar("R")


@dataclass(frozen=True)
class Unseen:
    """A file that this machine can read and a worker on another one can't: `reason` names the worker."""

    reason: str


@dataclass(frozen=True)
class _Elsewhere:
    """A result of a worker of a cluster that may be due to its machine."""

    worker: str
    result: Analysis | Unopened | Unsettled


def file_results(
    workers: Workers, read: Callable[[F], R], tasks: Iterable[tuple[K, F | None]]
) -> Iterator[tuple[K, R | Unseen | WorkerDied | None]]:
    """Run `read` on each task of (key, task) pairs, and yield (key, result) in the same order.

    The result is Unseen if a worker of a cluster can't open a file or finds it changed, and this process sees it
    unchanged; or if the worker has no ffmpeg to decode it, and this machine has one.
    """
    pairs = (((key, task), task) for key, task in tasks)
    for (key, task), result in workers.map(partial(_read, read), pairs):
        if isinstance(result, _Elsewhere):
            assert task is not None
            yield key, _judged(task, result)
        else:
            yield key, result


def _read(read: Callable[[F], Any], task: F) -> Any:
    result = read(task)
    if isinstance(result, Unopened | Unsettled) or _lacks_decoder(result):
        worker = worker_address()
        return result if worker is None else _Elsewhere(worker, result)
    return result


def _lacks_decoder(result: object) -> bool:
    """Return whether ffmpeg might make another result of the file, and is not installed."""
    return (
        isinstance(result, Analysis)
        and result.status in ("unreadable", "truncated", "empty")
        and find_ffmpeg() is None
    )


def _judged(task: FileTask, found: _Elsewhere) -> Any:
    match found.result:
        case Analysis() if find_ffmpeg() is not None:
            return Unseen(
                f"the worker {found.worker} can't decode it: it has no ffmpeg; install ffmpeg there"
            )
        case Unopened(reason=reason) if _is_here(task):
            why = reason
        case Unsettled() if _is_here(task):
            why = "its size or time differs there"
        case _:
            return found.result
    return Unseen(
        f"the worker {found.worker} can't read it: {why}; workers need the same files under the same paths"
    )


def _is_here(task: FileTask) -> bool:
    """Return whether this process can open the file of a task, unchanged."""
    try:
        with open(task.path, "rb") as file:
            stamp = stamp_of(os.fstat(file.fileno()))
    except OSError:
        return False
    return (stamp.size, stamp.mtime_ns) == (task.size, task.mtime_ns)
