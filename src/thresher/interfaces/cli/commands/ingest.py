"""The `ingest` command."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thresher.errors import CatalogError
from thresher.formatting import counted
from thresher.interfaces.cli.app import ADD, DONE_IN_PART, NEEDS_ACTION, app, catalog_file, open_catalog
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
from thresher.interfaces.cli.ingest_output import tell_ingest
from thresher.interfaces.cli.options import DryRun, Json
from thresher.interfaces.cli.output import print_json
from thresher.interfaces.cli.progress import ProgressBar

if TYPE_CHECKING:
    from thresher.catalog.catalog import Catalog
    from thresher.curation.ingest.first_look import FirstLook
    from thresher.curation.ingest.options import IngestOptions
    from thresher.curation.ingest.report import IngestReport
    from thresher.curation.ingest.scan import Scan
    from thresher.curation.workers import Workers


@app.command(rich_help_panel=ADD)
def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders with everything below them.")],
    run: Run = None,
    epoch: Epoch = None,
    step: Step = None,
    attributes: Attributes = None,
    role: Annotated[
        str | None,
        typer.Option(
            help="generated, or reference for audio that the network was trained on. "
            "Default: generated for new files."
        ),
    ] = None,
    exclude: Exclude = None,
    split: Split = None,
    jobs: Jobs = None,
    reread: Annotated[
        bool, typer.Option("--reread", help="Read the names, sidecars and tags of known files again.")
    ] = False,
    dry_run: DryRun = False,
    no_score: Annotated[bool, typer.Option("--no-score", help="Do not score the new clips now.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Mark files missing even if most of a folder is gone.")
    ] = False,
    json: Json = False,
) -> None:
    """Add audio files to the catalog and score the new clips; unchanged files are skipped."""
    left_out = tuple(exclude or ())
    found, look, workers = _look_first(paths, jobs, left_out, split=split, dry_run=dry_run)
    flags = (run, epoch, step, role, attributes or None, reread or None, dry_run or None, no_score or None)
    if look.report is not None and not yes and flags.count(None) == len(flags):
        report = look.report
    else:
        with workers, open_catalog() as catalog:
            from thresher.curation.ingest.options import IngestOptions

            options = IngestOptions(
                run=run,
                epoch=epoch,
                step=step,
                attributes=assignments(attributes or [], "--set"),
                role=role,
                executor=with_jobs(catalog.settings.ingest.executor, jobs),
                reread=reread,
                dry_run=dry_run,
                score=not no_score,
                mark_missing=yes,
                exclude=left_out,
                split=split,
            )
            report = _run_ingest(catalog, paths, options, found, workers)
            if report.vanished and report.held_back and not dry_run and sys.stdin.isatty():
                files = counted(report.held_back, "known file")
                where = ", ".join(report.vanished)
                if typer.confirm(f"{where} does not exist any more; mark {files} missing?", err=True):
                    marking = replace(options, mark_missing=True)
                    report = report.followed_by(_run_ingest(catalog, paths, marking, found))
    if json:
        print_json(report)
    else:
        tell_ingest(report)
    if report.scoring_failure:
        raise CatalogError(report.scoring_failure)
    if report.failures:
        raise typer.Exit(DONE_IN_PART)
    if report.vanished and report.held_back:
        raise typer.Exit(NEEDS_ACTION)


def ingest_and_tell(paths: list[Path]) -> None:
    """Run `thresher ingest` without options, and without its exit code."""
    from thresher.curation.ingest.options import IngestOptions

    with open_catalog() as catalog:
        tell_ingest(_run_ingest(catalog, paths, IngestOptions()))


def _look_first(
    paths: list[Path], jobs: int | None, exclude: tuple[str, ...], *, split: bool | None, dry_run: bool
) -> tuple[Scan, FirstLook, Workers]:
    """Scan the paths, and begin to analyse new files, before this process loads SQLAlchemy."""
    from thresher.catalog.settings.config import load_settings
    from thresher.catalog.settings.own_files import OwnFiles
    from thresher.curation.analysis.worker import WORKER_MODULES
    from thresher.curation.ingest.first_look import first_look
    from thresher.curation.ingest.head_start import give_head_start
    from thresher.curation.ingest.scan import scan
    from thresher.curation.workers import Workers

    file = catalog_file()
    settings = load_settings(file)
    found = scan(paths, exclude, own=OwnFiles(file, settings), allow_vanished=True)
    look = first_look(file, settings, found)
    workers = Workers(with_jobs(settings.ingest.executor, jobs), preload=WORKER_MODULES)
    if look.has_new and not dry_run:
        give_head_start(workers, settings, look.unseen, split=split)
    return found, look, workers


def _run_ingest(
    catalog: Catalog,
    paths: list[Path],
    options: IngestOptions,
    found: Scan | None = None,
    workers: Workers | None = None,
) -> IngestReport:
    from thresher.curation.ingest.ingest import ingest as run

    with ProgressBar("files") as progress:
        return run(catalog, paths, options, progress, found=found, workers=workers)
