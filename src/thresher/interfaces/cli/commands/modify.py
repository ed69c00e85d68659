"""The `modify` command."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from functools import partial
from typing import Annotated

import typer

from thresher.catalog.text.normal_form import folded, nfc
from thresher.errors import UsageError
from thresher.interfaces.cli.app import DECIDE, app, open_catalog
from thresher.interfaces.cli.deciding import decided
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
    from thresher.catalog.queries.fields import close_names
    from thresher.curation.clips.decisions import modify as run
    from thresher.curation.clips.query_fields import fields

    with open_catalog() as catalog:
        known = {row.name for row in fields(catalog)}
        assigned = [_assignment(argument) for argument in arguments if _is_assignment(argument, known)]
        values = dict(assigned)
        if len(values) < len(assigned):
            given = " ".join(f"{key}={value}" for key, value in assigned)
            raise UsageError(f"a field is given twice: {given}; give it once")
        query = [argument for argument in arguments if not _is_assignment(argument, known)]
        if not values or not query:
            raise UsageError("write clips, then field=value, as in `thresher modify path:old/ epoch=40`")
        outcome = decided(catalog, query, partial(run, values=values), dry_run=dry_run, yes=yes)
    print_outcome(outcome, dry_run=dry_run, json=json)
    in_any_case = set(map(folded, known))
    for key in (each for each in values if folded(each) not in in_any_case):
        similar = close_names(key, known)
        say(f'"{key}" is a new field{f" (similar to {similar[0]})" if similar else ""}')


def _is_assignment(argument: str, known: Collection[str]) -> bool:
    """Return whether an argument sets a field.

    A name with blanks, a colon or other signs has to be known, because the argument may be a query.
    """
    if os.path.exists(argument):  # a file such as default_e=10_t=0.95.wav
        return False
    key, equals, _ = argument.partition("=")
    if not equals or not key or key[-1] in ":!<>~^":
        return False
    return nfc(key) in known or re.fullmatch(r"[^\W_][\w.-]*|_[\w.-]+", key) is not None


def _assignment(argument: str) -> tuple[str, str]:
    key, _, value = argument.partition("=")
    return nfc(key), value
