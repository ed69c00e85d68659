"""The columns of every table of clips, and how a clip's values read in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from thresher.interfaces.cli.output import clock, local_time, score_text
from thresher.interfaces.cli.table import Column, Keep

if TYPE_CHECKING:
    from thresher.curation.clips.listing import ClipRow


def csv_records(rows: Sequence[ClipRow], more: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return clips, with `more` fields of each, for CSV: the keys of attributes become columns of their own."""
    keys = sorted({key for row in rows for key in row.attributes})
    found = []
    for row, fields in zip(rows, more, strict=True):
        record = {**row._asdict(), **fields}
        del record["attributes"]
        for key in keys:
            record[f"attribute.{key}" if key in row._fields else key] = row.attributes.get(key)
        found.append(record)
    return found


def _status(row: ClipRow) -> str:
    flags = {"rejected": row.rejected, "suspect": row.suspect and not row.rejected}
    return ", ".join([row.status, *(name for name, is_set in flags.items() if is_set)])


def _number(value: object) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _shown_value(kind: str, name: str, value: Any) -> object:
    if name.startswith(("score", "near")):
        return score_text(value)
    if kind == "duration":
        return clock(value)
    if kind == "date":
        return local_time(value)
    return _number(value) if kind in ("number", "attribute") else value


def field_column(name: str, kind: str) -> Column:
    """Return the column of a query's field; rows are pairs of a clip and the values of its fields."""
    return Column(
        name,
        lambda row: _shown_value(kind, name, row[1][name]),
        is_number=kind in ("number", "duration", "clip"),
        keep=Keep.END if kind == "path" else Keep.START if kind in ("text", "attribute", "tag") else Keep.ALL,
    )


def of_clip(column: Column) -> Column:
    """Return a column of clips for rows that are pairs of a clip and the values of its fields."""
    return replace(column, show=lambda row: column.show(row[0]))


# The fields of queries that the columns of a clip show, or that all clips found have in common.
SHOWN_FIELDS = frozenset(
    {"id", "run", "epoch", "step", "length", "status", "rating", "rated", "score"}
    | {"tag", "path", "missing", "rejected", "suspect"}
)

CLIP_COLUMNS = (
    Column("id", lambda row: row.id, is_number=True),
    Column("run", lambda row: row.run, keep=Keep.BOTH_ENDS, rank=3),
    Column("epoch", lambda row: row.epoch, is_number=True),
    Column("step", lambda row: row.step, is_number=True, rank=4),
    Column("length", lambda row: clock(row.seconds), is_number=True),
    Column("status", _status),
    Column("rating", lambda row: "★" * (row.rating or 0)),
    Column("score", lambda row: score_text(row.score), is_number=True, rank=1),
    Column("tags", lambda row: row.tags, keep=Keep.START, rank=2),
    Column("path", lambda row: f"{row.path or ''}{' (missing)' if row.missing else ''}", keep=Keep.END),
)

CUT_COLUMNS = (
    Column("kind", lambda row: row.place or row.kind),
    Column("start", lambda row: clock(row.start), is_number=True, rank=5),
)
"""The columns that a table has besides, if it shows parts or marks."""


def shows_cuts(rows: Iterable[ClipRow]) -> bool:
    """Return whether parts or marks are among the clips."""
    return any(row.kind != "whole" for row in rows)


def clip_columns(rows: Iterable[ClipRow]) -> tuple[Column, ...]:
    """Return the columns of a table of these clips."""
    if not shows_cuts(rows):
        return CLIP_COLUMNS
    place = [column.title for column in CLIP_COLUMNS].index("length")
    return (*CLIP_COLUMNS[:place], *CUT_COLUMNS, *CLIP_COLUMNS[place:])


def path_text(path: str | None, place: str | None) -> str:
    """Return the path of a clip's file, and which part or mark of it the clip is."""
    return ", ".join(filter(None, (path, place)))
