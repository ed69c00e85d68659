"""The `note` command."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from thresher.errors import UsageError
from thresher.interfaces.cli.app import DECIDE, app
from thresher.interfaces.cli.deciding import decide
from thresher.interfaces.cli.options import DryRun, Json, Yes


@app.command(rich_help_panel=DECIDE)
def note(
    arguments: Annotated[
        list[str],
        typer.Argument(metavar="QUERY… TEXT", help='Clips, then the note\'s text; "" removes the note.'),
    ],
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Write a note on clips. It replaces the note they have."""
    from thresher.curation.clips.decisions import note as run

    *query, text = arguments
    if not query:
        raise UsageError(
            f'no clip given for the note "{text}"; write clips first: thresher note 12 "good bridge"'
        )
    decide(query, partial(run, text=text), dry_run=dry_run, yes=yes, json=json)
