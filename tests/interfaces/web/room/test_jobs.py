"""Long computations run once, tell their progress, and keep the newest results."""

from __future__ import annotations

import threading
import time

from thresher.errors import UsageError
from thresher.interfaces.web.room.jobs import KEPT, Job, Jobs
from thresher.progress import Progress


def finished(job: Job[int]) -> Job[int]:
    deadline = time.monotonic() + 30
    while not job.is_done and time.monotonic() < deadline:
        time.sleep(0.005)
    assert job.is_done
    return job


def test_a_key_is_computed_once_with_progress() -> None:
    jobs, go, runs = Jobs[int](), threading.Event(), []

    def compute(progress: Progress) -> int:
        runs.append(1)
        progress("counting", 1, 4)
        go.wait(30)
        return 7

    job = jobs.get("a", compute)
    assert jobs.get("a", compute) is job
    while job.progress != 0.25:
        time.sleep(0.005)
    go.set()
    assert finished(job).result == 7
    assert jobs.get("a", compute).result == 7
    assert len(runs) == 1


def test_an_error_reaches_who_asks_again_and_then_the_computation_starts_again() -> None:
    jobs, go = Jobs[int](), threading.Event()

    def fail(_progress: Progress) -> int:
        raise UsageError("no such thing")

    def slow(_progress: Progress) -> int:
        go.wait(30)
        return 2

    finished(jobs.get("a", fail))
    assert str(jobs.get("a", slow).error) == "no such thing"
    go.set()
    assert finished(jobs.get("a", lambda _progress: 1)).result == 1
    unexpected = finished(jobs.get("b", lambda _progress: 1 // 0)).error
    assert "ZeroDivisionError" in str(unexpected)


def test_the_oldest_results_are_forgotten() -> None:
    jobs, runs = Jobs[int](), []

    def compute(_progress: Progress) -> int:
        runs.append(1)
        return 1

    for key in range(KEPT + 2):
        finished(jobs.get(key, compute))
    finished(jobs.get(0, compute))
    assert len(runs) == KEPT + 3
