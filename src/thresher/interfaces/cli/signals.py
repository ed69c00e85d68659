"""End a command in order on SIGTERM and SIGHUP, as on Ctrl-C.

Workers and players are stopped, partial files are removed, and the transaction is rolled back.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""The signals that ask a command to end; Windows has no SIGHUP."""


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP arrived: another program, the system or a closed terminal ends the command."""


class Ending:
    """How a command was interrupted. `code` is its exit code: 130 unless a signal other than Ctrl-C arrived."""

    def __init__(self) -> None:
        self.code = 128 + signal.SIGINT

    def end_at_once(self) -> None:
        """Let a further signal end the process: the work is rolled back, and only a message is missing."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, *ENDING):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    signal.signal(number, lambda _number, _frame: os._exit(self.code))

    def end(self, number: int, _frame: FrameType | None) -> NoReturn:
        """Note the signal and interrupt the command."""
        self.code = 128 + number
        raise Terminated


@contextmanager
def orderly_end() -> Iterator[Ending]:
    """A block in which SIGTERM and SIGHUP raise Terminated.

    A signal that is ignored at the start stays ignored, so that `nohup thresher watch` survives its terminal.
    """
    ending = Ending()
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, ending.end)
        before[signal.SIGINT] = signal.getsignal(signal.SIGINT)
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
