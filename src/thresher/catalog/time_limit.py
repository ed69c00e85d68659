"""Time limits for queries and for regular expressions, which can backtrack for longer than anybody waits.

Python's `re` looks for signals while it searches, so a timer ends it; but signals reach the main thread only, and
meanwhile no other thread runs. In other threads, the package `regex` searches instead. It takes the same
expressions, lets other threads run, and has a limit of its own.
"""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from types import FrameType
from typing import Any, Literal, NoReturn

SECONDS = 5.0
"""How long the expressions of one query may search, and one pattern of catalog.toml in one path."""

ADVICE = "write it without a repetition inside of another one, such as (a+)+"
"""What to do about an expression that takes too long."""

_CHOICES = re.compile(r"[*+?{|]")

_last = threading.local()
_until: ContextVar[float | None] = ContextVar("until", default=None)


class TooSlowError(Exception):
    """The time is over."""


def bounded(
    how: Literal["search", "fullmatch"], pattern: str, text: str, seconds: float
) -> re.Match[str] | None:
    """Search for an expression in a text, or match the whole text. Raises TooSlowError after this time."""
    if _may_backtrack(pattern) and not _has_timer():
        match: re.Match[str] | None = _bounded_elsewhere(how, pattern, text, seconds)
        return match
    find = re.compile(pattern).search if how == "search" else re.compile(pattern).fullmatch
    if not _may_backtrack(pattern):
        return find(text)
    with time_limit(seconds):
        return find(text)


def _has_timer() -> bool:
    return threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")


def _bounded_elsewhere(how: str, pattern: str, text: str, seconds: float) -> Any:
    """Search with a limit in any thread."""
    import regex

    try:
        # the cache of `regex` keeps the compiled expression
        return getattr(regex, how)(pattern, text, timeout=max(seconds, 1e-3), concurrent=True)
    except (TimeoutError, regex.error):  # what `re` takes and `regex` does not is nothing that people write
        raise TooSlowError from None


@contextmanager
def query_limit(seconds: float) -> Iterator[None]:
    """A block in which the connections that it opens, also in threads that get its context, end after this time."""
    token = _until.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def is_over() -> Callable[[], bool] | None:
    """Return a function that tells whether the time of `query_limit` is over; None outside of such a block."""
    until = _until.get()
    return None if until is None else lambda: time.monotonic() > until


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """A block, in the main thread, that ends with TooSlowError after this time."""
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
        begun = time.monotonic()
        try:
            return bounded("search", pattern, str(text), self._left) is not None
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
    """Return whether an expression has several repetitions or choices; with one, the time grows slowly."""
    return len(_CHOICES.findall(pattern)) > 1


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TooSlowError
