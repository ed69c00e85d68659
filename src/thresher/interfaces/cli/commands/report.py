"""The `report` command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thresher.formatting import counted
from thresher.interfaces.cli.app import FIND, app, open_catalog, terms_of
from thresher.interfaces.cli.options import Json, OptionalQuery
from thresher.interfaces.cli.output import from_here, print_json, say, tell
from thresher.interfaces.cli.progress import ProgressBar


@app.command(rich_help_panel=FIND)
def report(
    query: OptionalQuery = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Write the page to this file.")
    ] = Path("report.html"),
    png: Annotated[
        Path | None,
        typer.Option("--png", metavar="DIR", help="Also write the figures to this folder, as PNG files."),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace existing files even if they are not a report; clips are never replaced.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Write an HTML report: checkpoints over training, a map of clips, the best and the oddest clips.

    The page needs no network. It plays audio files from their own locations, by links relative to the page.
    """
    from thresher.interfaces.report.page import write_report

    with open_catalog() as catalog, ProgressBar() as progress:
        files = write_report(
            catalog,
            output,
            terms=terms_of(catalog, query or []),
            png=png,
            overwrite=overwrite,
            progress=progress,
        )
    if json:
        print_json(files)
        return
    found = f"{counted(files.checkpoints, 'checkpoint')}, {counted(files.clips, 'clip')}"
    tell(f"{from_here(files.path)}: {found}, {counted(files.players, 'player')}; open it in a browser")
    for picture in files.png:
        tell(from_here(picture))
    if files.silent:
        say(
            f"{counted(files.silent, 'clip')} on the page cannot be played: "
            "file missing, or format not supported by browsers"
        )
