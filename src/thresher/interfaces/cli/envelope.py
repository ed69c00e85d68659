"""Draw the envelope of a recording as text, with spans such as its parts marked below it.

A long recording, or one with many spans, is drawn in several rows, each with the time at which it starts. Terminals
that can't show the blocks get plain characters for them (see `encodings.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from thresher.interfaces.cli.output import clock

BARS = "▁▂▃▄▅▆▇█"

SHOWN_DB = 60.0
"""The lowest bar is this far below the loudest one; what is quieter is left blank."""

COLUMNS_PER_SPAN = 6
"""A row is added until each span has this many columns, on average."""

MOST_ROWS = 8


def drawn(
    levels: Sequence[float], spans: Sequence[tuple[float, float]], seconds: float, width: int
) -> list[str]:
    """Return the lines of a drawing that is at most `width` characters wide.

    `levels` are those of equal stretches of the recording, in decibels below the loudest (see
    `features/envelope.py`), at least one. `spans` are starts and ends in seconds, in order; `seconds` is the length
    of the recording, > 0.
    """
    margin = len(clock(seconds)) + 2
    columns = max(10, width - margin)
    rows = min(MOST_ROWS, max(1, -(-len(spans) * COLUMNS_PER_SPAN // columns)))
    total = rows * columns
    bars = "".join(_bar(level) for level in _stretched(levels, total))
    marks = _marks([(start / seconds * total, end / seconds * total) for start, end in spans], total)
    lines = []
    for row in range(rows):
        here = slice(row * columns, (row + 1) * columns)
        lines.append(f"{clock(row * columns * seconds / total):>{margin - 2}}  {bars[here]}".rstrip())
        lines.append(f"{'':{margin}}{marks[here]}".rstrip())
    return lines


def _stretched(levels: Sequence[float], columns: int) -> list[float]:
    """Return the highest level in each of `columns` equal stretches."""
    edges = [column * len(levels) // columns for column in range(columns + 1)]
    return [max(levels[edges[n] : max(edges[n] + 1, edges[n + 1])]) for n in range(columns)]


def _bar(level: float) -> str:
    step = int((level + SHOWN_DB) / SHOWN_DB * len(BARS))
    return " " if level < -SHOWN_DB else BARS[min(step, len(BARS) - 1)]


def _marks(spans: Sequence[tuple[float, float]], columns: int) -> str:
    """Return a line with each span between two marks, and its number where there is room."""
    line = [" "] * columns
    for number, (start, end) in enumerate(spans, start=1):
        first = min(columns - 1, int(start))
        last = max(first, min(columns, -int(-end // 1)) - 1)
        line[first + 1 : last] = _between(str(number), last - first - 1)
        line[last] = "┤" if last > first else "│"
        line[first] = "┼" if line[first] != " " and last > first else ("├" if last > first else "│")
    return "".join(line)


def _between(number: str, room: int) -> str:
    return number.center(room, "─") if room >= len(number) else "─" * max(0, room)
