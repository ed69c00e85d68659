"""The command export: write clips to a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thresher.errors import UsageError
from thresher.formatting import counted
from thresher.interfaces.cli.app import DONE_IN_PART, FIND, app, open_catalog, terms_of
from thresher.interfaces.cli.options import DryRun, Json, Query, seconds_of
from thresher.interfaces.cli.output import from_here, print_json, say, tell
from thresher.interfaces.cli.progress import ProgressBar

if TYPE_CHECKING:
    from thresher.curation.exports.clip_file import Form
    from thresher.curation.exports.clips import ExportReport


@app.command(rich_help_panel=FIND)
def export(
    query: Query,
    to: Annotated[
        Path,
        typer.Option("--to", metavar="DIR", help="Write to this folder; it is created if its parent exists."),
    ],
    trimmed: Annotated[
        bool, typer.Option("--trimmed", help="Write only the span of each clip, as WAV or FLAC.")
    ] = False,
    link: Annotated[
        bool, typer.Option("--link", help="Write symbolic links to the files, not copies.")
    ] = False,
    fade: Annotated[
        float | None,
        typer.Option(
            "--fade",
            metavar="S",
            parser=seconds_of,
            help="Fade both ends of parts and marks for S seconds. Default: [song] fade.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace other files with the same names, except clips.")
    ] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Copy the files of clips to a folder, for example for a DAW. Existing files stay, unless --overwrite is given.

    For parts and marks, only the span is written, with faded ends.
    """
    from thresher.curation.exports.clips import export_clips

    if trimmed and link:
        raise UsageError(
            "--trimmed and --link contradict each other, because a link leads to the whole file; write one of them"
        )
    form: Form = "trimmed" if trimmed else "link" if link else "copy"
    with open_catalog() as catalog, ProgressBar("files") as progress:
        report = export_clips(
            catalog,
            terms_of(catalog, query),
            to,
            form=form,
            dry_run=dry_run,
            overwrite=overwrite,
            fade=fade,
            progress=progress,
        )
    if json:
        print_json(report)
    else:
        _print_report(report)
        if fade and not report.faded:
            say("note: no end is faded, because --fade is for parts and marks, and none was written")
    if report.refusal is not None:
        raise UsageError(report.refusal)
    if report.missing or report.failed:
        raise typer.Exit(DONE_IN_PART)


def _print_report(report: ExportReport) -> None:
    if report.refusal is None:
        what = counted(report.written, "link" if report.form == "link" else "file")
        size = "" if report.form == "link" else f" ({report.bytes / 1e6:.1f} MB)"
        there = f", {report.there_already:,} there already" if report.there_already else ""
        there += f"; {report.faded:,} with faded ends" if report.faded else ""
        head, would = ("dry run: ", "would be ") if report.dry_run else ("", "")
        tell(f"{head}{what}{size} {would}written to {from_here(report.folder)}{there}")
    else:
        tell("dry run: nothing would be written")
    left = [file for file in report.files if file.state in ("refused", "missing", "failed")]
    if left:
        say(f"{counted(len(left), 'file')} not written:" if not report.dry_run else "would not be written:")
        for file in left:
            say(f"  {file.path or file.source}: {file.state}: {file.reason}")
