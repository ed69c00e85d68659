"""Long computations of the room: each runs once in a thread, and pages ask for its progress until it is there.

Results are kept under a key that names what they depend on, the newest few.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from thresher.errors import ThresherError
from thresher.progress import Progress

T = TypeVar("T")

KEPT = 8
"""Results that are kept."""


@dataclass
class Job(Generic[T]):
    """A computation: its progress from 0 to 1, then its result or its error."""

    progress: float = 0.0
    result: T | None = None
    error: ThresherError | None = None
    is_done: bool = False


class Jobs(Generic[T]):
    """Computations of one kind, one at a time."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[Hashable, Job[T]] = OrderedDict()
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def get(self, key: Hashable, compute: Callable[[Progress], T]) -> Job[T]:
        """Return the computation of a key; start it if there is none.

        A computation that failed is returned once, so that the page can show the error. The next request starts it
        again.
        """
        with self._lock:
            job = self._jobs.pop(key, None)
            if job is not None and job.is_done and job.error is not None:
                return job
            if job is None:
                job = Job[T]()
                threading.Thread(target=self._run, args=(job, compute), daemon=True).start()
            self._jobs[key] = job
            for oldest in [each for each, known in self._jobs.items() if known.is_done][: -KEPT or None]:
                del self._jobs[oldest]
            return job

    def _run(self, job: Job[T], compute: Callable[[Progress], T]) -> None:
        def progress(_what: str, done: int, total: int) -> None:
            job.progress = done / total if total else 0.0

        with self._turn:
            try:
                job.result = compute(progress)
            except ThresherError as error:
                job.error = error
            except Exception as error:  # noqa: BLE001  a thread has no caller that could see it
                job.error = ThresherError(f"unexpected {type(error).__name__}: {error}")
            finally:
                job.is_done = True
