"""Run a function on several threads. It pays for code that releases Python's global lock (numpy, numba)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")


def in_threads(do: Callable[[Part], Result], parts: Iterable[Part], threads: int) -> list[Result]:
    """Return `do(part)` for each of `parts`, in their order, computed on `threads` threads.

    The calling thread iterates over `parts` while the others work. With one thread everything runs in the calling
    thread. An exception raised by a call is raised here.
    """
    if threads == 1:
        return [do(part) for part in parts]
    pool = ThreadPoolExecutor(threads)
    try:
        return list(pool.map(do, parts))
    finally:
        pool.shutdown(cancel_futures=True)
