"""The `list` command."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from thresher.errors import UsageError
from thresher.formatting import counted
from thresher.interfaces.cli.app import FIND, app, open_catalog, terms_of
from thresher.interfaces.cli.clip_columns import CLIP_COLUMNS
from thresher.interfaces.cli.options import Form, Json, OptionalQuery, form_of
from thresher.interfaces.cli.output import TABLE_ROWS, Format, clock, emit, say
from thresher.interfaces.cli.table import Column, Keep
from thresher.signal.features.measure_registry import MEASURES


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
    limit: Annotated[int | None, typer.Option(min=0, help="Show at most this many clips.")] = None,
    form: Form = Format.TABLE,
    json: Json = False,
    paths0: Annotated[
        bool, typer.Option("--paths0", help="Write file paths only, each followed by NUL, for xargs -0.")
    ] = False,
    measures: Annotated[
        bool, typer.Option("--measures", help="Show each clip's measures: silence, loop, noise and others.")
    ] = False,
) -> None:
    """List the clips that match a query.

    Rejected and unusable clips are left out unless the query names `rejected` or `status`. A table shows at
    most 200 clips unless --limit is given.
    """
    from thresher.curation.clips import listing

    with open_catalog() as catalog:
        terms = terms_of(catalog, query or [])
        if paths0 and (json or measures or form is not Format.TABLE):
            raise UsageError("--paths0 writes only paths; omit --json, --format and --measures")
        if paths0:
            for path in listing.clip_paths(catalog, terms)[:limit]:
                sys.stdout.buffer.write(path + b"\0")
            return
        chosen = form_of(form, json)
        shown = TABLE_ROWS if chosen is Format.TABLE and limit is None else limit
        rows = listing.list_clips(catalog, terms, limit=shown)
        more = 0
        if chosen is Format.TABLE and shown is not None and len(rows) == shown:
            more = listing.count_clips(catalog, terms) - len(rows)
        hidden = listing.count_clips(catalog, terms, defaults=False) if not rows and limit != 0 else 0
        why = listing.why_empty(catalog, terms) if not rows and limit != 0 and not hidden else ""
        found = listing.list_measures(catalog, [row.id for row in rows]) if measures else {}
    if measures:
        unknown = dict.fromkeys(MEASURES)
        measured = [{**row._asdict(), **found.get(row.id, unknown)} for row in rows]
        emit(measured, MEASURED_COLUMNS, chosen, more=more)
    else:
        emit(rows, CLIP_COLUMNS, chosen, more=more)
    if why:
        say(why)
    if hidden:
        say(
            f"{counted(hidden, 'matching clip')} hidden: rejected (show with rejected:yes) or not usable "
            "(show with status:silent or another status)"
        )
