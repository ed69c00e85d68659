"""Hold signals back while a C library calls Python functions: it would swallow the exception of a signal handler.

libsndfile reads and writes some files through such functions. Ctrl-C inside of one would lose a read or a write,
and the command would continue with damaged audio.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

HELD = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""The signals whose handlers raise exceptions; Windows has no SIGHUP."""


@contextmanager
def held_signals() -> Iterator[None]:
    """A block at whose end the handlers of the signals run that arrived in it. Python runs handlers in the main
    thread only, so in other threads nothing is held back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[tuple[int, FrameType | None]] = []
    before: dict[int, Any] = {}

    def note(number: int, frame: FrameType | None) -> None:
        arrived.append((number, frame))

    for number in HELD:
        if callable(signal.getsignal(number)):
            before[number] = signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number, frame in arrived:
            before[number](number, frame)
