"""Single keys from a terminal, whose settings come back however the program ends, kill -9 apart."""

from __future__ import annotations

import os
import re
import select
import signal
import sys
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

_SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|)")
"""What arrows, function keys, Delete and the like send (ECMA-48, 5.4), or Escape alone."""

_ENDING = ("SIGTERM", "SIGHUP")


def has_keyboard() -> bool:
    """Whether someone can press keys: stdin is a terminal, of a kind that gives them one by one."""
    try:
        import termios  # noqa: F401  Windows has none
    except ImportError:
        return False
    return sys.stdin.isatty()


class Keyboard:
    """A block in which keys come at once and unseen. What ends the program politely raises SystemExit in it."""

    def __init__(self) -> None:
        self._file = sys.stdin.fileno()
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        import termios
        import tty

        self._settings = termios.tcgetattr(self._file)
        for name in _ENDING:
            number = getattr(signal, name)
            self._handlers[number] = signal.signal(number, _end)
        try:
            tty.setcbreak(self._file)
            changed = termios.tcgetattr(self._file)
            # stopped by Ctrl-Z the player would go on, and the shell would find its terminal changed
            changed[6][termios.VSUSP] = os.fpathconf(self._file, "PC_VDISABLE").to_bytes(1, "little")
            termios.tcsetattr(self._file, termios.TCSADRAIN, changed)
        except BaseException:
            self._restore()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _restore(self) -> None:
        import termios

        try:
            # what was typed and not read is for no one: the shell would run it
            termios.tcsetattr(self._file, termios.TCSAFLUSH, self._settings)
        except termios.error:  # the terminal is gone
            pass
        finally:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)

    def read(self, timeout: float) -> str | None:
        """The key pressed within so many seconds; None where there is none, "" where no more can come.

        Of keys that came at once the first counts. Arrows and the like, which are an escape and letters and digits,
        are none.
        """
        ready, _, _ = select.select([self._file], [], [], timeout)
        if not ready:
            return None
        try:
            pressed = os.read(self._file, 1_024)
        except OSError:  # the terminal is gone
            return ""
        if not pressed:
            return ""
        return _SEQUENCE.sub(b"", pressed).decode("utf-8", "replace")[:1] or None

    def forget(self) -> None:
        """Drop what was typed ahead."""
        import termios

        termios.tcflush(self._file, termios.TCIFLUSH)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
