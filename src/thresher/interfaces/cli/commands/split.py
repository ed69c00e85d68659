"""The `split` command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from thresher.errors import UsageError
from thresher.formatting import counted, listed
from thresher.interfaces.cli.app import DECIDE, DONE_IN_PART, app, open_catalog, terms_of
from thresher.interfaces.cli.confirm import ask
from thresher.interfaces.cli.ingest_options import Jobs, with_jobs
from thresher.interfaces.cli.options import DryRun, Json, Query, Yes, seconds_of
from thresher.interfaces.cli.output import print_json
from thresher.interfaces.cli.progress import ProgressBar
from thresher.interfaces.cli.split_output import tell_split

if TYPE_CHECKING:
    from thresher.catalog.catalog import Catalog
    from thresher.catalog.queries.query import Terms
    from thresher.signal.features.split_settings import SplitSettings


@app.command(rich_help_panel=DECIDE)
def split(
    query: Query,
    seconds: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            parser=seconds_of,
            help="Split at silences longer than S seconds. Default: [trim] split_seconds.",
        ),
    ] = None,
    every: Annotated[
        float | None,
        typer.Option(
            metavar="S", parser=seconds_of, help="Split into clips of S seconds, whatever they contain."
        ),
    ] = None,
    count: Annotated[
        int | None, typer.Option(metavar="N", help="Split into N clips of equal length.")
    ] = None,
    join: Annotated[
        bool, typer.Option("--join", help="Revert splits: one clip for each recording again.")
    ] = False,
    jobs: Jobs = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Split recordings into several clips, at silences or on a grid; `undo` and --join revert it."""
    settings = settings_of(seconds, every, count)
    if join and (settings is not None or jobs is not None):
        raise UsageError("--join takes no --seconds, --every, --count or --jobs")
    from thresher.curation.cutting.split import join as run_join
    from thresher.curation.cutting.split import split as run_split

    with open_catalog() as catalog:
        terms = terms_of(catalog, query)
        if not dry_run and not yes:
            _confirm(catalog, terms, "join" if join else "split")
        with ProgressBar("files") as progress:
            if join:
                report = run_join(catalog, terms, dry_run=dry_run, progress=progress)
            else:
                executor = with_jobs(catalog.settings.ingest.executor, jobs)
                report = run_split(
                    catalog, terms, settings, executor=executor, dry_run=dry_run, progress=progress
                )
    if json:
        print_json(report, dry_run=dry_run)
    else:
        tell_split(report, dry_run=dry_run)
    if report.failures:
        raise typer.Exit(DONE_IN_PART)


def settings_of(seconds: float | None, every: float | None, count: int | None) -> SplitSettings | None:
    """Return the settings that the options give, None without any. Raises UsageError for other values."""
    from thresher.signal.features.split_settings import SplitSettings

    given = {"--seconds": seconds, "--every": every, "--count": count}
    named = [f"{name} {value:g}" for name, value in given.items() if value is not None]
    if not named:
        return None
    if len(named) > 1:
        raise UsageError(f"{listed(named)} contradict each other; give one of them")
    try:
        return SplitSettings(silence=seconds, every=every, count=count)
    except ValueError as error:
        raise UsageError(f"{named[0]}: {error}") from error


def _confirm(catalog: Catalog, terms: Terms, verb: str) -> None:
    """Ask before most of the catalog is split or joined, or everything through a negated bare word."""
    from thresher.curation.clips.reach import reach

    found = reach(catalog, terms)
    if found.is_wide(found.clips) or (found.negated_words and not found.names_clips):
        ask(
            f"{verb} the recordings of {found.clips:,} of the {counted(found.catalog, 'clip')} in the catalog?",
            otherwise="nothing was changed",
        )
