"""The `batches` and `forget` commands."""

from __future__ import annotations

from operator import attrgetter
from typing import Annotated

import typer

from thresher.formatting import counted
from thresher.interfaces.cli.app import MAINTAIN, app, open_catalog
from thresher.interfaces.cli.confirm import ask
from thresher.interfaces.cli.options import DryRun, Form, Json, Yes, form_of
from thresher.interfaces.cli.output import TABLE_ROWS, Format, emit, local_time, print_json, say, tell
from thresher.interfaces.cli.table import Column, Keep

_COUNTS = (
    ("files", 4),
    ("added", 0),
    ("parts", 2),
    ("copies", 2),
    ("moved", 2),
    ("missing", 2),
    ("overwritten", 2),
    ("retagged", 3),
    ("reanalysed", 3),
    ("failed", 1),
)

COLUMNS = (
    Column("batch", lambda row: row.id, is_number=True),
    Column("when", lambda row: local_time(row.started_at)),
    *(Column(name, attrgetter(name), is_number=True, rank=rank) for name, rank in _COUNTS),
    Column("from", lambda row: row.paths, keep=Keep.END),
    Column("", lambda row: "interrupted" if row.finished_at is None else ""),
)


@app.command(rich_help_panel=MAINTAIN)
def batches(
    limit: Annotated[
        int | None, typer.Option(min=1, help="List only this many ingests, the latest ones.")
    ] = None,
    form: Form = Format.TABLE,
    json: Json = False,
) -> None:
    """List ingests that changed something.

    A table shows the latest 200 unless --limit is given.
    """
    from thresher.curation.ingest.batches import batches as list_batches

    with open_catalog() as catalog:
        rows = list_batches(catalog)
    chosen = form_of(form, json)
    most = TABLE_ROWS if chosen is Format.TABLE and limit is None else limit
    emit(rows if most is None else rows[-most:], COLUMNS, chosen, show_all=True)
    if limit is None and chosen is Format.TABLE and len(rows) > TABLE_ROWS:
        say(
            f"… and {counted(len(rows) - TABLE_ROWS, 'earlier ingest')}; --limit and --format jsonl show more"
        )


@app.command(rich_help_panel=MAINTAIN)
def forget(
    target: Annotated[str, typer.Argument(metavar="PATH|batch:N", help="A file, a folder, or a batch.")],
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Remove the files of a mistaken ingest from the catalog; the files stay, and so do your decisions."""
    from thresher.curation.ingest.forget import forget as run

    with open_catalog() as catalog:
        report = run(catalog, target, dry_run=True)
        what = f"{counted(report.locations, 'file')} and {counted(report.recordings, 'recording')}"
        if not dry_run and report.locations:
            if not yes:
                ask(
                    f"forget {what}? (`thresher undo` can't undo this; the files stay, and "
                    "`thresher ingest` adds them again)",
                    otherwise="nothing was forgotten",
                )
            report = run(catalog, target)
    if json:
        print_json(report)
        return
    if not report.locations:
        tell(
            "nothing to forget: the recordings there are kept, because of decisions about them or rendered songs, "
            "and are marked missing already"
        )
        return
    done = "would be forgotten" if dry_run else "forgotten"
    tell(f"{what} {done}")
    if report.kept:
        say(
            f"{counted(report.kept, 'recording')} kept and marked missing, because decisions or renderings "
            "need them"
        )
