"""Work on several threads, for code that does without Python's lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")


def in_threads(do: Callable[[Part], Result], parts: Iterable[Part], threads: int) -> list[Result]:
    """What `do` makes of each of `parts`, in their order, on so many threads; raises what one of them raises.

    `parts` are taken by this thread, as fast as they come, while the others work. One thread is this one.
    """
    if threads == 1:
        return [do(part) for part in parts]
    pool = ThreadPoolExecutor(threads)
    try:
        return list(pool.map(do, parts))
    finally:
        pool.shutdown(cancel_futures=True)
