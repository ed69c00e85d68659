"""Workers: results come in order, and a worker that dies loses one task."""

from __future__ import annotations

import multiprocessing.spawn
import os
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.support import MakeCatalog, environment
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import recording
from thresher.curation import workers
from thresher.curation.executors.worker_process import without_script
from thresher.curation.workers import ExecutorName, WorkerDied, Workers, grouped, parse_executor
from thresher.errors import UsageError, WorkersError

KINDS = ["serial", "threads:2", "processes:2"]


# Tasks are expressions and `eval` is the function, because worker processes do not import this file.


def square(number: int) -> str:
    """Return an expression for the square, which is slow for every third number."""
    return f"__import__('time').sleep({0.02 if number % 3 == 0 else 0}) or {number} * {number}"


DEATH = "__import__('signal').raise_signal(11)"
FAILURE = "int('no number')"


@pytest.mark.parametrize("word", KINDS)
def test_results_come_in_the_order_of_the_items(word: str) -> None:
    with Workers(word) as workers:
        found = list(workers.map(eval, ((str(n), square(n) if n % 5 else None) for n in range(30))))
    assert found == [(str(n), n * n if n % 5 else None) for n in range(30)]


def test_a_worker_that_dies_loses_only_its_own_task() -> None:
    with Workers("processes:2") as workers:
        found = dict(workers.map(eval, ((n, DEATH if n in (3, 4, 11) else square(n)) for n in range(20))))
    assert list(found) == list(range(20))
    assert {n for n, result in found.items() if isinstance(result, WorkerDied)} == {3, 4, 11}
    assert all(found[n] == n * n for n in found if n not in (3, 4, 11))


def test_tasks_that_begin_early_give_the_same_results() -> None:
    tasks = {n: DEATH if n in (3, 9) else square(n) for n in range(12)}
    with Workers("processes:2") as workers:
        workers.begin(eval, [*(tasks[n] for n in (0, 1, 3, 4, 11)), square(99)])
        found = dict(workers.map(eval, tasks.items()))
    expected = {n: n * n for n in tasks}
    assert found == expected | dict.fromkeys((3, 9), WorkerDied())


def test_a_task_that_began_early_is_not_run_again(tmp_path: Path) -> None:
    appending = f"open({str(tmp_path / 'runs')!r}, 'a').write('x')"
    with Workers("processes:1") as workers:
        workers.begin(eval, [appending])
        assert list(workers.map(eval, [(1, appending)])) == [(1, 1)]
    assert (tmp_path / "runs").read_text() == "x"


