"""The executor `dask`: tasks run on a Dask cluster, one that exists or one on this machine.

Each result is fetched as soon as its task has finished, so the cluster keeps no result. If the connection to the
scheduler is lost and comes back, the tasks that were sent are sent again. Short tasks are sent in bundles, because
the scheduler takes some milliseconds for each message. TLS and other security settings of a
cluster are Dask's own (its configuration files and `DASK_…` variables). A local cluster listens on the loopback
device only; its connections are encrypted by a key that exists only in memory, so no other user of the machine
can send it tasks.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import pkgutil
import signal
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import dask
from distributed import Client, LocalCluster
from distributed import Future as RemoteFuture
from distributed.scheduler import KilledWorker
from distributed.security import Security
from distributed.utils import silence_logging_cmgr

from thresher.catalog.files.temporary_files import temporary_folder
from thresher.curation.executors.dask_worker import Finished, OtherVersion, run_tasks
from thresher.curation.executors.inputs import InputsLostError
from thresher.curation.executors.worker_process import process_context
from thresher.errors import ClusterError
from thresher.version import __version__

T = TypeVar("T")
R = TypeVar("R")

CONNECT_SECONDS = 20.0
"""How long to wait for a scheduler's answer, and for its return if the connection was lost."""

WORKER_SECONDS = 60.0
"""How long to wait for a worker of a cluster that has none."""

WATCH_SECONDS = 2.0
"""Seconds between two looks at the cluster's workers."""

BUNDLE_SECONDS = 0.25
"""How long a bundle of tasks takes: long beside the scheduler's work for it, short beside the wait at the end."""

MESSAGE_SECONDS = 0.01
"""What the scheduler needs for a bundle. Bundles take this times the workers, so that it keeps up with them."""

MOST_IN_BUNDLE = 16

BUNDLES_AHEAD = 2
"""Bundles in flight for each worker: one that runs, and one that waits there."""

BUNDLES_WAITING = 2
"""Bundles for each worker that wait here. If fewer wait, the work is near its end, and bundles become smaller."""

LOCAL_SETTINGS: dict[str, object] = {
    "distributed.scheduler.allowed-failures": 1,  # a task that ended two workers is run alone next
    "distributed.scheduler.work-stealing-interval": "100ms",
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,
}

LOCAL_MODULES = ("distributed.nanny", "distributed.worker", "thresher.curation.executors.dask_worker")
"""What the worker processes of a local cluster need besides the modules of their tasks."""


@dataclass(frozen=True, eq=False)
class _Sent:
    """A task, its argument, and the future that the caller waits for."""

    local: Future[Any]
    task: Callable[[Any], Any]
    argument: Any


