"""The `tag` command."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from thresher.interfaces.cli.app import DECIDE, app
from thresher.interfaces.cli.deciding import decide
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

    decide(query, partial(run, add=add or [], remove=remove or []), dry_run=dry_run, yes=yes, json=json)
