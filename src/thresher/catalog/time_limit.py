"""A time limit for regular expressions, which can backtrack for longer than anybody waits, such as `(a+)+b`.

Python's `re` looks for signals while it searches, so a timer ends it. Signals reach the main thread only: in
another thread, and on systems without timers, there is no limit.
"""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import FrameType
from typing import NoReturn

SECONDS = 5.0
"""How long the expressions of one query may search, and one pattern of catalog.toml in one path."""

ADVICE = "write it without a repetition inside of another one, such as (a+)+"
"""What to do about an expression that takes too long."""

_REPEATS = re.compile(r"[*+{]")


_last = threading.local()


class TooSlowError(Exception):
    """The time is over."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """A block that ends with TooSlowError after this time."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGALRM, _end)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class LimitedSearch:
    """The function `regexp` of one connection: all its searches together take at most `SECONDS`."""

    def __init__(self) -> None:
        self._left = SECONDS

    def __call__(self, pattern: str | None, text: object) -> bool | None:
        """Return whether the expression is found in a text; None if one of them is None."""
        if pattern is None or text is None:
            return None
        search = re.compile(pattern).search
        if not _may_backtrack(pattern):
            return search(str(text)) is not None
        begun = time.monotonic()
        try:
            with time_limit(self._left):
                return search(str(text)) is not None
        except TooSlowError:
            _last.slow = pattern  # SQLite does not pass the error on
            raise
        finally:
            self._left -= time.monotonic() - begun


def slow_expression() -> str | None:
    """Return the expression whose search ended in this thread because of the limit; each is returned once."""
    found: str | None = getattr(_last, "slow", None)
    _last.slow = None
    return found


@lru_cache(maxsize=256)
def _may_backtrack(pattern: str) -> bool:
    """Return whether an expression has several repetitions; with one, the time grows slowly."""
    return len(_REPEATS.findall(pattern)) > 1


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TooSlowError
