"""The `rate` command."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from thresher.errors import UsageError
from thresher.interfaces.cli.app import DECIDE, app
from thresher.interfaces.cli.deciding import decide
from thresher.interfaces.cli.options import DryRun, Json, Yes

_MOST_DIGITS = 9  # more can be no rating, and Python reads no number of many thousand digits


@app.command(rich_help_panel=DECIDE)
def rate(
    arguments: Annotated[
        list[str],
        typer.Argument(metavar="QUERY… RATING", help="Clips, then a rating: 1 to 5, or none to remove it."),
    ],
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Rate clips from 1 to 5."""
    from thresher.curation.clips.decisions import rate as run

    *query, rating = arguments
    if not query or not (rating == "none" or (rating.isdecimal() and len(rating) <= _MOST_DIGITS)):
        raise UsageError(
            f'"{rating}" is not a rating; write clips, then 1 to 5 or none, as in `thresher rate 12 4`'
        )
    stars = None if rating == "none" else int(rating)
    decide(query, partial(run, rating=stars), dry_run=dry_run, yes=yes, json=json)
