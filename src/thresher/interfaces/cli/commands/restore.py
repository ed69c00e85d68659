"""The `restore` command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thresher.interfaces.cli.app import MAINTAIN, NEEDS_ACTION, app, context
from thresher.interfaces.cli.confirm import ask
from thresher.interfaces.cli.options import DryRun, Json, Yes
from thresher.interfaces.cli.output import from_here, print_json, say, tell
from thresher.interfaces.cli.progress import ProgressBar

if TYPE_CHECKING:
    from thresher.curation.backups.restore import RestoreChanges


@app.command(rich_help_panel=MAINTAIN)
def restore(
    file: Annotated[Path, typer.Argument(help="A backup; see `thresher backup --list`.")],
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Take the catalog's database back to a backup, and keep what is replaced as another backup.

    The backup is checked first; with --dry-run, that is all. No other thresher may have the catalog open. Audio
    files are not touched; `thresher prune --restore N` takes files out of the trash.
    """
    from thresher.curation.backups.restore import prepare_restore

    with ProgressBar("MB") as progress, prepare_restore(file, context.catalog, progress) as prepared:
        report = prepared.report
        if not json:
            _tell_changes(report, dry_run=dry_run)
        if not dry_run:
            if not yes:
                ask(f"replace the catalog by {file}?", otherwise="nothing was replaced")
            report = prepared.carry_out(progress)
    if json:
        print_json(report, dry_run=dry_run)
    elif not dry_run:
        tell(f"restored {file}")
        if report.kept is not None:
            _tell_kept(Path(report.kept))
        say("`thresher ingest` of your folders adds the files that are newer than the backup")
    if report.damage and dry_run:
        raise typer.Exit(NEEDS_ACTION)


def _tell_kept(file: Path) -> None:
    """Say where the replaced database is, and whether a restore can take the catalog back to it."""
    if "-damaged-" in file.name:
        say(
            f"the damaged database that was replaced is in {from_here(file)}; delete it when you do not need it"
        )
    else:
        say(
            f"what was replaced is in {from_here(file)}; `thresher restore` takes the catalog back to it, too"
        )


def _tell_changes(report: RestoreChanges, *, dry_run: bool) -> None:
    """Report the state of the backup, and what it takes away and brings."""
    if report.damage:
        say(
            f"{report.backup} is damaged: {'; '.join(report.damage)}; choose another backup, or run `thresher "
            "verify --repair` after the restore"
        )
    elif dry_run:
        tell(f"{report.backup} is good (revision {report.revision})")
    if report.incomparable is not None:
        say(f"what changes is not known: {report.incomparable}")
        return
    for numbers, what in (
        ([(each.lost, each.what) for each in report.differences], "the backup lacks"),
        ([(each.won, each.what) for each in report.differences], "the backup brings"),
    ):
        tell(f"{what}: {', '.join(_counted(*each) for each in numbers if each[0]) or 'nothing'}")


def _counted(number: int, nouns: str) -> str:
    one = f"{nouns.removesuffix('ies')}y" if nouns.endswith("ies") else nouns.removesuffix("s")
    return f"{number:,} {one if number == 1 else nouns}"
