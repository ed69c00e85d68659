"""The commands over decisions: undo, history."""

from __future__ import annotations

from typing import Annotated

import typer

from thresher.formatting import counted
from thresher.interfaces.cli.app import DECIDE, app, open_catalog
from thresher.interfaces.cli.decision_output import DECISION_COLUMNS
from thresher.interfaces.cli.options import DryRun, Form, Json, form_of
from thresher.interfaces.cli.output import Format, emit, one_line, print_json, say, tell
from thresher.interfaces.plain import plain


@app.command(rich_help_panel=DECIDE)
def undo(
    number: Annotated[
        int | None,
        typer.Argument(
            metavar="[N]",
            help="The decision's number (see history). Default: the latest; on a server, your latest.",
        ),
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Revert a decision, by default the latest one. The undo is itself a decision, which undo can revert.

    In a catalog on a server, the default is your own latest decision.
    """
    from thresher.curation.cutting.undo import undo as run

    with open_catalog() as catalog:
        made = run(catalog, number, dry_run=dry_run)
    if json:
        print_json({**plain(made), "id": None if dry_run else made.id}, dry_run=dry_run)
        return
    if dry_run:
        tell(f"dry run: {one_line(made.summary)} ({counted(len(made.changes), 'value')} would be restored)")
        return
    tell(f"decision {made.id}: {one_line(made.summary)} ({counted(len(made.changes), 'value')} restored)")
    say(f"`thresher undo {made.id}` reverts it")


@app.command(rich_help_panel=DECIDE)
def history(
    limit: Annotated[int | None, typer.Option(min=1, help="Show at most this many decisions.")] = None,
    form: Form = Format.TABLE,
    json: Json = False,
) -> None:
    """List decisions, the latest first, and who made those that are not yours."""
    from thresher.curation.clips.decisions import history as run

    with open_catalog() as catalog:
        rows = run(catalog, limit)
    emit(
        rows,
        DECISION_COLUMNS,
        form_of(form, json),
        show_all=limit is not None,
        fewer="--limit shows fewer",
    )
