"""The `watch` command."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from thresher.interfaces.cli.app import ADD, DONE_IN_PART, app, open_catalog
from thresher.interfaces.cli.ingest_options import (
    Attributes,
    Epoch,
    Exclude,
    Jobs,
    Run,
    Split,
    Step,
    assignments,
    with_jobs,
)
from thresher.interfaces.cli.watch_output import tell_event, tell_watched


@app.command(rich_help_panel=ADD)
def watch(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Folders, with everything below them.")
    ],
    every: Annotated[float, typer.Option(help="Seconds between two scans.")] = 5.0,
    quiet: Annotated[
        float, typer.Option(help="A file is ready after it has not changed for this many seconds.")
    ] = 30.0,
    once: Annotated[bool, typer.Option("--once", help="Ingest the files that are there, then end.")] = False,
    run: Run = None,
    epoch: Epoch = None,
    step: Step = None,
    attributes: Attributes = None,
    exclude: Exclude = None,
    split: Split = None,
    jobs: Jobs = None,
) -> None:
    """Ingest new files while a training run writes them, until Ctrl-C; no file is ever marked missing."""
    from thresher.curation.ingest.options import IngestOptions
    from thresher.curation.ingest.watch import WatchOptions
    from thresher.curation.ingest.watch import watch as watch_folders

    with open_catalog() as catalog:
        options = IngestOptions(
            run=run,
            epoch=epoch,
            step=step,
            attributes=assignments(attributes or [], "--set"),
            executor=with_jobs(catalog.settings.ingest.executor, jobs),
            exclude=tuple(exclude or ()),
            split=split,
        )
        report = watch_folders(
            catalog, folders, WatchOptions(every, quiet, once, options), wait=_wait, tell=tell_event
        )
    tell_watched(report)
    if once and report.failed:
        raise typer.Exit(DONE_IN_PART)


def _wait(seconds: float) -> bool:
    time.sleep(seconds)
    return True
