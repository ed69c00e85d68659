"""Commands that decide: rate, reject, unreject, trust, tag, note, modify, undo, history."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from thresher.errors import UsageError
from thresher.formatting import counted
from thresher.interfaces.cli.app import app, open_catalog, terms_of
from thresher.interfaces.cli.options import DryRun, Form, Json, Query, form_of
from thresher.interfaces.cli.output import DECISION_COLUMNS, Format, emit, print_json, say, tell

if TYPE_CHECKING:
    from thresher.curation.clips.decisions import Judgement

PANEL = "Judge"


def _tell(judgement: Judgement, *, dry_run: bool, json: bool) -> None:
    if json:
        print_json(judgement)
        return
    decision = judgement.decision
    if decision is None:
        tell(f"{counted(judgement.found, 'clip')} found, nothing to change")
        return
    changed = len({change.id for change in decision.changes})
    if dry_run:
        tell(f"dry run: {changed} of {judgement.found} would change ({decision.summary})")
        return
    tell(f"decision {decision.id}: {changed} of {judgement.found} changed ({decision.summary})")
    say(f"thresher undo {decision.id} takes it back")


@app.command(rich_help_panel=PANEL)
def rate(
    arguments: Annotated[
        list[str], typer.Argument(metavar="QUERY… RATING", help="Clips, then 1 to 5, or none.")
    ],
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Rate clips from 1 to 5."""
    from thresher.curation.clips.decisions import rate as run

    *query, rating = arguments
    if not query or not (rating == "none" or rating.isdecimal()):
        raise UsageError(f'"{rating}" is no rating; write clips, then 1 to 5 or none: thresher rate 12 4')
    with open_catalog() as catalog:
        terms = terms_of(catalog, query)
        judgement = run(catalog, terms, None if rating == "none" else int(rating), dry_run=dry_run)
    _tell(judgement, dry_run=dry_run, json=json)


@app.command(rich_help_panel=PANEL)
def reject(query: Query, dry_run: DryRun = False, json: Json = False) -> None:
    """Keep clips out of listings and songs; their files are not touched."""
    from thresher.curation.clips.decisions import reject as run

    with open_catalog() as catalog:
        judgement = run(catalog, terms_of(catalog, query), dry_run=dry_run)
    _tell(judgement, dry_run=dry_run, json=json)


@app.command(rich_help_panel=PANEL)
def unreject(query: Query, dry_run: DryRun = False, json: Json = False) -> None:
    """Let rejected clips back in."""
    from thresher.curation.clips.decisions import unreject as run

    with open_catalog() as catalog:
        judgement = run(catalog, terms_of(catalog, query), dry_run=dry_run)
    _tell(judgement, dry_run=dry_run, json=json)


@app.command(rich_help_panel=PANEL)
def trust(query: Query, dry_run: DryRun = False, json: Json = False) -> None:
    """Lift the suspicion of clips that are like what you rejected."""
    from thresher.curation.clips.decisions import trust as run

    with open_catalog() as catalog:
        judgement = run(catalog, terms_of(catalog, query), dry_run=dry_run)
    _tell(judgement, dry_run=dry_run, json=json)


@app.command(rich_help_panel=PANEL)
def tag(
    query: Query,
    add: Annotated[list[str] | None, typer.Option("--add", help="A tag to add; may be repeated.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", help="A tag to take away.")] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Add and remove tags."""
    from thresher.curation.clips.decisions import tag as run

    with open_catalog() as catalog:
        terms = terms_of(catalog, query)
        judgement = run(catalog, terms, add=add or [], remove=remove or [], dry_run=dry_run)
    _tell(judgement, dry_run=dry_run, json=json)


@app.command(rich_help_panel=PANEL)
def note(
    arguments: Annotated[
        list[str], typer.Argument(metavar="QUERY… TEXT", help='Clips, then the note; "" takes it away.')
    ],
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Write a note on clips."""
    from thresher.curation.clips.decisions import note as run

    *query, text = arguments
    if not query:
        raise UsageError(f'"{text}" needs clips before it: thresher note 12 "good bridge"')
    with open_catalog() as catalog:
        judgement = run(catalog, terms_of(catalog, query), text, dry_run=dry_run)
    _tell(judgement, dry_run=dry_run, json=json)


@app.command(rich_help_panel=PANEL)
def modify(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="QUERY… FIELD=VALUE…", help="Clips, then run, epoch, step, role or attributes."
        ),
    ],
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Correct what file names said; no later ingest overwrites it."""
    from thresher.catalog.fields import close_names
    from thresher.curation.clips.decisions import modify as run
    from thresher.curation.clips.listing import fields

    assigned = [_assignment(argument) for argument in arguments if _is_assignment(argument)]
    values = dict(assigned)
    if len(values) < len(assigned):
        raise UsageError(f"a field is given twice: {' '.join(f'{key}={value}' for key, value in assigned)}")
    query = [argument for argument in arguments if not _is_assignment(argument)]
    if not values or not query:
        raise UsageError("write clips, then what is right: thresher modify path:old/ epoch=40")
    with open_catalog() as catalog:
        known = {row.name for row in fields(catalog)}
        judgement = run(catalog, terms_of(catalog, query), values, dry_run=dry_run)
    _tell(judgement, dry_run=dry_run, json=json)
    for key in values.keys() - known:
        near = close_names(key, known)
        say(f'"{key}" is a new field{f" (there is {near[0]})" if near else ""}')


def _is_assignment(argument: str) -> bool:
    key, equals, _ = argument.partition("=")
    if os.path.exists(argument):  # as default_e=10_t=0.95.wav
        return False
    return bool(equals) and key.replace("_", "").isalpha() and key.islower()


def _assignment(argument: str) -> tuple[str, str]:
    key, _, value = argument.partition("=")
    return key, value


@app.command(rich_help_panel=PANEL)
def undo(
    number: Annotated[
        int | None, typer.Argument(metavar="[N]", help="A decision; default the latest.")
    ] = None,
    json: Json = False,
) -> None:
    """Take a decision back; the undo is itself a decision."""
    from thresher.curation.clips.decisions import undo as run

    with open_catalog() as catalog:
        done = run(catalog, number)
    if json:
        print_json(done)
        return
    tell(f"decision {done.id}: {done.summary} ({counted(len(done.changes), 'value')} back)")
    say(f"thresher undo {done.id} brings it back")


@app.command(rich_help_panel=PANEL)
def history(
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many, the latest first.")] = None,
    form: Form = Format.TABLE,
    json: Json = False,
) -> None:
    """List what was decided, the latest first."""
    from thresher.curation.clips.decisions import history as run

    with open_catalog() as catalog:
        rows = run(catalog, limit)
    emit(rows, DECISION_COLUMNS, form_of(form, json))
