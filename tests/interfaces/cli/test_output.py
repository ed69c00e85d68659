"""Results as tables, JSON, JSON lines and CSV, and values as text."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import NamedTuple

import pytest

from thresher.interfaces.cli import output
from thresher.interfaces.cli.output import (
    Format,
    clock,
    emit,
    length_text,
    plain,
    print_facts,
    printable,
    score_text,
)
from thresher.interfaces.cli.table import Column


class Row(NamedTuple):
    id: int
    path: str
    tags: tuple[str, ...] = ()
    extra: dict[str, int] | None = None


@dataclass(frozen=True)
class Named:
    """A dataclass that people write as text."""

    name: str

    def __str__(self) -> str:
        return f"<{self.name}>"


@dataclass(frozen=True)
class Outer:
    named: Named
    rows: tuple[Row, ...]


ROWS = [Row(1, "a\x1b[31m\nb.wav", ("x", "y"), {"k": 1}), Row(2, "ü.wav")]
COLUMNS = [Column("id", lambda row: row.id, is_number=True), Column("path", lambda row: row.path)]


def test_json_csv_and_json_lines_hold_the_values_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    expected = [{**row._asdict(), "tags": list(row.tags)} for row in ROWS]
    emit(ROWS, COLUMNS, Format.JSON)
    assert json.loads(capsys.readouterr().out) == expected
    emit(ROWS, COLUMNS, Format.JSONL)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == expected
    emit(ROWS, COLUMNS, Format.CSV)
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["path"] for row in rows] == [row.path for row in ROWS]
    assert (rows[0]["tags"], rows[0]["extra"]) == ("x;y", '{"k": 1}')


def test_a_table_escapes_control_characters_and_counts_what_it_hides(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "TABLE_ROWS", 1)
    emit(ROWS, COLUMNS, Format.TABLE, more=3)
    shown = capsys.readouterr()
    assert r"a\x1b[31m\nb.wav" in shown.out
    assert "ü.wav" not in shown.out
    assert shown.err == "… and 4 more rows; --format jsonl shows all\n"
    emit(ROWS, COLUMNS, Format.TABLE)
    assert capsys.readouterr().err == "… and 1 more row; --format jsonl shows all\n"
    emit(ROWS, COLUMNS, Format.TABLE, fewer="a query shows fewer")
    assert capsys.readouterr().err.endswith("shows all, a query shows fewer\n")
    emit(ROWS, COLUMNS, Format.TABLE, show_all=True)
    shown = capsys.readouterr()
    assert "ü.wav" in shown.out
    assert shown.err == ""
    emit([], COLUMNS, Format.TABLE)
    assert capsys.readouterr() == ("", "nothing found\n")


def test_dataclasses_are_plain_recursively_unless_they_have_a_text() -> None:
    assert plain(Outer(Named("n"), (Row(1, "a"),))) == {
        "named": "<n>",
        "rows": [{"id": 1, "path": "a", "tags": [], "extra": None}],
    }


def test_facts_are_aligned_without_those_that_are_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts([("id", 1), ("unknown", None), ("path", "a\nb"), ("heard", True), ("tags", ("x", "y"))])
    assert capsys.readouterr().out == "id     1\npath   a\\nb\nheard  yes\ntags   x, y\n"


def test_printable_keeps_line_breaks() -> None:
    assert printable("a\nb\x07") == "a\nb\\x07"


def test_lengths_and_scores_as_text() -> None:
    assert [clock(seconds) for seconds in (None, 0, 59.96, 61.25, 3600)] == [
        "",
        "0:00.0",
        "1:00.0",
        "1:01.2",
        "60:00.0",
    ]
    assert [length_text(seconds) for seconds in (59, 3725)] == ["0:59", "1:02:05"]
    assert [score_text(score) for score in (None, 0.5)] == ["", "0.500"]
