"""Workers: run tasks in this process, on threads, or in worker processes that may crash.

An executor is named `serial`, `threads[:N]` or `processes[:N]`; N is the number of workers (default: one per
core). Tasks are pure functions of plain data. A sliding window limits the tasks in flight, so that memory does
not grow with the work. Results come in the order of the items, so that ids don't depend on which task finishes
first.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from thresher.catalog.temporary_files import (
    make_temporary_folder,
    remove_temporary_folder,
    sweep_temporary_folders,
)
from thresher.errors import UsageError

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing.context import BaseContext

K = TypeVar("K")
T = TypeVar("T")
R = TypeVar("R")

KINDS = ("serial", "threads", "processes")
AHEAD = 4
"""Tasks in flight for each worker: enough that no worker waits, few enough that memory does not grow."""

GROUP_SECONDS = 2.0
"""A group is committed after this time even if it is not full: an interruption loses no more work than that."""

RETRY_PAUSES = (0.0, 0.1, 0.5)
"""Seconds to wait before each further attempt to start worker processes."""

KEPT_BYTES = 32 << 20
"""Memory that a worker process keeps from one task to the next."""

LONGEST_SOCKET_FOLDER = 85
"""Bytes in the name of a folder in which multiprocessing can make sockets; macOS allows 104 with the file."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h

Progress = Callable[[str, int, int], None]
"""Called with the stage, the number of items done, and the total (0 if it is not known yet)."""


def no_progress(_stage: str, _done: int, _total: int) -> None:
    """A progress callback that does nothing."""


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


def parse_executor(word: str) -> tuple[str, int]:
    """Return the kind and the number of workers of an executor. Raises UsageError for an unknown one."""
    kind, colon, number = word.partition(":")
    if kind not in KINDS or (colon and not (number.isdecimal() and int(number) > 0)):
        raise UsageError(
            f'unknown executor "{word}" (expected serial, threads, threads:4, processes or processes:4)'
        )
    return kind, 1 if kind == "serial" else int(number or cores())


class Workers:
    """An executor as a context manager. Its `map` continues if a worker process dies.

    `preload` names modules that worker processes need; they are imported once, for all of them. `ahead` is the
    number of tasks in flight for each worker.
    """

    def __init__(self, word: str, *, preload: Sequence[str] = (), ahead: int = AHEAD) -> None:
        self.kind, self.count = parse_executor(word)
        self._preload = preload
        self._ahead = ahead
        self._executor: Executor | None = None
        self._begun: dict[Any, Future[Any]] = {}
        self._beginning: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self.kind == "processes":
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

    def begin(self, task: Callable[[T], Any], arguments: Sequence[T]) -> None:
        """Run `task` on each of these arguments, which must be hashable, before `map` asks for it.

        `map` takes the results of equal arguments; others are dropped. Returns at once: starting worker processes
        waits until their server has loaded its modules. Does nothing if the executor is not `processes`.
        """
        if self.kind != "processes" or not arguments:
            return

        def submit() -> None:
            for argument in arguments:
                self._begun[argument] = self._submit(task, argument)

        self._beginning = threading.Thread(target=submit, name="begin")
        self._beginning.start()

    def _finish_beginning(self) -> None:
        if self._beginning is not None:
            self._beginning.join()
            self._beginning = None

    def map(
        self, task: Callable[[T], R], items: Iterable[tuple[K, T | None]]
    ) -> Iterator[tuple[K, R | WorkerDied | None]]:
        """Run `task` on each argument of (key, argument) pairs, and yield (key, result) in the same order.

        An argument of None means no work; its result is None. An exception of a task is raised when its result is
        due.
        """
        if self.kind == "serial":
            for key, argument in items:
                yield key, None if argument is None else task(argument)
            return
        self._finish_beginning()
        window: deque[tuple[K, T | None, Future[Any] | None]] = deque()
        for key, argument in items:
            window.append((key, argument, None if argument is None else self._future(task, argument)))
            if len(window) >= self.count * self._ahead:
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
            # if a worker dies, every task in flight fails; each is tried again while no other task runs
            self._drop()
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
            return WorkerDied()

    def _submit(self, task: Callable[[T], R | WorkerDied], argument: T) -> Future[R | WorkerDied]:
        for pause in RETRY_PAUSES:
            try:
                return self._running().submit(task, argument)
            except (BrokenExecutor, OSError):
                # OSError: a worker died and closed the pipes while another one was starting. The server that
                # starts them may have ended, too.
                self._drop()
                time.sleep(pause)
        return self._running().submit(task, argument)

    def _running(self) -> Executor:
        if self._executor is None:
            self._executor = self._start()
        return self._executor

    def _drop(self) -> None:
        # The pool ends the workers that it knew when it broke. One that was starting just then would wait for tasks
        # forever, and the pool for its end.
        self._kill_workers()
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None

    def _kill_workers(self) -> None:
        if self._executor is not None and self.kind == "processes":
            pool = cast("ProcessPoolExecutor", self._executor)
            for process in list((pool._processes or {}).values()):
                process.terminate()

    def _start(self) -> Executor:
        if self.kind == "threads":
            return ThreadPoolExecutor(self.count)
        from concurrent.futures import ProcessPoolExecutor  # loads multiprocessing

        context = _process_context(self._preload)
        return ProcessPoolExecutor(self.count, mp_context=context, initializer=_begin_worker)


