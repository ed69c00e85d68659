"""Run tasks that read files on workers, which may run on other machines and not see every file of this one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from thresher.catalog.audio.ffmpeg_decoder import find_ffmpeg
from thresher.catalog.files.paths import Place, Roots
from thresher.catalog.files.stamps import stamp_of
from thresher.catalog.settings.config import ENVIRONMENT_VARIABLE, find_catalog, load_settings
from thresher.curation.analysis.task import DECODER_CRASHED, Analysis, FileTask, Unopened, Unsettled
from thresher.curation.executors.dask_worker import worker_address
from thresher.curation.workers import WorkerDied, Workers
from thresher.errors import CatalogError, ThresherError

K = TypeVar("K")
F = TypeVar("F", bound=FileTask)
R = TypeVar("R")


@dataclass(frozen=True)
class Unseen:
    """A file that this machine can read and a worker on another one can't: `reason` names the worker."""

    reason: str


def analysis_of(result: object) -> Analysis | None:
    """Return what a worker found out about a file; None if it could not read the file."""
    if isinstance(result, WorkerDied):
        return Analysis("unreadable", DECODER_CRASHED)
    return result if isinstance(result, Analysis) else None


@dataclass(frozen=True)
class _Elsewhere:
    """A result of a worker of a cluster that may be due to its machine."""

    worker: str
    result: Analysis | Unopened | Unsettled


@dataclass(frozen=True)
class _Located(Generic[F]):
    """A task with the place of its file, by which a machine with other folders finds it."""

    task: F
    place: Place


def file_results(
    workers: Workers, read: Callable[[F], R], tasks: Iterable[tuple[K, F | None]], roots: Roots
) -> Iterator[tuple[K, R | Unseen | WorkerDied | None]]:
    """Run `read` on each task of (key, task) pairs, and yield (key, result) in the same order.

    A worker of a cluster opens a file below one of the named `roots` in the folder that its own settings give to
    the root, other files under the same path. The result is Unseen if it can't open the file or finds it changed,
    and this process sees it unchanged; or if the worker has no ffmpeg to decode it, and this machine has one.
    """
    if workers.name.kind != "dask":
        yield from workers.map(read, tasks)
        return
    located = (((key, task), task and _Located(task, roots.stored(task.path).place)) for key, task in tasks)
    for (key, task), result in workers.map(partial(_read, read), located):
        if isinstance(result, _Elsewhere):
            assert task is not None
            yield key, _judged(task, result)
        else:
            yield key, result


def _read(read: Callable[[F], Any], located: _Located[F]) -> Any:
    worker = worker_address() or ""
    try:
        path = _path_here(located)
    except ThresherError as error:
        return _Elsewhere(worker, Unopened(str(error)))
    result = read(replace(located.task, path=path))
    if isinstance(result, Unopened | Unsettled) or _lacks_decoder(result):
        return _Elsewhere(worker, result)
    return result


def _path_here(located: _Located[F]) -> bytes:
    root, path = located.place
    if not root:
        return located.task.path
    roots = worker_roots()
    found = roots.absolute(root, path)
    if found is not None:
        return found
    if root in roots.folders or not os.path.exists(located.task.path):
        raise CatalogError(roots.why_absent(root))
    return located.task.path


@cache
def worker_roots() -> Roots:
    """Return the roots of this machine: those in the catalog.toml that $THRESHER_CATALOG names, if it is set.

    Raises CatalogError if it can't be read.
    """
    if not os.environ.get(ENVIRONMENT_VARIABLE):
        return Roots(Path())
    file = find_catalog(None, os.environ, Path())
    return Roots.of(file.absolute().parent, load_settings(file).roots)


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
        f"the worker {found.worker} can't read it: {why}; workers need the same files, under the same paths or "
        "below [roots] (docs/dask.md)"
    )


def _is_here(task: FileTask) -> bool:
    """Return whether this process can open the file of a task, unchanged."""
    try:
        with open(task.path, "rb") as file:
            stamp = stamp_of(os.fstat(file.fileno()))
    except OSError:
        return False
    return (stamp.size, stamp.mtime_ns) == (task.size, task.mtime_ns)
