"""The `list` command."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thresher.errors import UsageError
from thresher.formatting import counted
from thresher.interfaces.cli.app import FIND, app, open_catalog, terms_of
from thresher.interfaces.cli.clip_columns import (
    CUT_COLUMNS,
    SHOWN_FIELDS,
    clip_columns,
    csv_records,
    field_column,
    of_clip,
    shows_cuts,
)
from thresher.interfaces.cli.options import Form, Json, OptionalQuery, form_of
from thresher.interfaces.cli.output import TABLE_ROWS, Format, clock, emit, say
from thresher.interfaces.cli.table import Column, Keep
from thresher.signal.features.measure_registry import MEASURES

if TYPE_CHECKING:
    from thresher.curation.clips.listing import ClipRow, Listing


def _measured(title: str, name: str, digits: int, rank: int = 0) -> Column:
    def shown(row: dict[str, Any]) -> str:
        return "" if row[name] is None else f"{row[name]:.{digits}f}"

    return Column(title, shown, is_number=True, rank=rank)


MEASURED_COLUMNS = (
    Column("id", lambda row: row["id"], is_number=True),
    Column("epoch", lambda row: row["epoch"], is_number=True),
    Column("length", lambda row: clock(row["seconds"]), is_number=True, rank=6),
    _measured("LUFS", "loudness", 1, 5),
    *(_measured(entry.title, entry.name, entry.digits, entry.rank) for entry in MEASURES.values()),
    Column("rating", lambda row: "★" * (row["rating"] or 0), rank=7),
    Column("path", lambda row: row["path"], keep=Keep.END),
)


@app.command("list", rich_help_panel=FIND)
def list_clips(
    query: OptionalQuery = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Show at most this many clips.")] = None,
    columns: Annotated[
        str | None,
        typer.Option(help="Show these fields, such as id,run,seed,noise,path (see `thresher fields`)."),
    ] = None,
    form: Form = Format.TABLE,
    json: Json = False,
    paths0: Annotated[
        bool, typer.Option("--paths0", help="Write file paths only, each followed by NUL, for xargs -0.")
    ] = False,
    measures: Annotated[
        bool, typer.Option("--measures", help="Show each clip's measures: silence, loop, noise and others.")
    ] = False,
) -> None:
    """List the clips that match a query, with the fields that the query uses.

    Rejected and unusable clips are left out unless the query names `rejected` or `status`. A table shows at
    most 200 clips unless --limit is given. Parts and marks are shown with the place where they start. The whole of
    a split recording is left out unless the query names `kind` or its id. --paths0 writes a file once, even if
    several of its clips match.
    """
    from thresher.curation.clips import listing

    names = [] if columns is None else _names(columns)
    with open_catalog() as catalog:
        terms = terms_of(catalog, query or [])
        if paths0 and (json or measures or columns or form is not Format.TABLE):
            raise UsageError("--paths0 writes only paths; omit --json, --format, --columns and --measures")
        if measures and columns:
            raise UsageError("--measures contradicts --columns; name the measures among the columns")
        if paths0:
            for path in listing.clip_paths(catalog, terms)[:limit]:
                sys.stdout.buffer.write(path + b"\0")
            return
        chosen = form_of(form, json)
        shown = TABLE_ROWS if chosen is Format.TABLE and limit is None else limit
        found = listing.list_values(catalog, terms, names, limit=shown)
        rows, more = found.rows, 0
        if chosen is Format.TABLE and shown is not None and len(rows) == shown:
            more = listing.count_clips(catalog, terms) - len(rows)
        hidden = listing.count_clips(catalog, terms, defaults=False) if not rows else 0
        why = listing.why_empty(catalog, terms) if not rows and not hidden else ""
        measured = listing.list_measures(catalog, [row.id for row in rows]) if measures else {}
    cut: dict[str, Any] = {
        "more": more,
        "show_all": limit is not None,
        "fewer": "--limit and queries show fewer",
    }
    if measures:
        unknown = dict.fromkeys(MEASURES)
        emit(
            [{**row._asdict(), **measured.get(row.id, unknown)} for row in rows],
            _measured_columns(rows),
            chosen,
            **cut,
        )
    elif chosen is Format.TABLE:
        emit(list(zip(rows, found.values, strict=True)), _columns(found, names), chosen, **cut)
    else:
        emit(_records(found, names, chosen), (), chosen)
    if why:
        say(why)
    if hidden:
        say(
            f"{counted(hidden, 'matching clip')} hidden: rejected (show with rejected:yes) or not usable "
            "(show with status:silent or another status)"
        )


def _measured_columns(rows: Sequence[ClipRow]) -> tuple[Column, ...]:
    if not shows_cuts(rows):
        return MEASURED_COLUMNS
    rows_by_id = {row.id: row for row in rows}

    def measured(column: Column) -> Column:
        return replace(column, show=lambda row: column.show(rows_by_id[row["id"]]))

    return (*MEASURED_COLUMNS[:2], *map(measured, CUT_COLUMNS), *MEASURED_COLUMNS[2:])


def _names(columns: str) -> list[str]:
    """Return the names in a list with commas, in which a name may be in quotes."""
    try:
        names = [name.strip() for name in next(csv.reader([columns], skipinitialspace=True), [])]
    except csv.Error:  # a line break outside of quotes
        raise UsageError(f'--columns "{columns}" is not one line; write names with commas') from None
    if not all(names) or not names:
        raise UsageError(
            f'--columns "{columns}" contains an empty name; write names with commas, such as id,run,seed'
        )
    return names


def _columns(found: Listing, names: Sequence[str]) -> list[Column]:
    """Return the columns of a table: the named fields, or those of all listings and the fields of the query."""
    if names:
        return [_field_column(found, name) for name in found.fields if name not in found.used]
    every = [of_clip(column) for column in clip_columns(found.rows)]
    shown = SHOWN_FIELDS.union(column.title for column in every)
    used = [name for name in found.used if name not in shown]
    return [*every[:-1], *(_field_column(found, name) for name in used), every[-1]]


def _field_column(found: Listing, name: str) -> Column:
    """Return the column of a field. Numbers of attributes are never shortened: seeds often begin alike."""
    column = field_column(name, found.fields[name])
    values = [values[name] for values in found.values if values[name] is not None]
    if found.fields[name] == "attribute" and all(isinstance(value, int | float) for value in values):
        return replace(column, is_number=True, keep=Keep.ALL)
    return column


def _records(found: Listing, names: Sequence[str], form: Format) -> list[Any]:
    """Return the rows for a program: the named fields, or the whole row and the fields that the query uses."""
    if names:
        shown = [name for name in found.fields if name not in found.used]
        return [{name: values[name] for name in shown} for values in found.values]
    own = found.rows[0]._fields if found.rows else ()
    extra = [name for name in found.used if name not in own and name not in SHOWN_FIELDS]
    more = [{name: values[name] for name in extra} for values in found.values]
    if form is Format.CSV:
        return csv_records(found.rows, more)
    if not extra:
        return list(found.rows)
    return [{**row._asdict(), **fields} for row, fields in zip(found.rows, more, strict=True)]
