"""Keys one by one from a pseudo-terminal, and the terminal as it was before."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
import termios
from collections.abc import Iterator

import pytest

from thresher.interfaces.cli.keyboard import Keyboard, has_keyboard


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """Both ends of a pseudo-terminal, whose far one is stdin."""
    own, other = pty.openpty()
    with os.fdopen(other, "r") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield own, other
    os.close(own)


def press(terminal: tuple[int, int], keys: bytes) -> None:
    os.write(terminal[0], keys)
    assert select.select([terminal[1]], [], [], 60)[0]


@pytest.mark.parametrize(
    ("pressed", "key"),
    [
        (b"4", "4"),
        (b"\n", "\n"),
        (b"\r", "\n"),
        (b"45x", "4"),
        ("é".encode(), "é"),
        (b"\x1b", None),
        (b"\x1b[3~", None),
        (b"\x1b[A", None),
        (b"\x1bOP", None),
        (b"\x1b[1;5C", None),
        (b"\x1b[3~\x1b[Bx", "x"),
        (b"\x04", "\x04"),
    ],
)
def test_a_key_is_the_first_that_is_one(terminal: tuple[int, int], pressed: bytes, key: str | None) -> None:
    with Keyboard() as keyboard:
        assert keyboard.read(0) is None
        press(terminal, pressed)
        assert keyboard.read(60) == key


def test_what_was_typed_ahead_is_dropped(terminal: tuple[int, int]) -> None:
    with Keyboard() as keyboard:
        press(terminal, b"xq")
        keyboard.forget()
        assert keyboard.read(0) is None


def test_the_terminal_is_as_it_was_whatever_happens(terminal: tuple[int, int]) -> None:
    before = termios.tcgetattr(terminal[1])
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    assert has_keyboard()
    with pytest.raises(RuntimeError), Keyboard():
        changed = termios.tcgetattr(terminal[1])
        assert not changed[3] & (termios.ICANON | termios.ECHO)
        assert changed[6][termios.VSUSP] == b"\0"
        raise RuntimeError
    assert termios.tcgetattr(terminal[1]) == before
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == handlers
    with pytest.raises(SystemExit) as stopped, Keyboard():
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    assert stopped.value.code == 143
    assert termios.tcgetattr(terminal[1]) == before
