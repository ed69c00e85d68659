"""Data on stdout: tables for people, JSON, JSON lines and CSV for programs.

File names are data: they are never read as markup, and what would move a cursor was escaped by the catalog.
"""

from __future__ import annotations

import csv
import enum
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

TABLE_ROWS = 200
"""A table is for reading; past this many rows it says how many more there are."""


class Format(enum.StrEnum):
    """How a listing is written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


@dataclass(frozen=True)
class Column:
    """One column of a table: its title, and what it shows of a row."""

    title: str
    show: Callable[[Any], object]
    is_number: bool = False


def emit(rows: Sequence[Any], columns: Sequence[Column], form: Format, *, more: int = 0) -> None:
    """Write rows in the form asked for; `more` is how many there are beyond them."""
    if form is Format.TABLE:
        hidden = more + max(0, len(rows) - TABLE_ROWS)
        if not rows:
            say("nothing found")
            return
        print_table(rows[:TABLE_ROWS], columns)
        if hidden:
            say(f"… and {hidden} more; --format jsonl shows all, --limit and queries show fewer")
    elif form is Format.CSV:
        _write_csv(rows)
    elif form is Format.JSON:
        print_json([plain(row) for row in rows])
    else:
        encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=plain).encode
        sys.stdout.writelines(f"{encode(_object(row))}\n" for row in rows)


def _object(row: Any) -> Any:
    """A row as what JSON calls an object; for thousands of flat rows, without looking into each value."""
    return row._asdict() if hasattr(row, "_asdict") else plain(row)


def plain(value: Any) -> Any:
    """Dataclasses as dictionaries, all the way down."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {name: plain(part) for name, part in zip(value._fields, value, strict=True)}
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(part) for part in value]
    return value


def print_json(value: Any) -> None:
    """One JSON document."""
    print(json.dumps(plain(value), ensure_ascii=False, indent=2))  # noqa: T201


def print_table(rows: Iterable[Any], columns: Sequence[Column], *, title: str | None = None) -> None:
    """A table as wide as the terminal, or as wide as it needs to be where there is none."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(
            column.title,
            justify="right" if column.is_number else "left",
            overflow="fold",
            no_wrap=column.is_number,
        )
    for row in rows:
        table.add_row(*(Text(_cell(column.show(row))) for column in columns))
    console = Console(width=None if sys.stdout.isatty() else 2_000, highlight=False)
    console.print(table)


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Names and values, one a line; what is None is left out."""
    shown = [(name, _cell(value)) for name, value in facts if value is not None]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        print(f"{name:<{width}}  {value}")  # noqa: T201


def tell(sentence: str) -> None:
    """A sentence that is the answer, on stdout."""
    print(sentence)  # noqa: T201


def say(sentence: str) -> None:
    """A sentence about the work, on stderr."""
    print(sentence, file=sys.stderr)  # noqa: T201


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def _write_csv(rows: Sequence[Any]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    for number, row in enumerate(rows):
        values = plain(row)
        if number == 0:
            writer.writerow(values)
        writer.writerow(_csv_cell(value) for value in values.values())


def _csv_cell(value: Any) -> Any:
    if isinstance(value, list):
        return ";".join(map(str, value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value


def local_time(seconds: float | None) -> str:
    """A time in seconds since 1970 as people here write it, to the minute."""
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
