"""Time limits for queries and for regular expressions, which can backtrack for longer than anybody waits.

The package `regex` takes the expressions of Python's `re`, lets other threads run, and has a limit of its own. It
searches for those of queries. For a pattern of catalog.toml, which each file meets, `re` is faster: it looks for
signals while it searches, so a timer ends it. Signals reach the main thread only; other threads use `regex`.
"""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from types import FrameType
from typing import Any, NoReturn

SECONDS = 5.0
"""How long the expressions of one query may search, and one pattern of catalog.toml in one path."""

ADVICE = "write it without a repetition inside of another one, such as (a+)+"
"""What to do about an expression that takes too long."""

_CHOICES = re.compile(r"[*+?{|]")

_until: ContextVar[float | None] = ContextVar("until", default=None)


class TooSlowError(Exception):
    """The time is over."""


def bounded_match(pattern: str, text: str, seconds: float) -> re.Match[str] | None:
    """Match the whole of a text. Raises TooSlowError after this time."""
    if _may_backtrack(pattern) and not _has_timer():
        match: re.Match[str] | None = _bounded_elsewhere("fullmatch", pattern, text, seconds)
        return match
    if not _may_backtrack(pattern):
        return re.fullmatch(pattern, text)
    with time_limit(seconds):
        return re.fullmatch(pattern, text)


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


def seconds_left() -> float | None:
    """Return how much of the time of `query_limit` is left, 0 or more; None outside of such a block."""
    until = _until.get()
    return None if until is None else max(until - time.monotonic(), 0.0)


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


class Searches:
    """The searches of one query: all of them together take at most `SECONDS`. No text is searched twice."""

    def __init__(self) -> None:
        self._left = SECONDS
        self._known: dict[str, dict[str, bool]] = {}

    def found(self, pattern: str, texts: Collection[str]) -> list[str]:
        """Return the texts in which the expression is found. Raises TooSlowError."""
        known = self._known.setdefault(pattern, {})
        begun = time.monotonic()
        try:
            new = [text for text in texts if text not in known]
            known.update(zip(new, _search_all(pattern, new, self._left), strict=True))
        finally:
            self._left -= time.monotonic() - begun
        return [text for text in texts if known[text]]


def _search_all(pattern: str, texts: Iterable[str], seconds: float) -> Iterator[bool]:
    """Yield for each text whether the expression is found in it."""
    if not _may_backtrack(pattern):
        search = re.compile(pattern).search
        yield from (search(text) is not None for text in texts)
        return
    until = time.monotonic() + seconds
    for text in texts:
        if (left := until - time.monotonic()) <= 0:
            raise TooSlowError
        yield _bounded_elsewhere("search", pattern, text, left) is not None


@lru_cache(maxsize=256)
def _may_backtrack(pattern: str) -> bool:
    """Return whether an expression has several repetitions or choices; with one, the time grows slowly."""
    return len(_CHOICES.findall(pattern)) > 1


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TooSlowError
