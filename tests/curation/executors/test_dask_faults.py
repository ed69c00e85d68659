"""Faults of a cluster of real processes: workers, the scheduler and the command are killed. The work finishes, or
the same command finishes it, and the catalog equals that of a local run, row for row."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from tests.curation.executors.clusters import CLIPS, Cluster, content, recordings, wait_until
from tests.support import COMMAND, environment, run_process
from thresher.curation.comparison import block_scores
from thresher.curation.comparison.block_scores import BlockScorer
from thresher.curation.workers import WorkerDied, Workers
from thresher.signal.metrics.registry import find_metric

pytestmark = pytest.mark.slow


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Cluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    cluster = Cluster(folder)
    try:
        yield cluster
    finally:
        cluster.end()


def start_ingest(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "ingest", "clips"],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def children_of(process: int) -> list[int]:
    """The processes that a process has started, and those that they have started."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if entry.name.isdecimal() and parent == process:
                found += [int(entry.name), *children_of(int(entry.name))]
    return found


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_local_cluster_stores_what_one_process_stores(
    shelf: Callable[[str], Path], expected: dict[str, list[str]]
) -> None:
    folder = shelf("dask:2")
    done = run_process("ingest", "clips", cwd=folder)
    assert done.returncode == 5, done.stderr  # one file is broken
    assert content(folder) == expected


def test_a_worker_that_is_killed_loses_nothing(
    processes: Cluster, shelf: Callable[[str], Path], expected: dict[str, list[str]]
) -> None:
    processes.scheduler()
    first, _ = processes.worker("--no-nanny"), processes.worker("--no-nanny")
    folder = shelf(f"dask:{processes.address}")
    command = start_ingest(folder)
    wait_until(lambda: recordings(folder) > 0)
    first.kill()
    out, err = command.communicate(timeout=120)
    assert command.returncode == 5, (out, err)
    assert content(folder) == expected


def test_all_workers_killed_and_others_started_lose_nothing(
    processes: Cluster, shelf: Callable[[str], Path], expected: dict[str, list[str]]
) -> None:
    processes.scheduler()
    workers = [processes.worker("--no-nanny"), processes.worker("--no-nanny")]
    folder = shelf(f"dask:{processes.address}")
    command = start_ingest(folder)
    wait_until(lambda: recordings(folder) > 0)
    for worker in workers:
        worker.kill()
    processes.worker("--no-nanny")
    out, err = command.communicate(timeout=120)
    assert command.returncode == 5, (out, err)
    assert content(folder) == expected


def test_a_scheduler_that_is_killed_ends_the_command_which_continues_later(
    processes: Cluster, shelf: Callable[[str], Path], expected: dict[str, list[str]]
) -> None:
    scheduler = processes.scheduler()
    processes.worker("--no-nanny")
    folder = shelf(f"dask:{processes.address}")
    command = start_ingest(folder)
    wait_until(lambda: recordings(folder) > 0)
    scheduler.kill()
    out, err = command.communicate(timeout=120)
    assert command.returncode == 3, (out, err)
    (message,) = (line for line in err.splitlines() if line.startswith("error: "))
    assert f"the scheduler of the Dask cluster at {processes.address} was lost" in message
    assert 0 < recordings(folder) < CLIPS + 1
    processes.scheduler()
    processes.worker("--no-nanny")
    again = run_process("ingest", "clips", cwd=folder)
    assert again.returncode == 5, again
    assert content(folder) == expected


def test_a_scheduler_that_comes_back_at_once_is_used_again(
    processes: Cluster, shelf: Callable[[str], Path], expected: dict[str, list[str]]
) -> None:
    scheduler = processes.scheduler()
    processes.worker("--no-nanny")
    folder = shelf(f"dask:{processes.address}")
    command = start_ingest(folder)
    wait_until(lambda: recordings(folder) > 0)
    scheduler.kill()
    processes.scheduler()
    processes.worker("--no-nanny")
    out, err = command.communicate(timeout=120)
    assert command.returncode == 5, (out, err)
    assert content(folder) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_command_that_is_killed_leaves_no_process_of_its_cluster(
    shelf: Callable[[str], Path], expected: dict[str, list[str]]
) -> None:
    folder = shelf("dask:2")
    command = start_ingest(folder)
    wait_until(lambda: recordings(folder) > 0)
    started = children_of(command.pid)
    assert len(started) >= 2
    command.send_signal(signal.SIGKILL)
    command.communicate()
    wait_until(lambda: not any(map(is_alive, started)), 15)
    again = run_process("ingest", "clips", cwd=folder)
    assert again.returncode == 5, again
    assert content(folder) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_interrupted_command_ends_its_cluster_soon(shelf: Callable[[str], Path]) -> None:
    folder = shelf("dask:2")
    command = start_ingest(folder)
    wait_until(lambda: recordings(folder) > 0)
    started = children_of(command.pid)
    begun = time.monotonic()
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=60)
    assert time.monotonic() - begun < 30
    wait_until(lambda: not any(map(is_alive, started)), 15)


def test_a_task_that_ends_its_workers_is_given_up_and_the_others_finish() -> None:
    death = "__import__('signal').raise_signal(11)"
    with Workers("dask:2") as workers:
        tasks = [(n, death if n in (3, 4, 11) else f"{n} * {n}") for n in range(16)]
        found = dict(workers.map(eval, tasks))
    assert found == {n: WorkerDied() if n in (3, 4, 11) else n * n for n in range(16)}


def test_scores_survive_the_loss_of_the_worker_that_holds_the_inputs(
    processes: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_scores, "TASK_PAIRS", 500)
    metric = find_metric("prefix")
    generator = np.random.default_rng(0)
    clips = [generator.integers(0, 1 << 32, size=20, dtype=np.uint32) for _ in range(160)]
    live, blocks = metric.pack(clips[:100]), [metric.pack(clips[start : start + 30]) for start in (100, 130)]
    with Workers("serial") as here:
        scorer = BlockScorer(metric, [live], here, 0)
        expected = [*scorer.scores(blocks[0]), *scorer.scores(blocks[1])]
    processes.scheduler()
    first = processes.worker("--no-nanny")
    with Workers(f"dask:{processes.address}") as there:
        scorer = BlockScorer(metric, [live], there, block_scores.CLUSTER_PAIRS)
        found = [*scorer.scores(blocks[0])]
        first.kill()  # with the live clips, which are not sent again unless they are lost
        processes.worker("--no-nanny")
        found += scorer.scores(blocks[1])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
