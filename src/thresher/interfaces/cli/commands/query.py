"""The commands of saved queries: `thresher query …`."""

from __future__ import annotations

from typing import Annotated

import typer

from thresher.formatting import counted
from thresher.interfaces.cli.app import FIND, Group, app, open_catalog, terms_of
from thresher.interfaces.cli.options import DryRun, Form, Json, Query, form_of
from thresher.interfaces.cli.output import Format, emit, print_facts, print_json, tell
from thresher.interfaces.cli.table import Column, Keep

query_app = typer.Typer(cls=Group, no_args_is_help=True, help="Save, list, show and delete queries.")
Name = Annotated[str, typer.Argument(help="The saved query's name.")]

COLUMNS = (
    Column("name", lambda row: row.name, keep=Keep.LINES),
    Column("clips", lambda row: row.clips, is_number=True),
    Column("query", lambda row: row.query, keep=Keep.START),
    Column("used by", lambda row: row.used_by, keep=Keep.START, rank=1),
    Column("problem", lambda row: row.problem, keep=Keep.LINES, rank=2),
)


@query_app.command()
def save(name: Name, query: Query, dry_run: DryRun = False, json: Json = False) -> None:
    """Save a query under a name, or change a saved query. Use it as query:NAME, also in songs."""
    from thresher.curation.clips.saved_queries import save_query

    with open_catalog() as catalog:
        saved = save_query(catalog, name, terms_of(catalog, query), dry_run=dry_run)
    if json:
        print_json(saved, dry_run=dry_run)
    else:
        head = "dry run: " if dry_run else ""
        tell(f'{head}query "{name}": {saved.query} ({counted(saved.clips, "clip")} today)')


@query_app.command("list")
def list_queries(form: Form = Format.TABLE, json: Json = False) -> None:
    """List the saved queries with the clips that they find today."""
    from thresher.curation.clips.saved_queries import saved_queries

    with open_catalog() as catalog:
        rows = saved_queries(catalog)
    emit(rows, COLUMNS, form_of(form, json))


@query_app.command()
def show(name: Name, json: Json = False) -> None:
    """Show a saved query, and the songs and saved queries that use it."""
    from thresher.curation.clips.saved_queries import get_query

    with open_catalog() as catalog:
        found = get_query(catalog, name)
    if json:
        print_json(found)
    else:
        print_facts([(column.title, column.show(found) or None) for column in COLUMNS])


@query_app.command()
def delete(name: Name, dry_run: DryRun = False, json: Json = False) -> None:
    """Delete a saved query that no song or saved query uses; `thresher undo` restores it."""
    from thresher.curation.clips.saved_queries import delete_query

    with open_catalog() as catalog:
        delete_query(catalog, name, dry_run=dry_run)
    if json:
        print_json({"deleted": name}, dry_run=dry_run)
    elif dry_run:
        tell(f'dry run: would delete query "{name}"')
    else:
        tell(f'deleted query "{name}"; `thresher undo` restores it')


app.add_typer(query_app, name="query", rich_help_panel=FIND)
