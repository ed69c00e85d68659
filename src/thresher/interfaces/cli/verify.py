"""The `verify` command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from thresher.interfaces.cli.app import MAINTAIN, NEEDS_ACTION, app, open_catalog
from thresher.interfaces.cli.ingest_output import tell_all_scoring
from thresher.interfaces.cli.options import Json
from thresher.interfaces.cli.output import print_facts, print_json, say, tell
from thresher.interfaces.cli.progress import ProgressBar

if TYPE_CHECKING:
    from thresher.curation.ingest.reanalyse import ReanalysisReport
    from thresher.curation.ingest.verify import VerifyReport


@app.command(rich_help_panel=MAINTAIN)
def verify(
    repair: Annotated[
        bool, typer.Option("--repair", help="Compute damaged fingerprints, descriptors and scores again.")
    ] = False,
    json: Json = False,
) -> None:
    """Check the database and every checksum in it."""
    from thresher.curation.ingest.verify import verify as run

    with open_catalog() as catalog, ProgressBar() as progress:
        report = run(catalog, repair=repair, progress=progress)
    if json:
        print_json(report)
    elif report.is_sound:
        tell("no damage found")
    else:
        _tell_damage(report)
    if not report.is_sound and not report.is_repaired:
        raise typer.Exit(NEEDS_ACTION)


def _tell_damage(report: VerifyReport) -> None:
    print_facts(
        [
            ("database", "; ".join(report.database) or None),
            ("damaged fingerprints of clips", ", ".join(map(str, report.fingerprints)) or None),
            ("damaged descriptors of clips", ", ".join(map(str, report.descriptors)) or None),
            ("damaged profiles of clips", ", ".join(map(str, report.profiles)) or None),
            *(
                (f"damaged score rows of {name}", ", ".join(map(str, rows)) or None)
                for name, rows in report.score_rows.items()
            ),
            ("incomplete matrix", ", ".join(report.incomplete) or None),
        ]
    )
    if report.repair is None:
        say("`thresher verify --repair` computes fingerprints, descriptors and scores again from the files")
    else:
        _tell_repair(report.repair)


def _tell_repair(repair: ReanalysisReport) -> None:
    tell(f"{repair.analysed} analysed again")
    tell_all_scoring(repair.scores)
    if repair.without_file:
        lost = ", ".join(map(str, repair.without_file))
        say(f"no file holds recordings {lost} now; put them back and `thresher ingest` their folder")