class _Connection(Client):  # type: ignore[misc]  # Dask has no types
    """A client that is closed if it can't connect.

    Else the garbage collector would close it at any moment, and may wait for a lock that the same thread holds.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        try:
            super().__init__(*given, **named)
        except BaseException:
            with suppress(Exception):
                self.close()
            raise


class DaskExecutor(Executor):
    """A connection to a Dask cluster, which runs tasks until `shutdown`.

    `address` is that of a scheduler; None starts a cluster of `count` processes on this machine. A task whose
    worker died too often raises BrokenExecutor. Whatever is wrong with the cluster raises ClusterError, here or as
    the result of every task that waits.
    """

    def __init__(self, address: str | None, count: int, *, preload: Sequence[str] = ()) -> None:
        self.count = count
        self._name = "the local Dask cluster" if address is None else f"the Dask cluster at {address}"
        self._own: LocalCluster | None = None
        self._queue: deque[_Sent] = deque()
        self._sent: dict[Future[Any], _Sent] = {}
        self._lock = threading.Lock()
        self._bundles = 0
        self._size = 1
        self._seconds: float | None = None
        self._closed = False
        self._stack = ExitStack()
        try:
            self._stack.enter_context(silence_logging_cmgr(logging.CRITICAL + 1))
            self._client = self._local(count, preload) if address is None else self._connected(address)
            self._stack.callback(self._client.close)
            self._check_workers()
        except BaseException:
            self._stack.close()
            raise
        self._client.loop.add_callback(self._watch)

    def _local(self, count: int, preload: Sequence[str]) -> Client:
        folder = self._stack.enter_context(temporary_folder())
        method = process_context((*LOCAL_MODULES, *preload)).get_start_method()
        settings = {**LOCAL_SETTINGS, "distributed.worker.multiprocessing-method": method}
        self._stack.enter_context(dask.config.set(settings))
        self._own = LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # its server starts in any case, without pages
            scheduler_kwargs={"dashboard": False},
            memory_limit=0,
            security=Security.temporary(),
            local_directory=str(folder),
            silence_logs=logging.CRITICAL + 1,
            preload=["thresher.curation.executors.dask_worker"],
        )
        self._stack.callback(self._own.close)
        return Client(self._own, set_as_default=False)

    def _connected(self, address: str) -> Client:
        try:
            return _Connection(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            # a TypeError or ValueError is about certificates
            raise ClusterError(
                f"no scheduler answers at {address}: {_in_one_line(error)}; start one with `dask scheduler`, or "
                "set another [ingest] executor in catalog.toml"
            ) from error

    def _check_workers(self) -> None:
        """Wait for the first worker, and refuse the cluster if a worker runs another version of thresher."""
        try:
            self._client.wait_for_workers(1, timeout=WORKER_SECONDS)
        except TimeoutError as error:
            raise self._without_workers() from error
        versions = self._client.run(pkgutil.resolve_name, "thresher.version:__version__", on_error="return")
        for address, version in sorted(versions.items()):
            if isinstance(version, ImportError):
                raise _other_version(OtherVersion(address, ""))
            if isinstance(version, str) and version != __version__:
                raise _other_version(OtherVersion(address, version))
        self.count = max(1, sum(self._client.nthreads().values()))

    def _without_workers(self) -> ClusterError:
        return ClusterError(
            f"{self._name} has no worker; start some with `dask worker`, then run the same command again"
        )

    @property
    def ahead(self) -> int:
        """The number of tasks to submit before the first result is awaited, so that no worker waits."""
        return self.count * (BUNDLES_AHEAD + BUNDLES_WAITING) * self._size

    def submit(self, task: Callable[[T], R], argument: T, /) -> Future[R]:  # type: ignore[override]  # one argument
        """Send a task to the cluster. The argument may be or contain values of `share`, in tuples."""
        local: Future[R] = Future()
        with self._lock:
            self._queue.append(_Sent(local, task, argument))
        self._client.loop.add_callback(self._send)
        return local

    def share(self, value: T) -> T:
        """Return a handle that stands for `value` in arguments. The value is sent to the cluster once."""
        until = time.monotonic() + CONNECT_SECONDS
        while True:
            try:
                return self._client.scatter(value, hash=False)  # type: ignore[no-any-return]  # a handle, see above
            except (OSError, CancelledError) as error:
                # the worker that was to receive it may have ended, which the scheduler finds out soon
                if time.monotonic() > until or self._client.status == "closed":
                    raise self._lost() from error
            time.sleep(0.2)

    # The methods below run in the client's thread.

    def _send(self) -> None:
        """Send the queued tasks in bundles, as long as workers have fewer than they should."""
        while self._bundles < BUNDLES_AHEAD * self.count and (bundle := self._next_bundle()):
            self._bundles += 1
            self._client.loop.add_callback(self._follow, bundle)

    def _next_bundle(self) -> list[_Sent]:
        """Take the next tasks from the queue; none if there are none, or if `_end_waiting` has just ended them."""
        with self._lock:
            if not self._queue:
                return []
            size = self._bundle_size(len(self._queue))
            bundle = [self._queue.popleft()]
            while self._queue and len(bundle) < size and self._queue[0].task is bundle[0].task:
                bundle.append(self._queue.popleft())
            self._sent.update((each.local, each) for each in bundle)
        return bundle

    def _bundle_size(self, queued: int) -> int:
        """Return how many queued tasks the next bundle takes: few near the end, so that workers end together.

        The least size is that at which a bundle takes as long as the messages of all bundles that the queue makes,
        but not more than a worker's share.
        """
        seconds = max(self._seconds or BUNDLE_SECONDS, 1e-6)
        share = queued / self.count
        least = min(share, math.sqrt(queued * MESSAGE_SECONDS / seconds))
        return min(self._size, math.ceil(max(least, share / BUNDLES_AHEAD)))

    async def _follow(self, bundle: list[_Sent]) -> None:
        """Send a bundle, fetch its results, and forget it on the cluster."""
        try:
            finished = await self._finished(bundle)
        except Exception as error:  # noqa: BLE001 – raised where the results are due
            for each in bundle:
                self._finish(each.local, None, error)
        else:
            seconds = finished.seconds / len(bundle)
            self._seconds = seconds if self._seconds is None else (3 * self._seconds + seconds) / 4
            wanted = max(BUNDLE_SECONDS, MESSAGE_SECONDS * self.count)
            self._size = max(1, min(MOST_IN_BUNDLE, int(wanted / max(self._seconds, 1e-6))))
            for each, (result, raised) in zip(bundle, finished.results, strict=True):
                self._finish(each.local, result, raised)
        self._bundles -= 1
        self._send()

    async def _finished(self, bundle: list[_Sent]) -> Finished[Any]:
        arguments = [each.argument for each in bundle]
        while True:
            key = f"thresher-{uuid.uuid4().hex}"
            remote = self._client.submit(run_tasks, __version__, bundle[0].task, arguments, key=key)
            try:
                result = await remote.result()  # awaitable in this thread
            except KilledWorker as error:
                raise BrokenExecutor(str(error)) from error
            except (
                OSError,
                CancelledError,
            ) as error:  # the connection was lost, also while a result was fetched
                if _has_handle(arguments):
                    raise InputsLostError from error
                if not await self._is_connected():
                    raise self._lost() from error
                continue
            except ModuleNotFoundError as error:
                if error.name is not None and error.name.partition(".")[0] == "thresher":
                    raise _other_version(OtherVersion("", "")) from error
                raise
            if isinstance(result, OtherVersion):
                raise _other_version(result)
            assert isinstance(result, Finished)
            return result

    def _finish(self, local: Future[Any], result: object, error: Exception | None) -> None:
        with self._lock:
            if self._sent.pop(local, None) is None:  # `_end_waiting` has ended it
                return
        if error is None:
            local.set_result(result)
        else:
            local.set_exception(error)

    async def _is_connected(self) -> bool:
        """Wait until the client is connected to a scheduler again; return False if that takes too long."""
        until = time.monotonic() + CONNECT_SECONDS
        while self._client.status == "connecting" and time.monotonic() < until:
            await asyncio.sleep(0.1)
        return bool(self._client.status == "running") and not self._closed

    async def _watch(self) -> None:
        """Count the cluster's threads; end all waiting if there has been no worker for long."""
        last = time.monotonic()
        while not self._closed:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                threads: dict[str, int] = await self._client.nthreads()  # awaitable here
            except (OSError, RuntimeError, CancelledError):  # `_follow` deals with a lost connection
                last = time.monotonic()
                continue
            if threads:
                self.count, last = sum(threads.values()), time.monotonic()
            elif time.monotonic() - last > WORKER_SECONDS:
                self._end_waiting(self._without_workers())
                last = time.monotonic()

    def _end_waiting(self, error: Exception) -> None:
        with self._lock:
            waiting = [*self._sent, *(each.local for each in self._queue)]
            self._sent.clear()
            self._queue.clear()
        for local in waiting:
            local.set_exception(error)

    def _lost(self) -> ClusterError:
        return ClusterError(
            f"the connection to the scheduler of {self._name} was lost; what is stored stays: run the same command "
            "again to continue"
        )

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002 – the interface
        """Close the connection, and end the cluster if it is local."""
        self._closed = True
        self._end_waiting(BrokenExecutor("the executor was closed"))
        self._stack.close()

    def kill(self) -> None:
        """End the workers of a local cluster at once, even during a task."""
        if self._own is None:
            return
        for nanny in self._own.workers.values():
            nanny.auto_restart = False
            if nanny.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(nanny.pid, signal.SIGKILL)


def _has_handle(argument: object) -> bool:
    if isinstance(argument, list | tuple):
        return any(_has_handle(each) for each in argument)
    return isinstance(argument, RemoteFuture)


def _other_version(found: OtherVersion) -> ClusterError:
    who = f"the worker {found.address}" if found.address else "a worker"
    what = f"runs thresher {found.version}" if found.version else "has no thresher"
    return ClusterError(
        f"{who} {what}, but this program is version {__version__}; install thresher {__version__} there"
    )


def _in_one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
