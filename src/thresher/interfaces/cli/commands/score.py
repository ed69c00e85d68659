"""The `score` and `reanalyse` commands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from thresher.formatting import any_of, counted, listed
from thresher.interfaces.cli.app import MAINTAIN, app, open_catalog, terms_of
from thresher.interfaces.cli.ingest_options import Jobs, with_jobs
from thresher.interfaces.cli.ingest_output import (
    tell_all_scoring,
    tell_some,
    tell_suspects,
    tell_without_file,
)
from thresher.interfaces.cli.options import DryRun, Json, OptionalQuery
from thresher.interfaces.cli.output import print_json, say, tell
from thresher.interfaces.cli.progress import ProgressBar
from thresher.signal.metrics.registry import METRICS

if TYPE_CHECKING:
    from thresher.curation.ingest.reanalyse import SpanChange, StatusChange

SPANS_SHOWN = 10
"""The clips with other spans that `reanalyse` names on a terminal."""


@app.command(rich_help_panel=MAINTAIN)
def score(
    metric: Annotated[
        str | None, typer.Option(help=f"Score by {any_of(METRICS)}. Default: all metrics in use.")
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Score clips that have no scores yet against all other clips."""
    from thresher.curation.comparison.score import open_work
    from thresher.curation.comparison.score import score as run
    from thresher.curation.ingest.catch_up import CatchUpReport, catch_up, planned_scores

    done = CatchUpReport()
    with open_catalog() as catalog, ProgressBar() as progress:
        if dry_run:
            reports = (open_work(catalog, metric),) if metric else planned_scores(catalog)
        elif metric:
            reports = (run(catalog, metric, progress),)
        else:
            done = catch_up(catalog, progress=progress)
            reports = done.scores
    if json:
        print_json(reports, dry_run=dry_run)
        tell_without_file(done.without_file)
        tell_some("note", done.notes)
        return
    for report in reports if dry_run else ():
        clips, pairs = counted(report.clips, "clip"), counted(report.pairs, "comparison")
        tell(f"dry run, {report.metric}: {clips} would be scored in {pairs}")
    if not dry_run:
        tell_all_scoring(reports)
        if not any(report.clips or report.compacted for report in reports):
            tell(f"nothing to score by {', '.join(report.metric for report in reports)}")
    tell_suspects(len(done.suspects))
    tell_without_file(done.without_file)
    tell_some("note", done.notes)


@app.command(rich_help_panel=MAINTAIN)
def reanalyse(
    query: OptionalQuery = None,
    jobs: Jobs = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Analyse known files again with today's settings; ids, ratings and tags stay."""
    from thresher.curation.ingest.reanalyse import reanalyse as run

    with open_catalog() as catalog, ProgressBar("files") as progress:
        terms = terms_of(catalog, query or [])
        executor = with_jobs(catalog.settings.ingest.executor, jobs)
        report = run(catalog, terms, executor=executor, dry_run=dry_run, progress=progress)
    if json:
        print_json(report, dry_run=dry_run)
        return
    if dry_run:
        tell(f"dry run: {counted(report.analysed, 'recording')} would be analysed")
    else:
        tell(
            f"{report.analysed} analysed in {report.seconds:.1f} s, {counted(report.changed, 'clip')} changed"
        )
    _tell_statuses(report.statuses)
    _tell_spans(report.spans)
    tell_some("note", report.notes)
    tell_all_scoring(report.scores)
    if report.without_file:
        say(
            f"{counted(len(report.without_file), 'recording')} not analysed, because no file on this machine "
            "holds them now; find or restore the files, then `thresher ingest` their folder"
        )


def _tell_statuses(statuses: Sequence[StatusChange]) -> None:
    """Name clips whose recordings have another status than before."""
    for (before, after), number in Counter((each.before, each.after) for each in statuses).items():
        ids = [str(each.clip_id) for each in statuses if (each.before, each.after) == (before, after)]
        was = "was" if number == 1 else "were"
        now = "is" if number == 1 else "are"
        tell(f"{counted(number, 'clip')} that {was} {before} {now} {after} now: {listed(ids, SPANS_SHOWN)}")


def _tell_spans(spans: Sequence[SpanChange]) -> None:
    """Name clips whose spans changed, the first few with their lengths."""
    if not spans:
        return
    tell(f"{counted(len(spans), 'clip')} trimmed otherwise than before:")
    for change in spans[:SPANS_SHOWN]:
        before = change.before.frames / change.before_rate
        after = change.after.frames / change.sample_rate
        status = "" if change.status == "ok" else f", {change.status}"
        tell(f"  clip {change.clip_id}: {before:.2f} s, now {after:.2f} s{status}")
    if len(spans) > SPANS_SHOWN:
        tell(f"  and {len(spans) - SPANS_SHOWN} more; `thresher reanalyse --json` lists all")
