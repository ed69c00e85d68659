"""The executor `dask`: results in order, nothing kept on the cluster, and errors in one sentence."""

from __future__ import annotations

import gc
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from unittest import mock

import pytest

from thresher.curation.executors import dask_executor, dask_worker
from thresher.curation.executors.dask_worker import OtherVersion, run_tasks
from thresher.curation.workers import Workers
from thresher.errors import CatalogError, ClusterError
from thresher.version import __version__

# Tasks are expressions and `eval` is the function, because workers do not import this file.


def square(number: int) -> str:
    """Return an expression for the square, which is slow for every third number."""
    return f"__import__('time').sleep({0.02 if number % 3 == 0 else 0}) or {number} * {number}"


def test_results_come_in_the_order_of_the_items(cluster: str) -> None:
    with Workers(cluster) as workers:
        found = list(workers.map(eval, ((str(n), square(n) if n % 5 else None) for n in range(60))))
    assert found == [(str(n), n * n if n % 5 else None) for n in range(60)]


def test_an_exception_of_a_task_is_raised_when_its_result_is_due(cluster: str) -> None:
    with Workers(cluster) as workers:
        results = workers.map(eval, ((n, "int('no number')" if n == 3 else square(n)) for n in range(9)))
        assert [next(results)[1] for _ in range(3)] == [0, 1, 4]
        with pytest.raises(ValueError, match="no number"):
            next(results)


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_connection_that_breaks_while_a_result_is_fetched_is_made_again_or_named(
    cluster: str, monkeypatch: pytest.MonkeyPatch, is_gone: bool
) -> None:
    from distributed import Future
    from distributed.comm import CommClosedError

    result = Future.result
    broken: list[str] = []

    async def breaking_once(future: Any) -> Any:
        if not broken:
            broken.append(future.key)
            raise CommClosedError("in <TCP (closed) ConnectionPool.gather>")
        return await result(future)

    async def is_never_connected(_: Any) -> bool:
        return False

    monkeypatch.setattr(Future, "result", breaking_once)
    if is_gone:
        monkeypatch.setattr(dask_executor.DaskExecutor, "_is_connected", is_never_connected)
    with Workers(cluster) as workers:
        found = workers.map(eval, ((n, square(n)) for n in range(9)))
        if is_gone:
            with pytest.raises(ClusterError, match=r"the connection to the scheduler of .* was lost"):
                list(found)
        else:
            assert [value for _, value in found] == [n * n for n in range(9)]
    assert len(broken) == 1


def test_a_few_items_are_read_ahead_and_the_cluster_keeps_no_result(cluster: str) -> None:
    from distributed import Client

    taken = 0

    def items() -> Iterator[tuple[int, str]]:
        nonlocal taken
        for number in range(2_000):
            taken += 1
            yield number, f"__import__('time').sleep(0.01) or {number}"

    with Client(cluster.removeprefix("dask:"), set_as_default=False) as looking, Workers(cluster) as workers:
        results: Any = workers.map(eval, items())
        for _ in range(60):
            next(results)
        ahead = dask_executor.BUNDLES_AHEAD + dask_executor.BUNDLES_WAITING
        assert taken <= 60 + 2 * ahead * dask_executor.MOST_IN_BUNDLE
        time.sleep(1.0)  # every task in flight ends
        held = looking.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))
        assert held == 0


def test_a_shared_value_reaches_each_task(cluster: str) -> None:
    with Workers(cluster) as workers:
        handle = workers.share("40 + 2")
        found = [result for _, result in workers.map(len, [(n, (handle, handle)) for n in range(4)])]
        assert found == [2] * 4
        assert [result for _, result in workers.map(eval, [(n, handle) for n in range(3)])] == [42] * 3


def test_another_version_is_refused_by_name(cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_executor, "__version__", "9.9.9")  # this side; the workers have theirs
    with (
        Workers(cluster) as workers,
        pytest.raises(
            ClusterError, match=rf"worker tcp://127.0.0.1:\d+ runs thresher {__version__}, .*9\.9\.9"
        ),
    ):
        list(workers.map(eval, [(0, "1")]))


def test_a_worker_that_joins_later_refuses_another_version(
    cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Workers(cluster) as workers:
        assert list(workers.map(eval, [(0, "1")])) == [(0, 1)]
        monkeypatch.setattr(dask_worker, "__version__", "0.0.1")  # the workers run in this process
        with pytest.raises(ClusterError, match=r"runs thresher 0\.0\.1"):
            list(workers.map(eval, [(0, "1")]))


def test_tasks_of_this_version_run_outside_of_a_cluster_too() -> None:
    done = run_tasks(__version__, eval, ["1 + 1", "int('x')"])
    assert not isinstance(done, OtherVersion)
    assert done.results[0] == (2, None)
    assert isinstance(done.results[1][1], ValueError)
    assert run_tasks("another", eval, ["1"]) == OtherVersion("", __version__)


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_executor, "CONNECT_SECONDS", 0.5)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"  # nobody listens there
        with Workers(f"dask:{address}") as workers, pytest.raises(ClusterError) as caught:
            list(workers.map(eval, [(0, "1")]))
    message = str(caught.value)
    assert message.startswith(f"no scheduler answers at {address}: ")
    assert "\n" not in message


def test_tls_without_certificates_is_one_sentence_and_leaves_no_client_to_the_garbage_collector() -> None:
    from distributed import Client

    with Workers("dask:tls://127.0.0.1:1") as workers, pytest.raises(ClusterError) as caught:
        list(workers.map(eval, [(0, "1")]))
    assert "\n" not in str(caught.value)
    left = [
        each for each in gc.get_objects() if issubclass(type(each), Client)
    ]  # not isinstance: of weak proxies
    assert "connecting" not in [each.status for each in left]


def test_a_cluster_without_workers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import LocalCluster

    monkeypatch.setattr(dask_executor, "WORKER_SECONDS", 0.5)
    with LocalCluster(
        n_workers=0, processes=False, protocol="tcp://", host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as empty:
        word = f"dask:{empty.scheduler_address}"
        with Workers(word) as workers, pytest.raises(ClusterError, match="has no worker; start some"):
            list(workers.map(eval, [(0, "1")]))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "thresher.curation.executors.dask_executor", None)
    with Workers("dask") as workers, pytest.raises(CatalogError, match=r"pip install 'thresher\[dask\]'"):
        list(workers.map(eval, [(0, "1")]))


def test_only_the_executor_dask_loads_dask() -> None:
    code = (
        "import sys\n"
        "from thresher.curation.workers import Workers\n"
        "with Workers('threads:1') as workers: list(workers.map(eval, [(0, '1')]))\n"
        "print({'dask', 'distributed'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_queue_that_is_ended_while_it_is_sent_sends_nothing(cluster: str) -> None:
    with Workers(cluster) as workers:
        assert list(workers.map(eval, [(0, "1")])) == [(0, 1)]
        executor: Any = workers._executor
        executor._queue.append("a task")
        with mock.patch.object(executor, "_lock", mock.MagicMock()) as lock:
            lock.__enter__.side_effect = executor._queue.clear  # as `shutdown` in another thread
            executor._send()
        assert executor._bundles == 0


def test_a_task_that_ends_early_leaves_no_waiting_task(cluster: str) -> None:
    with suppress(ZeroDivisionError), Workers(cluster) as workers:
        list(workers.map(eval, [(0, "1 / 0"), *((n, "__import__('time').sleep(0.2)") for n in range(9))]))
    with Workers(cluster) as workers:
        assert list(workers.map(eval, [(0, "1")])) == [(0, 1)]
