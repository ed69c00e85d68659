"""The `verify` command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from thresher.formatting import counted, listed
from thresher.interfaces.cli.app import MAINTAIN, NEEDS_ACTION, app, open_catalog
from thresher.interfaces.cli.ingest_output import tell_all_scoring, tell_some
from thresher.interfaces.cli.options import Json
from thresher.interfaces.cli.output import print_facts, print_json, say, tell
from thresher.interfaces.cli.progress import ProgressBar

if TYPE_CHECKING:
    from thresher.curation.ingest.reanalyse import ReanalysisReport
    from thresher.curation.ingest.verify import VerifyReport
    from thresher.curation.ingest.verify_files import FilesReport


@app.command(rich_help_panel=MAINTAIN)
def verify(
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="Rebuild indexes, and compute again what can be computed, after a backup."
        ),
    ] = False,
    files: Annotated[
        bool, typer.Option("--files", help="Read every file, renderings too, and compare it with its hash.")
    ] = False,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept", help="Take damaged rows that can't be computed again as they are, after a backup."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Check the database, every value in it, and whether the files exist.

    The exit code is 3 if something needs an action: damage that remains, and files that are gone without being
    marked missing, that can't be read, or that hold other audio (--files). Files marked missing and clips that are
    not scored yet are not faults. A repair can be interrupted and run again.
    """
    from thresher.curation.ingest.verify import verify as run

    with open_catalog() as catalog, ProgressBar() as progress:
        report = run(catalog, repair=repair, accept=accept, files=files, progress=progress)
    if json:
        print_json(report)
    else:
        if report.is_sound:
            tell("no damage found")
        else:
            _tell_damage(report)
        _tell_unfinished(report)
        _tell_files(report.files)
    if (not report.is_sound and not report.is_repaired) or not report.files.is_sound:
        raise typer.Exit(NEEDS_ACTION)


def _tell_unfinished(report: VerifyReport) -> None:
    """Report what is not computed yet, which is not damage."""
    if report.repair is None:
        for what, count in report.unfinished.items():
            then = "thresher score" if what.startswith("scores") else "thresher ingest FOLDER"
            verb = "lacks" if count == 1 else "lack"
            say(f"{counted(count, 'clip')} {verb} {what}; `{then}` computes them")


def _tell_files(files: FilesReport) -> None:
    """Report files that are gone, changed or unreadable, and the recordings without a file."""
    for paths, what, then in (
        (files.gone, "gone, but not marked missing", "`thresher ingest FOLDER` marks them"),
        (files.changed, "changed", "`thresher ingest FOLDER` reads them"),
        (files.unreadable, "not readable", "check their permissions and the disk"),
        (
            files.renderings_changed,
            "renderings that changed",
            "`thresher song render NAME --rendering N` writes them again",
        ),
    ):
        if paths:
            are = "is" if len(paths) == 1 else "are"
            say(f"{counted(len(paths), 'file')} {are} {what} ({listed(list(paths), 3)}); {then}")
    if files.marked:
        have = "has" if files.marked == 1 else "have"
        say(f"{counted(files.marked, 'recording')} {have} no file any more ({_listing(files)})")
    if files.elsewhere:
        are, were = ("is", "was") if files.elsewhere == 1 else ("are", "were")
        say(
            f"{counted(files.elsewhere, 'file')} {are} below roots that this machine lacks, and {were} not looked "
            "at"
        )
    if files.renderings_gone:
        gone = listed(list(files.renderings_gone), 3)
        tell(f"{counted(len(files.renderings_gone), 'rendering')} moved or deleted ({gone})")
    if files.rehashed and files.is_sound:
        tell(f"{counted(files.files, 'file')} read: all hold their audio")


def _listing(files: FilesReport) -> str:
    """Return the command that lists the recordings without a file."""
    if not files.marked_hidden:
        return "thresher list missing:yes"
    return (
        f"thresher list missing:yes; listings leave out {files.marked_hidden} that are rejected or not usable"
    )


def _tell_damage(report: VerifyReport) -> None:
    print_facts(
        [
            ("database", "; ".join(report.database) or None),
            ("damaged rows", ", ".join(report.rows) or None),
            ("journal", "; ".join(report.journal) or None),
            ("damaged fingerprints of clips", ", ".join(map(str, report.fingerprints)) or None),
            ("damaged descriptors of clips", ", ".join(map(str, report.descriptors)) or None),
            ("damaged profiles of clips", ", ".join(map(str, report.profiles)) or None),
            ("damaged measures of clips", ", ".join(map(str, report.measures)) or None),
            ("other damaged analysis of clips", ", ".join(map(str, report.analyses)) or None),
            *(
                (f"damaged score rows of {name}", ", ".join(map(str, rows)) or None)
                for name, rows in report.score_rows.items()
            ),
            ("incomplete matrix", ", ".join(report.incomplete) or None),
            ("wrong nearest clips", ", ".join(report.nearest) or None),
            ("decisions wrongly undone or in force", ", ".join(map(str, report.undos)) or None),
            ("lost highest ids of tables", ", ".join(report.counters) or None),
            ("interrupted repair", "yes" if report.is_interrupted else None),
        ]
    )
    if report.repair is None:
        say(
            "`thresher verify --repair` rebuilds indexes and computes again what can be computed, after a backup"
        )
        if report.rows or report.journal:
            say(_RESTORE)
        return
    _tell_repair(report.repair)
    if report.left:
        say(f"still damaged: {listed(list(report.left), 10)}")
        say(_RESTORE)


_RESTORE = (
    "rows can't be computed again: `thresher restore FILE` goes back to a backup; if the values that `show` and "
    "`song show` print are right, `thresher verify --accept` takes the rows as they are"
)


def _tell_repair(repair: ReanalysisReport) -> None:
    tell(f"{repair.analysed} analysed again")
    tell_some("note", repair.notes)
    tell_all_scoring(repair.scores)
    if repair.without_file:
        lost = ", ".join(map(str, repair.without_file))
        say(f"no file holds recordings {lost} now; put them back and `thresher ingest` their folder")
