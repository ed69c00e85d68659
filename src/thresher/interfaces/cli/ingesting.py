"""Commands that fill and keep the catalog, from init to verify."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thresher.errors import CatalogError
from thresher.formatting import any_of, counted
from thresher.interfaces.cli.app import DONE_IN_PART, NEEDS_ACTION, app, open_catalog, terms_of
from thresher.interfaces.cli.confirm import ask
from thresher.interfaces.cli.ingest_words import (
    KEEP_PANEL,
    assignments,
    tell_counts,
    tell_scoring,
    tell_suspects,
    tell_troubles,
    with_jobs,
)
from thresher.interfaces.cli.options import DryRun, Form, Json, Yes, form_of
from thresher.interfaces.cli.output import Format, emit, print_facts, print_json, say, tell
from thresher.interfaces.cli.progress import ProgressBar
from thresher.interfaces.cli.table import Column, Keep
from thresher.signal.metrics.registry import METRICS

if TYPE_CHECKING:
    from thresher.catalog.catalog import Catalog
    from thresher.curation.ingest.ingest import IngestOptions, IngestReport

PANEL = "Add audio"


@app.command(rich_help_panel=PANEL)
def init(
    folder: Annotated[Path, typer.Argument(help="Where the catalog shall be; made if needed.")] = Path(),
) -> None:
    """Start a catalog: catalog.toml and catalog.db in a folder."""
    from thresher.catalog.catalog import Catalog

    with Catalog.create(folder) as catalog:
        say(f"a new catalog is in {catalog.root}; next: thresher ingest PATH")


@app.command(rich_help_panel=KEEP_PANEL)
def config(json: Json = False) -> None:
    """Show the settings in use, where they come from, and what makes fingerprints."""
    from thresher.interfaces.cli.output import plain
    from thresher.signal.features.fingerprint import find_backend

    with open_catalog() as catalog:
        backend = find_backend(catalog.settings.fingerprint.backend)
        settings = plain(catalog.settings)
        settings["provenance"] = [
            {"name": pattern.name, "pattern": pattern.regex.pattern}
            for pattern in catalog.settings.provenance
        ]
        found = {
            "file": str(catalog.file),
            "fingerprints": {"backend": backend.name, "version": backend.version},
            **settings,
        }
        if json:
            print_json(found)
            return
        say(f"settings of {catalog.file}; catalog.example.toml explains every key")
        print_facts(_flat(found))


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            facts += _flat(value, f"{prefix}{name}.")
        elif name == "provenance":
            facts += [(name, f"{entry['name']}: {entry['pattern']}") for entry in value]
        else:
            facts.append((f"{prefix}{name}", value))
    return facts


@app.command(rich_help_panel=PANEL)
def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders with all below them.")],
    run: Annotated[str | None, typer.Option(help="The run that wrote them; else names tell.")] = None,
    epoch: Annotated[int | None, typer.Option(min=0, help="The epoch; else names tell.")] = None,
    step: Annotated[int | None, typer.Option(min=0, help="The step or iteration; else names tell.")] = None,
    attributes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An attribute; may be repeated.")
    ] = None,
    role: Annotated[
        str | None,
        typer.Option(help="generated, as new files are, or reference for audio the network was trained on."),
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Workers; default one a core.")] = None,
    reread: Annotated[
        bool,
        typer.Option("--reread", help="Let names and sidecars say anew what known files are."),
    ] = False,
    dry_run: DryRun = False,
    no_score: Annotated[
        bool, typer.Option("--no-score", help="Leave the new clips unscored for now.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Mark files missing even if most of a folder is gone.")
    ] = False,
    json: Json = False,
) -> None:
    """Take audio files into the catalog; only content it does not know costs anything."""
    from thresher.curation.ingest.ingest import IngestOptions

    with open_catalog() as catalog:
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
        )
        report = _run_ingest(catalog, paths, options)
    if json:
        print_json(report)
    else:
        _tell_ingest(report)
    if report.scoring_failure:
        raise CatalogError(report.scoring_failure)
    if report.failures:
        raise typer.Exit(DONE_IN_PART)


def ingest_and_tell(paths: list[Path]) -> None:
    """`thresher ingest` as it is without options, but without its exit code."""
    from thresher.curation.ingest.ingest import IngestOptions

    with open_catalog() as catalog:
        _tell_ingest(_run_ingest(catalog, paths, IngestOptions()))


def _run_ingest(catalog: Catalog, paths: list[Path], options: IngestOptions) -> IngestReport:
    from thresher.curation.ingest.ingest import ingest as run

    with ProgressBar("files") as progress:
        return run(catalog, paths, options, progress)


def _tell_ingest(report: IngestReport) -> None:
    tell_counts(report)
    for scoring in report.scores:
        tell_scoring(scoring)
    if report.held_back:
        say(
            f"{report.held_back} known files are gone, more than half of their folder: is a drive unplugged? "
            "nothing was marked missing; `thresher ingest --yes` marks them"
        )
    tell_troubles(report)


@app.command(rich_help_panel=KEEP_PANEL)
def reanalyse(
    query: Annotated[list[str] | None, typer.Argument(help="Which clips; default all.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Workers; default one a core.")] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Analyse known files again with today's settings; ratings, tags and ids stay."""
    from thresher.curation.ingest.reanalyse import reanalyse as run

    with open_catalog() as catalog, ProgressBar("files") as progress:
        terms = terms_of(catalog, query or [])
        executor = with_jobs(catalog.settings.ingest.executor, jobs)
        report = run(catalog, terms, executor=executor, dry_run=dry_run, progress=progress)
    if json:
        print_json(report)
        return
    if dry_run:
        tell(f"dry run: {counted(report.analysed, 'recording')} would be analysed")
        return
    tell(f"{report.analysed} analysed in {report.seconds:.1f} s, {counted(report.changed, 'clip')} changed")
    for scoring in report.scores:
        tell_scoring(scoring)
    if report.without_file:
        say(
            f"{counted(len(report.without_file), 'recording')} without a file now, left as before; "
            "`thresher list missing:yes` shows them"
        )


