"""The `tag` command."""

from __future__ import annotations

from typing import Annotated

import typer

from thresher.interfaces.cli.app import DECIDE, app, open_catalog
from thresher.interfaces.cli.deciding import decide
from thresher.interfaces.cli.decision_output import print_outcome
from thresher.interfaces.cli.options import DryRun, Json, Query, Yes


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
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Add tags to clips, and remove tags from them."""
    from thresher.curation.clips.decisions import tag as run

    with open_catalog() as catalog:
        outcome = decide(
            catalog,
            query,
            lambda terms, is_dry: run(catalog, terms, add=add or [], remove=remove or [], dry_run=is_dry),
            dry_run=dry_run,
            yes=yes,
        )
    print_outcome(outcome, dry_run=dry_run, json=json)
