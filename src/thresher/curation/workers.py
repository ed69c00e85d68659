"""Workers: run tasks in this process, on threads, in worker processes that may crash, or on a Dask cluster.

An executor is named `serial`, `threads[:N]`, `processes[:N]`, `dask[:N]` or `dask:ADDRESS`. N is the number of
workers (default: one per core); ADDRESS is that of a scheduler, such as `tcp://10.0.0.1:8786`. Tasks are pure
functions of plain data. A sliding window limits the tasks in flight, so that memory does not grow with the work.
Results come in the order of the items, so that ids don't depend on which task finishes first.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from thresher.catalog.files.temporary_files import sweep_temporary_folders
from thresher.curation.executors.worker_process import (
    begin_worker,
    process_context,
    start_server,
    without_script,
)
from thresher.errors import CatalogError, UsageError, WorkersError

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

    from thresher.curation.executors.dask_executor import DaskExecutor

K = TypeVar("K")
T = TypeVar("T")
R = TypeVar("R")

KINDS = ("serial", "threads", "processes", "dask")
_SCHEDULER = re.compile(r"(?:tcp|tls)://[^\s/]+:[0-9]{1,5}")
AHEAD = 8
"""Tasks in flight for each worker: enough that no worker waits while a group is stored, few enough that memory does
not grow."""

GROUP_SECONDS = 2.0
"""A group is committed after this time even if it is not full: an interruption loses no more work than that."""

RETRY_PAUSES = (0.0, 0.1, 0.5)
"""Seconds to wait before each further attempt to start worker processes."""


@dataclass(frozen=True)
class WorkerDied:
    """The result of a task that ended its worker process twice, the second time running alone."""


def cores() -> int:
    """Return the number of processors that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def grouped(items: Iterable[T], size: int, seconds: float) -> Iterator[list[T]]:
    """Yield items in groups for one transaction each: `size` items, or those that arrived within `seconds`."""
    group: list[T] = []
    begun = time.monotonic()
    for item in items:
        group.append(item)
        if len(group) >= size or time.monotonic() - begun > seconds:
            yield group
            group, begun = [], time.monotonic()
    if group:
        yield group


@dataclass(frozen=True)
class ExecutorName:
    """A parsed executor: its kind, its number of workers, and the address of its scheduler if it has one."""

    kind: str
    count: int
    scheduler: str | None = None


def parse_executor(word: str) -> ExecutorName:
    """Parse the name of an executor. Raises UsageError for an unknown one."""
    kind, colon, rest = word.partition(":")
    if kind == "dask" and _SCHEDULER.fullmatch(rest):
        return ExecutorName(kind, 1, rest)
    if kind not in KINDS or (colon and (kind == "serial" or not (rest.isdecimal() and int(rest) > 0))):
        raise UsageError(
            f'unknown executor "{word}" (expected serial, threads, threads:4, processes, processes:4, dask, dask:4 '
            "or dask:tcp://HOST:PORT)"
        )
    return ExecutorName(kind, 1 if kind == "serial" else int(rest or cores()))


