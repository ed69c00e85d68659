"""The `watch` command."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thresher.formatting import counted
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
from thresher.interfaces.cli.ingest_output import tell_counts, tell_troubles, tell_without_file
from thresher.interfaces.cli.output import say, tell

if TYPE_CHECKING:
    from thresher.curation.ingest.watch import WatchEvent, WatchReport


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
            catalog, folders, WatchOptions(every, quiet, once, options), wait=_wait, tell=_tell_event
        )
    _tell_summary(report)
    if once and report.failed:
        raise typer.Exit(DONE_IN_PART)


def _wait(seconds: float) -> bool:
    time.sleep(seconds)
    return True


def _tell_summary(report: WatchReport) -> None:
    rest = "; the last ingest was interrupted, and what it committed stays" if report.interrupted else ""
    failed = f", {counted(report.failed, 'file')} that can't be used" if report.failed else ""
    batches = f"{report.batches:,} {'batch' if report.batches == 1 else 'batches'}"
    copies = f"{report.copies:,} {'copy' if report.copies == 1 else 'copies'}"
    tell(f"watched: {batches}, {counted(report.added, 'new clip')}, {copies}{failed}{rest}")


def _tell_event(event: WatchEvent) -> None:
    from thresher.curation.ingest.watch import WatchNews

    match event.news:
        case WatchNews.BATCH if event.report is not None:
            tell_counts(event.report)
            tell_without_file(event.report.without_file)
            tell_troubles(event.report)
            if event.report.scoring_failure:
                say(f"not scored yet: {event.report.scoring_failure}")
        case WatchNews.AWAY:
            say(
                f"{event.folder} {event.reason}; no file is marked missing, and the watch waits for the folder"
            )
        case WatchNews.BACK:
            say(f"{event.folder} is back")
        case _:
            say(f"the ingest failed and is tried again after the next quiet period: {event.reason}")
    sys.stdout.flush()  # a log file must not wait for a full buffer
