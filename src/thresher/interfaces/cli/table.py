"""Tables for people, as wide as their terminal.

Where a table is too wide, long texts are cut first: a column says which end of its text counts. Where that is
not enough, columns of the highest rank are left out. Columns in which nothing stands are never shown.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

GAP = 3
"""Blanks between columns: what rich puts there, a cell's padding on both sides and the divider of its box."""

NARROWEST = 12
"""Cells that are cut keep at least so many characters."""

UNBOUNDED = 2_000
"""The width where there is no terminal: nothing is cut for a program."""


class Keep(Enum):
    """What stays of a text that is too wide: all of it, all on several lines, its start, or its end."""

    ALL = "all"
    LINES = "lines"
    START = "start"
    END = "end"


@dataclass(frozen=True)
class Column:
    """One column: its title, what it shows of a row, and what becomes of it in a narrow terminal.

    `rank` 0 is never left out; the highest goes first.
    """

    title: str
    show: Callable[[Any], object]
    is_number: bool = False
    keep: Keep = Keep.ALL
    rank: int = 0


def print_table(
    rows: Sequence[Any], columns: Sequence[Column], text_of: Callable[[object], str]
) -> list[str]:
    """Write a table of `rows` to stdout, `text_of` making text of what columns show; titles left out."""
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
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    shown = [(column, cells, widths[column.title]) for column, cells in filled if column.title in widths]
    for column, _, width in shown:
        justify: Any = "right" if column.is_number else "left"
        table.add_column(
            column.title,
            justify=justify,
            no_wrap=column.keep is not Keep.LINES,
            min_width=width,
            max_width=width,
        )
    for number in range(len(rows)):
        table.add_row(*(Text(cut(cells[number], width, column.keep)) for column, cells, width in shown))
    console.print(table)
    return left_out


def natural_width(column: Column, cells: Sequence[str]) -> int:
    """The width, in terminal cells, at which nothing of a column is cut."""
    from rich.cells import cell_len

    return max(cell_len(text) for text in (column.title, *cells))


def fitted(columns: Sequence[tuple[Column, int]], width: int) -> tuple[dict[str, int], list[str]]:
    """The width of each column that is shown, by title, so that all fit into `width`; titles left out."""
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
    """Who gets how much of `room`: those that want least are satisfied first, the rest in equal parts."""
    waiting = sorted(wanted, key=lambda title: wanted[title])
    for place, title in enumerate(waiting):
        share = max(0, min(wanted[title], room // (len(waiting) - place)))
        room -= share
        yield title, share


def cut(text: str, width: int, keep: Keep) -> str:
    """`text` in at most `width` terminal cells, with "…" for what is cut off."""
    from rich.cells import cell_len

    if keep in (Keep.ALL, Keep.LINES) or cell_len(text) <= width:
        return text
    kept = text
    while kept and cell_len(kept) >= width:
        kept = kept[:-1] if keep is Keep.START else kept[1:]
    return f"{kept}…" if keep is Keep.START else f"…{kept}"