class Workers:
    """An executor as a context manager. Its `map` continues if a worker process dies. Workers start when the first
    task needs them.

    `preload` names modules that worker processes need; they are imported once, for all of them. `ahead` is the
    number of tasks in flight for each worker.
    """

    def __init__(self, word: str, *, preload: Sequence[str] = (), ahead: int = AHEAD) -> None:
        self.name = parse_executor(word)
        self._preload = preload
        self._ahead = ahead
        self._executor: Executor | None = None
        self._begun: dict[Any, Future[Any]] = {}
        self._beginning: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self.name.kind == "processes":
            sweep_temporary_folders()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish_beginning()
        if kind is not None:
            # a user who interrupts the command must not wait until a worker has decoded an hour of audio
            self._kill_workers()
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None

    def get_ready(self) -> None:
        """Let worker processes, if there will be any, load their modules in the background."""
        if self.name.kind == "processes":
            start_server(self._preload)

    def begin(self, task: Callable[[T], Any], arguments: Sequence[T]) -> None:
        """Run `task` on each of these arguments, which must be hashable, before `map` asks for it.

        `map` takes the results of equal arguments; others are dropped. Returns at once: starting worker processes
        waits until their server has loaded its modules. Does nothing if the executor is not `processes`.
        """
        if self.name.kind != "processes" or not arguments:
            return

        def submit() -> None:
            # `map` submits again what fails here, as when Ctrl-C ends the server that starts the workers
            with suppress(BrokenExecutor, OSError, EOFError):
                for argument in arguments:
                    self._begun[argument] = self._submit(task, argument)

        self._beginning = threading.Thread(target=submit, name="begin")
        self._beginning.start()

    def share(self, value: T) -> T:
        """Return what stands for `value` in the arguments of many tasks, directly or in a tuple.

        It is sent to a cluster once. Elsewhere it is the value itself.
        """
        return cast("DaskExecutor", self._running()).share(value) if self.name.kind == "dask" else value

    def _finish_beginning(self) -> None:
        if self._beginning is not None:
            self._beginning.join()
            self._beginning = None

    def map(
        self, task: Callable[[T], R], items: Iterable[tuple[K, T | None]]
    ) -> Iterator[tuple[K, R | WorkerDied | None]]:
        """Run `task` on each argument of (key, argument) pairs, and yield (key, result) in the same order.

        An argument of None means no work; its result is None. An exception of a task is raised when its result is
        due. Raises WorkersError if worker processes can't run any task.
        """
        if self.name.kind == "serial":
            for key, argument in items:
                yield key, None if argument is None else task(argument)
            return
        self._finish_beginning()
        window: deque[tuple[K, T | None, Future[Any] | None]] = deque()
        for key, argument in items:
            window.append((key, argument, None if argument is None else self._future(task, argument)))
            while len(window) >= self._most_ahead():
                yield self._take(task, window)
        while window:
            yield self._take(task, window)

    def _take(
        self, task: Callable[[T], R], window: deque[tuple[K, T | None, Future[Any] | None]]
    ) -> tuple[K, R | WorkerDied | None]:
        key, argument, future = window.popleft()
        if argument is None or future is None:
            return key, None
        try:
            return key, future.result()
        except BrokenExecutor:
            # if a worker dies, other tasks in flight fail, too; each is tried again while no other task runs
            self._drop([other for _, _, other in window if other is not None])
            result = self._alone(task, argument)
            for index, (other_key, other, other_future) in enumerate(window):
                if other is not None and other_future is not None and _is_broken(other_future):
                    window[index] = (other_key, other, _finished(self._alone(task, other)))
            return key, result

    def _future(self, task: Callable[[T], R], argument: T) -> Future[Any]:
        begun = self._begun.pop(argument, None) if self._begun else None
        return self._submit(task, argument) if begun is None or _is_broken(begun) else begun

    def _alone(self, task: Callable[[T], R], argument: T) -> R | WorkerDied:
        try:
            return self._submit(task, argument).result()
        except BrokenExecutor:
            self._drop()
        self._check_start()
        return WorkerDied()

    def _check_start(self) -> None:
        """Raise WorkersError if a new worker process can't even run a task that does nothing."""
        if self.name.kind != "processes":
            return
        try:
            self._submit(_do_nothing, None).result()
        except BrokenExecutor:
            raise WorkersError(
                'worker processes end before their first task; use the executor "threads" or "serial"'
            ) from None

    def _submit(self, task: Callable[[T], R | WorkerDied], argument: T) -> Future[R | WorkerDied]:
        with without_script() if self.name.kind == "processes" else nullcontext():
            for pause in RETRY_PAUSES:
                try:
                    return self._running().submit(task, argument)
                except (BrokenExecutor, OSError):
                    # OSError: a worker died and closed the pipes while another one was starting. The server that
                    # starts them may have ended, too.
                    self._drop()
                    time.sleep(pause)
            return self._running().submit(task, argument)

    def _most_ahead(self) -> int:
        """Return the number of tasks in flight. A cluster knows it: it may grow and shrink."""
        if self.name.kind == "dask" and self._executor is not None:
            return cast("DaskExecutor", self._executor).ahead
        return self.name.count * self._ahead

    def _running(self) -> Executor:
        if self._executor is None:
            self._executor = self._start()
        return self._executor

    def _drop(self, others: Sequence[Future[Any]] = ()) -> None:
        if self.name.kind == "dask":  # the cluster starts other workers itself
            wait(others)
            return
        # The pool ends the workers that it knew when it broke. One that was starting just then would wait for tasks
        # forever, and the pool for its end.
        self._kill_workers()
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None

    def _kill_workers(self) -> None:
        if self._executor is not None and self.name.kind == "dask":
            cast("DaskExecutor", self._executor).kill()
        if self._executor is not None and self.name.kind == "processes":
            pool = cast("ProcessPoolExecutor", self._executor)
            for process in list((pool._processes or {}).values()):
                process.terminate()

    def _start(self) -> Executor:
        if self.name.kind == "threads":
            return ThreadPoolExecutor(self.name.count)
        if self.name.kind == "dask":
            return _dask_executor(self.name, self._preload)
        from concurrent.futures import ProcessPoolExecutor  # loads multiprocessing

        context = process_context(self._preload)
        return ProcessPoolExecutor(self.name.count, mp_context=context, initializer=begin_worker)


def _dask_executor(name: ExecutorName, preload: Sequence[str]) -> DaskExecutor:
    try:
        from thresher.curation.executors.dask_executor import DaskExecutor
    except ImportError as error:
        raise CatalogError(
            f"the executor dask needs the package {error.name}; install it with `pip install 'thresher[dask]'`"
        ) from error
    return DaskExecutor(name.scheduler, name.count, preload=preload)


def _do_nothing(_argument: None) -> None:
    pass


def _is_broken(future: Future[R]) -> bool:
    return future.cancelled() or (future.done() and isinstance(future.exception(), BrokenExecutor))


def _finished(result: R | WorkerDied) -> Future[R | WorkerDied]:
    future: Future[R | WorkerDied] = Future()
    future.set_result(result)
    return future
