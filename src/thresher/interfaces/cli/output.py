"""Write data to stdout: tables for people; JSON, JSON lines and CSV for programs.

File names are never interpreted as markup, and control characters in them are escaped.
"""

from __future__ import annotations

import csv
import enum
import io
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from typing import IO, Any

from thresher.formatting import counted
from thresher.interfaces.cli.encodings import writable, write_utf8
from thresher.interfaces.cli.table import Column, print_table
from thresher.interfaces.plain import plain

TABLE_ROWS = 200
"""A table shows at most this many rows, then the number of further rows."""


class Format(enum.StrEnum):
    """The output format of a listing."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


def emit(
    rows: Sequence[Any],
    columns: Sequence[Column],
    form: Format,
    *,
    more: int = 0,
    show_all: bool = False,
    fewer: str = "",
) -> None:
    """Write rows in a format; `more` is the number of further rows that exist.

    A table shows at most TABLE_ROWS rows unless `show_all` is true, as after --limit. `fewer` names the options of
    the command that show fewer rows.
    """
    if form is Format.TABLE:
        shown = rows if show_all else rows[:TABLE_ROWS]
        hidden = more + len(rows) - len(shown)
        if not rows:
            say("nothing found")
            return
        left_out = print_table(shown, columns, _cell)
        if left_out:
            say(f"columns not shown: {', '.join(left_out)}; use a wider terminal or --format jsonl")
        if hidden:
            say(
                f"… and {counted(hidden, 'more row')}; --format jsonl shows all{f', {fewer}' if fewer else ''}"
            )
    elif form is Format.CSV:
        _write_csv(rows)
    elif form is Format.JSON:
        print_json([plain(row) for row in rows])
    else:
        encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=plain).encode
        _write_data("".join([f"{encode(_object(row))}\n" for row in rows]))


def _object(row: Any) -> Any:
    """Return a row as a JSON object; fast for flat rows, whose values are not converted one by one."""
    return row._asdict() if hasattr(row, "_asdict") else plain(row)


def print_json(value: Any, **added: Any) -> None:
    """Write one JSON document. Keys that are `added` are in the object, or in each object of a list.

    The decision of a dry run has no id, because it was not made.
    """
    document, more = plain(value), plain(added)
    if more and isinstance(document, list):
        document = [{**row, **more} for row in document]
    elif more:
        document = {**document, **more}
    if isinstance(document, dict) and document.get("dry_run") and document.get("decision"):
        document["decision"]["id"] = None
    _write_data(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Write names and values, one pair on each line, without values that are None."""
    shown = [(name, _cell(value)) for name, value in facts if value is not None]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        print(f"{name:<{width}}  {value}")  # noqa: T201  the output


def tell(sentence: str) -> None:
    """Write a line of the result to stdout."""
    print(printable(sentence))  # noqa: T201  the output


def say(sentence: str) -> None:
    """Write a line about the work to stderr: a hint, a warning, an error."""
    print(printable(sentence, sys.stderr), file=sys.stderr)  # noqa: T201  the output


def one_line(text: object) -> str:
    """Return a text that contains what users wrote, such as a note or a query, with its line breaks escaped."""
    return str(text).replace("\n", "\\n")


def printable(text: str, stream: IO[str] | None = None) -> str:
    """Return `text` with characters escaped that are control characters or that `stream` cannot show.

    Line breaks are kept. The stream is stdout by default. Names, tags and notes can contain characters that move
    the cursor or change colours.
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
    return writable(text, stream)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value))
    return printable(one_line(value))


def _write_csv(rows: Sequence[Any]) -> None:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    for number, row in enumerate(rows):
        values = plain(row)
        if number == 0:
            writer.writerow(values)
        writer.writerow(_csv_cell(value) for value in values.values())
    _write_data(table.getvalue())


def _write_data(text: str) -> None:
    """Write JSON or CSV. On a terminal, control characters are escaped, as JSON writes them: it would obey them."""
    if sys.stdout.isatty() and not text.isprintable():
        text = "".join(c if c.isprintable() or c == "\n" else _escaped(c) for c in text)
    write_utf8(text)


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1]


def _csv_cell(value: Any) -> Any:
    if isinstance(value, list):
        return ";".join(map(str, value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value


def from_here(path: str | os.PathLike[str]) -> str:
    """Return an absolute path relative to the current folder, if it is inside of it."""
    text, here = os.fspath(path), os.path.join(os.getcwd(), "")
    return text.removeprefix(here) or text


def local_time(seconds: float | None) -> str:
    """Return seconds since 1970 as local time, to the minute."""
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def clock(seconds: float | None) -> str:
    """Return seconds as m:ss.s, for lengths of clips."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{int(minutes)}:{rest:04.1f}"


def length_text(seconds: float) -> str:
    """Return seconds as m:ss or h:mm:ss, for lengths of songs."""
    from thresher.catalog.text.values import format_duration

    return format_duration(seconds)


def score_text(score: float | None) -> str:
    """Return a score with three decimals."""
    return "" if score is None else f"{score:.3f}"


def checkpoint_text(row: Any) -> str:
    """Return run, epoch and step of a row as text."""
    from thresher.catalog.text import values

    return values.checkpoint_text(row.run, row.epoch, row.step)