@app.command(rich_help_panel=KEEP_PANEL)
def score(
    metric: Annotated[
        str | None, typer.Option(help=f"Score by {any_of(METRICS)}; default: all in use.")
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Compare clips that have no scores yet with all that have."""
    from thresher.curation.comparison.score import open_work
    from thresher.curation.comparison.score import score as run
    from thresher.curation.comparison.suspects import examine
    from thresher.curation.ingest.catch_up import keep_scores, planned_scores

    suspects: tuple[int, ...] = ()
    with open_catalog() as catalog, ProgressBar() as progress:
        if dry_run:
            reports = (open_work(catalog, metric),) if metric else planned_scores(catalog)
        elif metric:
            reports = (run(catalog, metric, progress),)
        else:
            reports = keep_scores(catalog, progress=progress)
            suspects = examine(catalog)
    if json:
        print_json(reports)
        return
    for report in reports:
        if dry_run:
            clips, pairs = counted(report.clips, "clip"), counted(report.pairs, "comparison")
            tell(f"dry run, {report.metric}: {clips} would be scored in {pairs}")
        else:
            tell_scoring(report)
    tell_suspects(len(suspects))


@app.command(rich_help_panel=KEEP_PANEL)
def batches(form: Form = Format.TABLE, json: Json = False) -> None:
    """What came when: one line for each ingest that changed something."""
    from thresher.curation.ingest.batches import batches as list_batches
    from thresher.interfaces.cli.output import local_time

    with open_catalog() as catalog:
        rows = list_batches(catalog)
    columns = [
        Column("batch", lambda row: row.id, is_number=True),
        Column("when", lambda row: local_time(row.started_at)),
        *(
            Column(name, lambda row, name=name: getattr(row, name), is_number=True, rank=rank)  # type: ignore[misc]
            for name, rank in (
                ("files", 4),
                ("added", 0),
                ("copies", 2),
                ("moved", 2),
                ("missing", 2),
                ("reanalysed", 3),
                ("failed", 1),
            )
        ),
        Column("from", lambda row: row.paths, keep=Keep.END),
        Column("", lambda row: "interrupted" if row.finished_at is None else ""),
    ]
    emit(rows, columns, form_of(form, json))


@app.command(rich_help_panel=KEEP_PANEL)
def forget(
    target: Annotated[str, typer.Argument(metavar="PATH|batch:N", help="A file, a folder, or a batch.")],
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Take back an ingest of the wrong folder; files are not touched, and what you judged stays."""
    from thresher.curation.ingest.forget import forget as run

    with open_catalog() as catalog:
        report = run(catalog, target, dry_run=True)
        what = f"{counted(report.locations, 'file')} and {counted(report.recordings, 'recording')}"
        if not dry_run:
            if not yes:
                ask(
                    f"forget {what}? (the files stay, and `thresher ingest` takes them in again; no undo)",
                    otherwise="nothing was forgotten",
                )
            report = run(catalog, target)
    if json:
        print_json(report)
        return
    done = "would be forgotten" if dry_run else "forgotten"
    tell(f"{what} {done}")
    if report.kept:
        say(f"{counted(report.kept, 'recording')} kept, as missing: judged, corrected or rendered")


@app.command(rich_help_panel=KEEP_PANEL)
def verify(
    repair: Annotated[bool, typer.Option("--repair", help="Make again what is damaged.")] = False,
    json: Json = False,
) -> None:
    """Check the database and every checksum in it."""
    from thresher.curation.ingest.verify import verify as run

    with open_catalog() as catalog, ProgressBar() as progress:
        report = run(catalog, repair=repair, progress=progress)
    if json:
        print_json(report)
    elif report.is_sound:
        tell("all is sound")
    else:
        print_facts(
            [
                ("database", "; ".join(report.database) or None),
                ("damaged fingerprints of clips", ", ".join(map(str, report.fingerprints)) or None),
                ("damaged descriptors of clips", ", ".join(map(str, report.descriptors)) or None),
                *(
                    (f"damaged score rows of {name}", ", ".join(map(str, rows)) or None)
                    for name, rows in report.score_rows.items()
                ),
                ("incomplete matrix", ", ".join(report.incomplete) or None),
            ]
        )
        if report.repair is not None:
            tell(f"{report.repair.analysed} analysed again")
            for scoring in report.repair.scores:
                tell_scoring(scoring)
            if report.repair.without_file:
                lost = ", ".join(map(str, report.repair.without_file))
                say(f"no file is left of recordings {lost}; put them back and `thresher ingest` their folder")
        else:
            say("thresher verify --repair makes fingerprints and scores again from the files")
    if not report.is_sound and not report.is_mended:
        raise typer.Exit(NEEDS_ACTION)
