"""The drawing shows where sound is, where the cuts are, and fits into the terminal."""

from __future__ import annotations

import io

import pytest

from thresher.interfaces.cli.encodings import writable
from thresher.interfaces.cli.envelope import drawn

LEVELS = [0.0] * 50 + [-90.0] * 20 + [-31.0] * 30
"""Ten seconds: a loud sound, silence, a sound at half height."""


def test_sound_has_bars_and_silence_is_blank() -> None:
    bars, marks = drawn(LEVELS, [(0, 5), (7, 10)], 10, width=48)
    assert bars == "0:00.0  " + "█" * 20 + " " * 8 + "▄" * 12
    assert marks == "        ├────────1─────────┤        ├────2─────┤"


def test_cells_that_touch_share_a_mark_or_lie_side_by_side() -> None:
    _, marks = drawn(LEVELS, [(0, 5), (5, 10)], 10, width=28)
    assert marks == "        ├───1────┤├───2────┤"
    _, marks = drawn(LEVELS, [(0, 3.33), (3.33, 10)], 10, width=28)
    assert marks == "        ├──1──┼─────2──────┤"


@pytest.mark.parametrize("width", [5, 30, 80, 200])
@pytest.mark.parametrize("count", [0, 1, 50, 3_000])
def test_lines_fit_into_the_terminal(width: int, count: int) -> None:
    spans = [(n * 10 / count, (n + 1) * 10 / count) for n in range(count)]
    lines = drawn(LEVELS, spans, 10, width)
    assert max(map(len, lines)) <= max(width, 18)
    assert len(lines) <= 16


def test_many_spans_are_drawn_in_rows_that_begin_with_their_times() -> None:
    lines = drawn(LEVELS, [(n, n + 0.9) for n in range(10)], 10, width=38)
    assert [line[:6] for line in lines[::2]] == ["0:00.0", "0:05.0"]
    assert [str(number) in lines[1] + lines[3] for number in range(1, 11)] == [True] * 10


def test_terminals_without_these_characters_get_plain_ones() -> None:
    ascii_terminal = io.TextIOWrapper(io.BytesIO(), "ascii")
    text = writable("\n".join(drawn(LEVELS, [(0, 5), (5, 10)], 10, width=28)), ascii_terminal)
    assert text == "0:00.0  ##########    ~~~~~~\n        |---1----||---2----|"
