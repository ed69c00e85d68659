"""When each key takes effect, tested without a terminal, an audio device or a clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from thresher.catalog.catalog import Catalog
from thresher.curation.listening.player import Playing
from thresher.curation.listening.queue import Queue
from thresher.interfaces.cli.keyboard import Keyboard
from thresher.interfaces.cli.listening_session import GRACE, KEYS, Session


class Played:
    """A player and a keyboard: each key is pressed at its second; None is no key."""

    def __init__(self, keys: Sequence[tuple[float, str | None]], length: float) -> None:
        self._keys, self._length = list(keys), length
        self.elapsed = self._keys[0][0]
        self.forgotten = 0

    def read(self, _timeout: float) -> str | None:
        _, key = self._keys.pop(0)
        if self._keys:
            self.elapsed = self._keys[0][0]
        return key

    def forget(self) -> None:
        self.forgotten += 1

    def has_ended(self, within: float = 0.0) -> bool:
        return self.elapsed + within >= self._length


def key_of(
    keys: Sequence[tuple[float, str | None]], *, length: float = 60.0, pause: float = 0.0
) -> str | None:
    played = Played(keys, length)
    queue = Queue(1, 0.0, "", 1.0, ())
    session = Session(cast(Catalog, None), queue, ("aplay",), cast(Keyboard, played), pause)
    key = session._wait_for_key(cast(Playing, played))
    assert played.forgotten == 1
    return key


LATER = GRACE + 0.1


@pytest.mark.parametrize("key", [*"12345xn", " ", "\n", "\r"])
def test_keys_that_rate_reject_or_skip_work_after_the_first_moment(key: str) -> None:
    assert key_of([(0.0, key), (GRACE - 0.01, key), (LATER, "q")]) == "q"
    assert key_of([(0.0, None), (LATER, key)]) == key


@pytest.mark.parametrize("key", "rbuq")
def test_other_keys_work_at_once(key: str) -> None:
    assert key_of([(0.0, key)]) == key


@pytest.mark.parametrize("key", ["7", "0", "X", "é", "\x04", "\t"])
def test_unknown_keys_do_nothing(key: str) -> None:
    assert key_of([(0.0, None), (LATER, key), (LATER, "q")]) == "q"


def test_help_is_shown_while_the_clip_plays_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert key_of([(LATER, "?"), (LATER, None), (LATER, "3")]) == "3"
    told = capsys.readouterr().err
    assert told.count(KEYS) == 1
    assert "undo the last" in told


def test_a_clip_that_ends_waits_for_a_key_during_the_pause() -> None:
    assert key_of([(0.0, None), (LATER, None), (3.0, None)], length=2.0) is None
    assert key_of([(0.0, None), (3.0, None), (3.0, "4")], length=2.0, pause=600.0) == "4"


def test_a_lost_terminal_ends_the_session() -> None:
    assert key_of([(0.0, "")]) == "q"
