"""Commands that keep the catalog and its files in step: prune and watch."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from thresher.errors import UsageError
from thresher.formatting import counted
from thresher.interfaces.cli.app import DONE_IN_PART, app, open_catalog, terms_of
from thresher.interfaces.cli.confirm import ask
from thresher.interfaces.cli.ingest_words import (
    KEEP_PANEL,
    assignments,
    tell_counts,
    tell_troubles,
    with_jobs,
)
from thresher.interfaces.cli.options import DryRun, Json, OptionalQuery, Yes
from thresher.interfaces.cli.output import print_json, say, tell
from thresher.interfaces.cli.progress import ProgressBar

if TYPE_CHECKING:
    from thresher.curation.clips.prune import PruneReport
    from thresher.curation.ingest.watch import WatchEvent


@app.command(rich_help_panel=KEEP_PANEL)
def prune(
    query: OptionalQuery = None,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="The files of rejected clips; nothing else can be pruned.")
    ] = False,
    rendered: Annotated[
        bool,
        typer.Option("--rendered", help="Also what is needed to make renderings of songs again."),
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Move the files of rejected clips to the system's trash; ratings, scores and history stay."""
    from thresher.curation.clips.prune import plan_prune
    from thresher.curation.clips.prune import prune as run

    if not rejected:
        raise UsageError(
            "only the files of rejected clips can be pruned; say so: thresher prune --rejected [QUERY]"
        )
    with open_catalog() as catalog:
        with ProgressBar("files") as progress:
            plan = plan_prune(catalog, terms_of(catalog, query or []), rendered=rendered, progress=progress)
        report = plan.report
        if plan.files and not dry_run:
            if not yes:
                ask(
                    f"move {_pruned(report)} to the trash, which frees {_size(report)}?",
                    otherwise="nothing was moved",
                )
            with ProgressBar("files") as progress:
                report = run(catalog, plan, progress)
    if json:
        print_json(report)
    else:
        _tell_prune(report, dry_run=dry_run)
    if report.failures:
        raise typer.Exit(DONE_IN_PART)


def _pruned(report: PruneReport) -> str:
    links = f", {counted(report.links, 'link')} among them" if report.links else ""
    return f"{counted(report.files, 'file')} of {counted(report.recordings, 'rejected recording')}{links}"


def _size(report: PruneReport) -> str:
    return f"{report.frees / 1e6:.1f} MB of disk" if report.frees else "no disk"


def _tell_prune(report: PruneReport, *, dry_run: bool) -> None:
    if not report.files:
        tell(
            "no file was moved" if not dry_run and report.failures else "no rejected clip has a file to move"
        )
    elif dry_run:
        tell(f"dry run: {_pruned(report)} would be moved to the trash, which frees {_size(report)}")
        for path in report.paths:
            say(f"  {path}")
    else:
        tell(f"{_pruned(report)} moved to the trash, which frees {_size(report)} once the trash is emptied")
    if report.shared:
        say(
            f"{counted(report.shared, 'file')} among them "
            f"{'has' if report.shared == 1 else 'have'} other names (hard links) that stay, and "
            f"{'frees' if report.shared == 1 else 'free'} nothing"
        )
    for number, why in (
        (report.in_songs, "kept: a rendering of a song needs it (--rendered moves it too)"),
        (report.in_part, "kept: not all clips are rejected"),
        (report.references, "kept: a reference is never pruned"),
    ):
        if number:
            say(f"{counted(number, 'recording')} {why}")
    for path in report.changed:
        say(f"left, as it holds something else now: {path}; `thresher ingest` takes it in")
    if report.failures:
        say(f"{counted(len(report.failures), 'file')} could not be moved:")
        for failure in report.failures:
            say(f"  {failure.path}: {failure.reason}")


@app.command(rich_help_panel=KEEP_PANEL)
def watch(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders with all below them.")],
    every: Annotated[float, typer.Option(help="Seconds between two looks.")] = 5.0,
    quiet: Annotated[
        float, typer.Option(help="A file is ready when it stood still for so many seconds.")
    ] = 30.0,
    once: Annotated[bool, typer.Option("--once", help="End when what is there is taken in.")] = False,
    run: Annotated[str | None, typer.Option(help="The run that writes them; else names tell.")] = None,
    epoch: Annotated[int | None, typer.Option(min=0, help="The epoch; else names tell.")] = None,
    step: Annotated[int | None, typer.Option(min=0, help="The step or iteration; else names tell.")] = None,
    attributes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An attribute; may be repeated.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Workers; default one a core.")] = None,
) -> None:
    """Ingest new files as a training run writes them, until Ctrl-C; nothing is ever marked missing."""
    from thresher.curation.ingest.ingest import IngestOptions
    from thresher.curation.ingest.watch import WatchOptions
    from thresher.curation.ingest.watch import watch as watch_folders

    signal.signal(signal.SIGTERM, _stop)
    with open_catalog() as catalog:
        options = IngestOptions(
            run=run,
            epoch=epoch,
            step=step,
            attributes=assignments(attributes or [], "--set"),
            executor=with_jobs(catalog.settings.ingest.executor, jobs),
        )
        report = watch_folders(
            catalog, folders, WatchOptions(every, quiet, once, options), wait=_wait, tell=_tell_news
        )
    rest = "; the last ingest was interrupted, and what it had committed stays" if report.interrupted else ""
    failed = f", {counted(report.failed, 'file')} that can't be used" if report.failed else ""
    batches = f"{report.batches:,} {'batch' if report.batches == 1 else 'batches'}"
    copies = f"{report.copies:,} {'copy' if report.copies == 1 else 'copies'}"
    tell(f"watched: {batches}, {counted(report.added, 'new clip')}, {copies}{failed}{rest}")
    if once and report.failed:
        raise typer.Exit(DONE_IN_PART)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    """SIGTERM ends a watch as Ctrl-C does."""
    raise KeyboardInterrupt


def _wait(seconds: float) -> bool:
    time.sleep(seconds)
    return True


def _tell_news(event: WatchEvent) -> None:
    from thresher.curation.ingest.watch import WatchNews

    match event.news:
        case WatchNews.BATCH if event.report is not None:
            tell_counts(event.report)
            tell_troubles(event.report)
            if event.report.scoring_failure:
                say(f"not scored yet: {event.report.scoring_failure}")
        case WatchNews.AWAY:
            say(
                f"{event.folder} {event.reason}; nothing is marked missing, and the watch goes on when it is back"
            )
        case WatchNews.BACK:
            say(f"{event.folder} is back")
        case _:
            say(f"not ingested yet, and tried again after the next quiet period: {event.reason}")
    sys.stdout.flush()  # who reads a log shall not wait for a full buffer
