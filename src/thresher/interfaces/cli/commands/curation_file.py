"""The `export-catalog` and `import-catalog` commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thresher.formatting import counted
from thresher.interfaces.cli.app import DONE_IN_PART, MAINTAIN, app, open_catalog
from thresher.interfaces.cli.options import DryRun, Json
from thresher.interfaces.cli.output import print_json, say, tell
from thresher.interfaces.cli.progress import ProgressBar

if TYPE_CHECKING:
    from thresher.curation.backups.import_catalog import CurationImport

_SHOWN = 20
"""The most sentences of one kind that are shown; --json has all."""


@app.command("export-catalog", rich_help_panel=MAINTAIN)
def export_catalog(
    file: Annotated[Path, typer.Argument(help="The file; an earlier export in its place is replaced.")],
    json: Json = False,
) -> None:
    """Write ratings, tags, notes, marks, songs and renderings as JSON lines, by the content of clips.

    `thresher import-catalog` brings them into another catalog of the same audio. The file contains no audio and no
    scores, and the same catalog gives the same file.
    """
    from thresher.curation.backups.export_catalog import export_catalog as run

    with open_catalog() as catalog, ProgressBar("recordings") as progress:
        report = run(catalog, file, progress)
    if json:
        print_json(report)
        return
    listed = ", ".join(counted(count, name) for name, count in report.lines.items() if name != "query")
    tell(f"{report.path}: {listed or 'nothing was decided yet'} ({report.bytes / 1e6:.1f} MB)")


@app.command("import-catalog", rich_help_panel=MAINTAIN)
def import_catalog(
    file: Annotated[Path, typer.Argument(help="A file that `thresher export-catalog` wrote.")],
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Prefer the file's values to different ones in the catalog."),
    ] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Bring in ratings, tags, notes, marks, songs and renderings of another catalog of the same audio.

    Ingest the audio first. What this catalog says already stays, unless --replace is given. The command can be
    repeated after more audio was ingested. `thresher undo` reverts it.
    """
    from thresher.curation.backups.import_catalog import import_catalog as run

    with open_catalog() as catalog, ProgressBar() as progress:
        report = run(catalog, file, replace=replace, dry_run=dry_run, progress=progress)
    if json:
        print_json(report, dry_run=dry_run)
    else:
        _tell_import(report, replaces=replace)
    if report.missing or report.missing_clips or report.waiting:
        raise typer.Exit(DONE_IN_PART)


def _tell_import(report: CurationImport, *, replaces: bool) -> None:
    made = "" if report.decision is None else f"decision {report.decision}: "
    would = "dry run: " if report.dry_run else made
    tell(
        f"{would}{counted(report.changes, 'change')} to {counted(report.recordings, 'recording')} and "
        f"{counted(report.songs, 'song')}, {counted(report.renderings, 'new rendering')}"
    )
    if report.decision is not None:
        say(f"`thresher undo {report.decision}` reverts it")
    if report.cuts:
        say(
            f"{counted(report.cuts, 'cut')} (splits and marks) would be made first; what was decided about those "
            "clips is not counted"
        )
    for sentences in (report.notes, report.conflicts):
        for sentence in sentences[:_SHOWN]:
            say(sentence)
        if len(sentences) > _SHOWN:
            say(f"… and {len(sentences) - _SHOWN:,} more; --json shows all")
    if report.conflicts:
        stays = (
            "the file's value was taken"
            if replaces
            else "the catalog's value stays; --replace lets the file win"
        )
        say(f"where both differ, {stays}")
    if report.missing:
        shown = ", ".join(each.path or each.sha256[:12] for each in report.missing[:3])
        more = f" and {len(report.missing) - 3:,} more" if len(report.missing) > 3 else ""
        say(
            f"{counted(len(report.missing), 'recording')} not in the catalog ({shown}{more}); `thresher ingest` "
            "the files, then run the same command again"
        )
    if report.missing_clips and not report.dry_run:
        say(f"{counted(report.missing_clips, 'clip')} (parts and marks) not found in the recordings")
    if report.waiting:
        say(f"{counted(report.waiting, 'rendering')} left out, because not all of their clips are here")
