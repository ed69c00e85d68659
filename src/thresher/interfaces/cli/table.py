"""Tables that fit into the terminal.

If a table is too wide, long texts are shortened first; each column says which end of its text to keep. If that
is not enough, columns are left out, the highest rank first. Empty columns are never shown.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from thresher.interfaces.cli.encodings import writable

GAP = 3
"""The number of blanks between columns in rich's tables: padding on both sides and the divider."""

NARROWEST = 12
"""Shortened cells keep at least this many characters, unless their column says otherwise."""

UNBOUNDED = 2_000
"""The width without a terminal, so that nothing is shortened for a program."""

TERMINAL_VARIABLES = {"FORCE_COLOR", "TTY_COMPATIBLE"}
"""Variables of the environment by which rich writes as to a terminal."""


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
    0 alone are wider than the terminal, the table is, too. A text of at most `least` characters stays on one line.
    """

    title: str
    show: Callable[[Any], object]
    is_number: bool = False
    keep: Keep = Keep.ALL
    rank: int = 0
    least: int = NARROWEST


def print_table(
    rows: Sequence[Any], columns: Sequence[Column], text_of: Callable[[object], str]
) -> list[str]:
    """Write a table to stdout and return the titles of columns left out. `text_of` converts values to text."""
    terminal = _terminal_width()
    filled = [
        (column, cells) for column in columns if any(cells := [text_of(column.show(row)) for row in rows])
    ]
    natural = {column.title: natural_width(column, cells) for column, cells in filled}
    widths, left_out = fitted(
        [(column, natural[column.title]) for column, _ in filled], terminal or UNBOUNDED
    )
    mark = "…" if writable("…") == "…" else "~"
    shown = [
        Shown(
            writable(column.title),
            [cut(text, widths[column.title], column.keep, mark) for text in cells],
            widths[column.title],
            column.is_number,
            wraps=column.keep is Keep.LINES and widths[column.title] < natural[column.title],
        )
        for column, cells in filled
        if column.title in widths
    ]
    encoding = (
        getattr(sys.stdout, "encoding", None) or "utf-8"
    ).lower()  # rich draws other rules without Unicode
    if terminal is None and encoding.startswith("utf") and not any(column.wraps for column in shown):
        write_plainly(shown)
    else:
        write_with_rich(shown, terminal or UNBOUNDED)
    return left_out


@dataclass(frozen=True)
class Shown:
    """A column of a table with the texts of its cells. `width` is in terminal cells; only if it `wraps` is a text
    wider."""

    title: str
    cells: Sequence[str]
    width: int
    is_number: bool = False
    wraps: bool = False

    def aligned(self, text: str) -> str:
        """Return `text` with blanks up to the width of the column."""
        text = text.rstrip() if self.is_number else text
        blanks = " " * (self.width - cells_of(text))
        return blanks + text if self.is_number else text + blanks


def write_plainly(shown: Sequence[Shown]) -> None:
    """Write a table as `write_with_rich` writes it to files and pipes. Loading rich takes longer than a listing."""
    gap = " " * GAP
    titles = gap.join(column.aligned(column.title) for column in shown)
    rows = zip(*([column.aligned(text) for text in column.cells] for column in shown), strict=True)
    rule = "─" * (sum(column.width + GAP for column in shown) - GAP)
    print("\n".join([titles, rule, *map(gap.join, rows)]))  # noqa: T201  the output


def write_with_rich(shown: Sequence[Shown], width: int) -> None:
    """Write a table with bold titles, and with long texts on several lines."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    needed = sum(column.width + GAP for column in shown) - GAP
    console = Console(width=max(width, needed), highlight=False)  # rich would squeeze the columns otherwise
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in shown:
        justify: Any = "right" if column.is_number else "left"
        table.add_column(
            Text(column.title),
            justify=justify,
            no_wrap=not column.wraps,
            overflow="fold",  # a word wider than the column goes on in the next line
            min_width=column.width,
            max_width=column.width,
        )
    for texts in zip(*(column.cells for column in shown), strict=True):
        table.add_row(*map(Text, texts))
    console.print(table)


def _terminal_width() -> int | None:
    """Return the width of the terminal, None without one."""
    if not sys.stdout.isatty() and not os.environ.keys() & TERMINAL_VARIABLES:
        return None
    from rich.console import Console

    return Console().width if sys.stdout.isatty() else UNBOUNDED


def cells_of(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    if text.isascii() and text.isprintable():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def natural_width(column: Column, cells: Sequence[str]) -> int:
    """Return the width, in terminal cells, at which no text of a column is shortened."""
    return max(cells_of(text) for text in (column.title, *cells))


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
    return natural if column.keep is Keep.ALL else min(natural, max(column.least, len(column.title)))


def _shares(wanted: dict[str, int], room: int) -> Iterator[tuple[str, int]]:
    """Divide `room` among columns: small wishes are met first, the rest is shared equally."""
    waiting = sorted(wanted, key=lambda title: wanted[title])
    for position, title in enumerate(waiting):
        share = max(0, min(wanted[title], room // (len(waiting) - position)))
        room -= share
        yield title, share


def cut(text: str, width: int, keep: Keep, mark: str = "…") -> str:
    """Return `text` in at most `width` terminal cells, with `mark` in place of what is cut off."""
    if keep in (Keep.ALL, Keep.LINES) or cells_of(text) <= width:
        return text
    room = width - cells_of(mark)
    if keep is Keep.START:
        return f"{_within(text, room)}{mark}"
    if keep is Keep.END:
        return f"{mark}{_within(text[::-1], room)[::-1]}"
    end = _within(text[::-1], (2 * room + 2) // 3)[::-1]
    return f"{_within(text, room - cells_of(end))}{mark}{end}"


def _within(text: str, width: int) -> str:
    """Return as much of the start of `text` as fits into `width` terminal cells."""
    while text and cells_of(text) > width:
        text = text[:-1]
    return text
