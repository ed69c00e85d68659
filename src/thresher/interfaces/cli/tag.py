"""The `tag` command."""

from __future__ import annotations

from typing import Annotated

import typer

from thresher.interfaces.cli.app import DECIDE, app, open_catalog, terms_of
from thresher.interfaces.cli.decision_output import print_outcome
from thresher.interfaces.cli.options import DryRun, Json, Query


@app.command(rich_help_panel=DECIDE)
def tag(
    query: Query,
    add: Annotated[
        list[str] | None, typer.Option("--add", metavar="TAG", help="Add this tag; can be repeated.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="TAG", help="Remove this tag; can be repeated.")
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Add tags to clips, and remove tags from them."""
    from thresher.curation.clips.decisions import tag as run

    with open_catalog() as catalog:
        terms = terms_of(catalog, query)
        outcome = run(catalog, terms, add=add or [], remove=remove or [], dry_run=dry_run)
    print_outcome(outcome, dry_run=dry_run, json=json)
