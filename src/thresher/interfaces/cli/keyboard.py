"""Read single keys from a terminal, and restore its settings however the program ends (except by SIGKILL)."""

from __future__ import annotations

import os
import re
import select
import signal
import sys
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

_SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|)")
"""The escape sequences of arrow keys, function keys and the like (ECMA-48, 5.4), or Escape alone."""

_ENDING = ("SIGTERM", "SIGHUP")


def has_keyboard() -> bool:
    """Whether keys can be read one by one: stdin is a terminal and the system has termios."""
    try:
        import termios  # noqa: F401  Windows has none
    except ImportError:
        return False
    return sys.stdin.isatty()


class Keyboard:
    """A block in which keys are read without Enter and without echo. SIGTERM and SIGHUP raise SystemExit in it."""

    def __init__(self) -> None:
        self._file = sys.stdin.fileno()
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        import termios
        import tty

        self._settings = termios.tcgetattr(self._file)
        for name in _ENDING:
            number = getattr(signal, name)
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under `nohup`
                self._handlers[number] = signal.signal(number, _end)
        try:
            tty.setcbreak(self._file)
            changed = termios.tcgetattr(self._file)
            # disable Ctrl-Z: the player would continue, and the shell would get a changed terminal
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
            # drop keys that were not read; the shell would run them
            termios.tcsetattr(self._file, termios.TCSAFLUSH, self._settings)
        except termios.error:  # the terminal is gone
            pass
        finally:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)

    def read(self, timeout: float) -> str | None:
        """Return the key pressed within `timeout` seconds: None if there is none, "" if the terminal is gone.

        Of several keys that arrive together, the first is returned. Escape sequences, such as those of arrow keys,
        are ignored.
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
        """Drop the keys that were typed and not read yet."""
        import termios

        termios.tcflush(self._file, termios.TCIFLUSH)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
