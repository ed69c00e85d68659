"""Tables that fit into the terminal.

If a table is too wide, long texts are shortened first; each column says which end of its text to keep. If that
is not enough, columns are left out, the highest rank first. Empty columns are never shown.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from thresher.interfaces.cli.encodings import writable

GAP = 3
"""The number of blanks between columns in rich's tables: padding on both sides and the divider."""

NARROWEST = 12
"""Shortened cells keep at least this many characters."""

UNBOUNDED = 2_000
"""The width without a terminal, so that nothing is shortened for a program."""


class Keep(Enum):
    """The part of a wide text to keep: all, all on several lines, the start, the end, or some of both ends.

    BOTH_ENDS keeps the start of a run and its epoch and step: long names of runs often begin alike.
    """

    ALL = "all"
    LINES = "lines"
    START = "start"
    END = "end"
    BOTH_ENDS = "both ends"


@dataclass(frozen=True)
class Column:
    """One column: its title, its value for a row, and how it adapts to a narrow terminal.

    Columns of rank 0 are never left out; of the others, the highest rank is left out first. If the columns of rank
    0 alone are wider than the terminal, the table is, too.
    """

    title: str
    show: Callable[[Any], object]
    is_number: bool = False
    keep: Keep = Keep.ALL
    rank: int = 0


def print_table(
    rows: Sequence[Any], columns: Sequence[Column], text_of: Callable[[object], str]
) -> list[str]:
    """Write a table to stdout and return the titles of columns left out. `text_of` converts values to text."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else UNBOUNDED, highlight=False)
    filled = [
        (column, cells) for column in columns if any(cells := [text_of(column.show(row)) for row in rows])
    ]
    widths, left_out = fitted(
        [(column, natural_width(column, cells)) for column, cells in filled], console.width
    )
    needed = sum(width + GAP for width in widths.values()) - GAP
    console.width = max(console.width, needed)  # rich would squeeze the columns otherwise
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    shown = [(column, cells, widths[column.title]) for column, cells in filled if column.title in widths]
    for column, _, width in shown:
        justify: Any = "right" if column.is_number else "left"
        table.add_column(
            writable(column.title),
            justify=justify,
            no_wrap=column.keep is not Keep.LINES,
            min_width=width,
            max_width=width,
        )
    mark = "…" if writable("…") == "…" else "~"
    for number in range(len(rows)):
        table.add_row(*(Text(cut(cells[number], width, column.keep, mark)) for column, cells, width in shown))
    console.print(table)
    return left_out


def natural_width(column: Column, cells: Sequence[str]) -> int:
    """Return the width, in terminal cells, at which no text of a column is shortened."""
    from rich.cells import cell_len

    return max(cell_len(text) for text in (column.title, *cells))


def fitted(columns: Sequence[tuple[Column, int]], width: int) -> tuple[dict[str, int], list[str]]:
    """Return the widths of the columns to show, by title, so that they fit into `width`; and titles left out."""
    shown = list(columns)
    left_out = []
    while sum(_least(column, natural) + GAP for column, natural in shown) - GAP > width:
        optional = [column for column, _ in shown if column.rank]
        if not optional:
            break
        least_wanted = max(optional, key=lambda column: column.rank)
        left_out.append(least_wanted.title)
        shown = [(column, natural) for column, natural in shown if column is not least_wanted]
    widths = {column.title: _least(column, natural) for column, natural in shown}
    room = width - sum(taken + GAP for taken in widths.values()) + GAP
    for title, share in _shares(
        {column.title: natural - widths[column.title] for column, natural in shown}, room
    ):
        widths[title] += share
    return widths, left_out


def _least(column: Column, natural: int) -> int:
    return natural if column.keep is Keep.ALL else min(natural, max(NARROWEST, len(column.title)))


def _shares(wanted: dict[str, int], room: int) -> Iterator[tuple[str, int]]:
    """Divide `room` among columns: small wishes are met first, the rest is shared equally."""
    waiting = sorted(wanted, key=lambda title: wanted[title])
    for position, title in enumerate(waiting):
        share = max(0, min(wanted[title], room // (len(waiting) - position)))
        room -= share
        yield title, share


def cut(text: str, width: int, keep: Keep, mark: str = "…") -> str:
    """Return `text` in at most `width` terminal cells, with `mark` in place of what is cut off."""
    from rich.cells import cell_len

    if keep in (Keep.ALL, Keep.LINES) or cell_len(text) <= width:
        return text
    room = width - cell_len(mark)
    if keep is Keep.START:
        return f"{_within(text, room)}{mark}"
    if keep is Keep.END:
        return f"{mark}{_within(text[::-1], room)[::-1]}"
    end = _within(text[::-1], (2 * room + 2) // 3)[::-1]
    return f"{_within(text, room - cell_len(end))}{mark}{end}"


def _within(text: str, width: int) -> str:
    """Return as much of the start of `text` as fits into `width` terminal cells."""
    from rich.cells import cell_len

    while text and cell_len(text) > width:
        text = text[:-1]
    return text
