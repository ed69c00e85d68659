"""The `modify` command."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from thresher.errors import UsageError
from thresher.interfaces.cli.app import DECIDE, app, open_catalog
from thresher.interfaces.cli.deciding import decide
from thresher.interfaces.cli.decision_output import print_outcome
from thresher.interfaces.cli.options import DryRun, Json, Yes
from thresher.interfaces.cli.output import say


@app.command(rich_help_panel=DECIDE)
def modify(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="QUERY… FIELD=VALUE…",
            help="Clips, then values for run, epoch, step, role or attributes of your own.",
        ),
    ],
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Correct the values that file names or sidecars give for clips, such as epoch=40.

    Later ingests don't overwrite a correction.
    """
    from thresher.catalog.fields import close_names
    from thresher.curation.clips.decisions import modify as run
    from thresher.curation.clips.query_fields import fields

    assigned = [_assignment(argument) for argument in arguments if _is_assignment(argument)]
    values = dict(assigned)
    if len(values) < len(assigned):
        raise UsageError(f"a field is given twice: {' '.join(f'{key}={value}' for key, value in assigned)}")
    query = [argument for argument in arguments if not _is_assignment(argument)]
    if not values or not query:
        raise UsageError("write clips, then field=value, as in `thresher modify path:old/ epoch=40`")
    with open_catalog() as catalog:
        known = {row.name for row in fields(catalog)}
        outcome = decide(
            catalog,
            query,
            lambda terms, is_dry: run(catalog, terms, values, dry_run=is_dry),
            dry_run=dry_run,
            yes=yes,
        )
    print_outcome(outcome, dry_run=dry_run, json=json)
    for key in values.keys() - known:
        similar = close_names(key, known)
        say(f'"{key}" is a new field{f" (similar to {similar[0]})" if similar else ""}')


def _is_assignment(argument: str) -> bool:
    key, equals, _ = argument.partition("=")
    if os.path.exists(argument):  # a file such as default_e=10_t=0.95.wav
        return False
    return bool(equals) and key.replace("_", "").isalpha() and key.islower()


def _assignment(argument: str) -> tuple[str, str]:
    key, _, value = argument.partition("=")
    return key, value
