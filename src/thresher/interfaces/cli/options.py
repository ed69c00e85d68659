"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from thresher.errors import UsageError
from thresher.interfaces.cli.output import Format

Form = Annotated[Format, typer.Option("--format", help="Output format.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, without changing anything.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
SongName = Annotated[str, typer.Argument(help="The song's name.")]
Query = Annotated[
    list[str],
    typer.Argument(
        help="Clips: ids, files, or a query such as epoch:20.. rating:4.. (see `thresher fields`)."
    ),
]
OptionalQuery = Annotated[
    list[str] | None,
    typer.Argument(help="A query such as epoch:20.. rating:4.. (see `thresher fields`). Default: all clips."),
]


def seconds_of(text: str) -> float:
    """Return the seconds that an option states: 7.5, or 0:07.5 as listings write times."""
    from thresher.catalog.text.values import parse_duration

    try:
        return parse_duration(text)
    except ValueError:
        pass
    try:
        return float(text)  # such as -1, which the command refuses with its limits
    except ValueError as error:
        raise typer.BadParameter(
            f'"{text}" is not a time (expected seconds such as 7.5, or 0:07.5)'
        ) from error


def form_of(form: Format, json: bool) -> Format:
    """Return the output format, of which `--json` is a short form. Raises UsageError if both options disagree."""
    if json and form not in (Format.TABLE, Format.JSON):
        raise UsageError(f"--json contradicts --format {form}; use one of them")
    return Format.JSON if json else form