def start_server(preload: Sequence[str]) -> None:
    """Start the server that worker processes are forked from. It imports `preload` in the background.

    Does nothing on a system without a fork server.
    """
    if _process_context(preload).get_start_method() == "forkserver":
        from multiprocessing.forkserver import ensure_running

        ensure_running()


def _process_context(preload: Sequence[str]) -> BaseContext:
    import multiprocessing

    # never plain fork: this process has SQLite open, and libraries that start threads
    forkserver = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if forkserver else "spawn")
    if forkserver:
        _keep_sockets_in_own_folder()
        if preload:
            context.set_forkserver_preload(list(preload))
    return context


def _keep_sockets_in_own_folder() -> None:
    """Let multiprocessing put its sockets into a folder that the next command removes if this one is killed."""
    from multiprocessing.process import current_process
    from multiprocessing.util import Finalize

    config: dict[str, Any] = getattr(current_process(), "_config", {})
    if config.get("tempdir") is None:
        folder = make_temporary_folder()
        if len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER:
            config["tempdir"] = str(folder)
        # after the finalizers that use the folder
        Finalize(None, remove_temporary_folder, args=(folder,), exitpriority=-100)


def _begin_worker() -> None:
    """Ignore Ctrl-C, which the parent handles, end with the parent, and discard what decoders write.

    A worker closes the streams of the parent, so a pipe such as `| tee` ends when the parent ends.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()
    with open(os.devnull, "r+b", buffering=0) as null:
        for descriptor in (0, 1, 2):
            os.dup2(null.fileno(), descriptor)
    _keep_freed_memory()


def _end_with_parent() -> None:
    """End this process as soon as its parent has ended, in whatever way, even during a task.

    The server that forked it ends when its last worker has ended.
    """
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _keep_freed_memory() -> None:
    """Let the C library keep up to KEPT_BYTES of freed memory, if it is glibc.

    By default it returns large arrays to the system immediately. The system then has to clear new pages for the
    next clip, which takes as long as decoding it.
    """
    with suppress(OSError, TypeError, AttributeError):
        c_library = ctypes.CDLL(None)
        for parameter in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD):
            c_library.mallopt(parameter, KEPT_BYTES)


def _is_broken(future: Future[R]) -> bool:
    return future.cancelled() or (future.done() and isinstance(future.exception(), BrokenExecutor))


def _finished(result: R | WorkerDied) -> Future[R | WorkerDied]:
    future: Future[R | WorkerDied] = Future()
    future.set_result(result)
    return future
