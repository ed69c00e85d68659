"""Options that many commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from thresher.errors import UsageError
from thresher.interfaces.cli.output import Format

Form = Annotated[Format, typer.Option("--format", help="How to write the listing.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would change.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
SongName = Annotated[str, typer.Argument(help="The song's name.")]
Query = Annotated[
    list[str],
    typer.Argument(help="Clips: ids, files, or a query such as epoch:20.. rating:4.. (thresher fields)."),
]
OptionalQuery = Annotated[
    list[str] | None,
    typer.Argument(help="A query such as epoch:20.. rating:4.. (thresher fields); default all."),
]


def form_of(form: Format, json: bool) -> Format:
    """`--json` is short for `--format json`; UsageError where both say something else."""
    if json and form not in (Format.TABLE, Format.JSON):
        raise UsageError(f"--json and --format {form} contradict each other; write one of them")
    return Format.JSON if json else form
