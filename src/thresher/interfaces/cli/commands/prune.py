"""The `prune` command."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from thresher.errors import UsageError
from thresher.formatting import counted
from thresher.interfaces.cli.app import DONE_IN_PART, MAINTAIN, app, open_catalog, terms_of
from thresher.interfaces.cli.confirm import ask
from thresher.interfaces.cli.ingest_output import tell_ingest
from thresher.interfaces.cli.options import DryRun, Json, OptionalQuery, Yes
from thresher.interfaces.cli.output import print_json, say, tell
from thresher.interfaces.cli.progress import ProgressBar

if TYPE_CHECKING:
    from thresher.curation.clips.prune import PruneReport


@app.command(rich_help_panel=MAINTAIN)
def prune(
    query: OptionalQuery = None,
    rejected: Annotated[
        bool,
        typer.Option(
            "--rejected", help="Prune the files of rejected clips. Required, except with --restore."
        ),
    ] = False,
    rendered: Annotated[
        bool,
        typer.Option("--rendered", help="Also move files that are needed to render songs again."),
    ] = False,
    restored: Annotated[
        int | None,
        typer.Option(
            "--restore", metavar="N", help="Take the files of prune N of the history out of the trash."
        ),
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Move the files of rejected clips to the system trash; ratings, scores and history stay."""
    from thresher.curation.clips.prune import plan_prune
    from thresher.curation.clips.prune import prune as run

    if restored is not None:
        if rejected or rendered or query or dry_run:
            raise UsageError("--restore N takes no query and no other option")
        _restore(restored, json=json)
        return
    if not rejected:
        raise UsageError(
            "only the files of rejected clips can be pruned; run `thresher prune --rejected [QUERY]`"
        )
    with open_catalog() as catalog:
        with ProgressBar("files") as progress:
            plan = plan_prune(catalog, terms_of(catalog, query or []), rendered=rendered, progress=progress)
        report = plan.report
        if (plan.files or plan.unfinished) and not dry_run:
            if plan.files and not yes:
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


def _restore(entry: int, *, json: bool) -> None:
    """Take files out of the trash, and ingest them."""
    from thresher.curation.clips.restore import restore_pruned
    from thresher.curation.ingest.ingest import ingest

    with open_catalog() as catalog, ProgressBar("files") as progress:
        report = restore_pruned(catalog, entry)
        ingested = ingest(catalog, report.restored, progress=progress) if report.restored else None
    if json:
        print_json({"restored": report.paths, "failures": report.failures, "ingest": ingested})
    else:
        tell(f"{counted(len(report.restored), 'file')} taken out of the trash")
        if ingested is not None:
            tell_ingest(ingested)
    for failure in report.failures:
        say(f"not restored: {failure.path}: {failure.reason}")
    if report.failures:
        raise typer.Exit(DONE_IN_PART)


def _pruned(report: PruneReport) -> str:
    links = f", {counted(report.links, 'link')} among them" if report.links else ""
    return f"{counted(report.files, 'file')} of {counted(report.recordings, 'rejected recording')}{links}"


def _size(report: PruneReport) -> str:
    return f"{report.frees / 1e6:.1f} MB of disk space" if report.frees else "no disk space"


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
        if report.entry is not None and sys.platform == "linux":
            say(f"`thresher prune --restore {report.entry}` takes the files out of the trash again")
    if report.shared:
        say(
            f"{counted(report.shared, 'file')} among them "
            f"{'has' if report.shared == 1 else 'have'} other names (hard links) that stay, and "
            f"{'frees' if report.shared == 1 else 'free'} nothing"
        )
    for number, why in (
        (report.in_songs, "kept: a rendering of a song needs it (--rendered moves it too)"),
        (report.in_part, "kept: not all clips are rejected"),
        (report.references, "kept: references are never pruned"),
    ):
        if number:
            say(f"{counted(number, 'recording')} {why}")
    for path in report.changed:
        say(f"not moved, because its content has changed: {path}; `thresher ingest` adds it")
    if report.failures:
        say(f"{counted(len(report.failures), 'file')} could not be moved:")
        for failure in report.failures:
            say(f"  {failure.path}: {failure.reason}")