def test_tasks_that_cannot_begin_early_begin_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when Ctrl-C ends the server of worker processes. An exception in the thread would fail the test."""

    def fails(*_given: Any) -> Any:
        raise EOFError("unexpected EOF")

    with Workers("processes:1") as workers:
        with monkeypatch.context() as patch:
            patch.setattr(workers, "_submit", fails)
            workers.begin(eval, [square(2)])
            workers._finish_beginning()
        assert list(workers.map(eval, [("a", square(2))])) == [("a", 4)]


@pytest.mark.parametrize("word", ["serial", "threads:1"])
def test_only_processes_begin_early(tmp_path: Path, word: str) -> None:
    with Workers(word) as workers:
        workers.begin(eval, [f"open({str(tmp_path / 'run')!r}, 'w')"])
    assert not (tmp_path / "run").exists()


def test_what_a_decoder_prints_in_a_worker_reaches_no_output(capfd: pytest.CaptureFixture[str]) -> None:
    printing = "[__import__('os').write(stream, b'libsndfile was here') for stream in (1, 2)]"
    with Workers("processes:1") as workers:
        assert list(workers.map(eval, [(1, printing)])) == [(1, [19, 19])]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("word", KINDS)
def test_an_exception_of_a_task_is_raised_when_its_result_is_due(word: str) -> None:
    with Workers(word) as workers, pytest.raises(ValueError, match="no number"):
        list(workers.map(eval, [(0, FAILURE)]))


def test_only_a_few_items_are_read_ahead() -> None:
    taken = 0

    def items() -> object:
        nonlocal taken
        for number in range(1_000):
            taken += 1
            yield number, square(number)

    with Workers("threads:2") as workers:
        results: Any = workers.map(eval, items())  # type: ignore[arg-type]
        next(results)
        assert taken <= 20


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("serial", ("serial", 1)),
        ("threads:3", ("threads", 3)),
        ("processes:2", ("processes", 2)),
        ("dask:4", ("dask", 4)),
        ("dask:tcp://box.lan:8786", ("dask", 1, "tcp://box.lan:8786")),
        ("dask:tls://[::1]:8786", ("dask", 1, "tls://[::1]:8786")),
    ],
)
def test_an_executor_is_parsed_from_one_word(word: str, expected: tuple[Any, ...]) -> None:
    assert parse_executor(word) == ExecutorName(*expected)


@pytest.mark.parametrize(
    "word",
    [
        "",
        "fork",
        "threads:",
        "threads:0",
        "threads:x",
        "serial:",
        "dask:",
        "dask:0",
        "dask:tcp://box",
        "dask:box:1",
    ],
)
def test_an_unknown_executor_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="executor"):
        parse_executor(word)


def test_items_are_grouped_by_size() -> None:
    assert list(grouped(range(7), 3, 60)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(grouped(range(3), 100, -1)) == [[0], [1], [2]]


def test_a_worker_that_dies_while_another_starts_loses_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipe to the new worker is then closed while a task is sent to it."""
    starts = ProcessPoolExecutor.submit
    failing = [OSError(9, "Bad file descriptor")]

    def submit(self: ProcessPoolExecutor, *arguments: Any, **options: Any) -> Any:
        if failing:
            raise failing.pop()
        return starts(self, *arguments, **options)

    monkeypatch.setattr(ProcessPoolExecutor, "submit", submit)
    with Workers("processes:2") as workers:
        assert dict(workers.map(eval, ((n, square(n)) for n in range(3)))) == {0: 0, 1: 1, 2: 4}
    assert not failing


def test_what_killed_commands_left_is_removed_before_processes_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    ended.wait()
    left = tmp_path / f"thresher-{ended.pid}-a1b2c3"
    left.mkdir()
    (left / "listener-1").touch()
    with Workers("processes:1"):
        assert not left.exists()


SCRIPT = """
import thresher

print("started")
with thresher.Catalog.open("catalog.toml") as catalog:
    thresher.ingest(catalog, ["audio"])
"""


@pytest.mark.sqlite_only("a script that opens a catalog by its file")
@pytest.mark.usefixtures("audio")
def test_a_script_needs_no_guarded_main_part(tmp_path: Path, new_catalog: MakeCatalog) -> None:
    """Workers don't import the script, which would run again in each of them."""
    new_catalog(tmp_path).close()
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    ended = subprocess.run(
        [sys.executable, script], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "started\n", "")
    with Catalog.open(tmp_path / "catalog.toml") as opened, opened.reading() as connection:
        assert set(connection.scalars(select(recording.c.status))) == {"ok"}


def test_workers_that_cannot_start_end_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "begin_worker", os.abort)
    with Workers("processes:1") as broken, pytest.raises(WorkersError, match='use the executor "threads"'):
        list(broken.map(abs, [(1, -1)]))


def test_threads_that_start_workers_at_once_leave_multiprocessing_as_it_was() -> None:
    before = multiprocessing.spawn.get_preparation_data
    entered, ended = threading.Event(), threading.Event()

    def start() -> None:
        with without_script():
            entered.set()
            ended.wait()

    other = threading.Thread(target=start)
    with without_script():
        other.start()
        entered.wait(0.2)
    ended.set()
    other.join()
    assert multiprocessing.spawn.get_preparation_data is before
