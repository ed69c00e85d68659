"""The command song export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thresher.curation.exports.formats.registry import FORMATS
from thresher.errors import UsageError
from thresher.formatting import command_on, counted, shell_word
from thresher.interfaces.cli.app import open_catalog, song_app
from thresher.interfaces.cli.options import Json, SongName
from thresher.interfaces.cli.output import from_here, print_json, say, tell
from thresher.interfaces.cli.progress import ProgressBar
from thresher.interfaces.cli.song_text import say_edits_not_applied

_SUFFIXES = "; ".join(f"{form.suffix}: {form.description}" for form in FORMATS.values())


@song_app.command()
def export(
    name: SongName,
    file: Annotated[
        Path | None, typer.Argument(help=f"Write this file, in the format of its suffix. {_SUFFIXES}.")
    ] = None,
    stems: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the clips as they sound in the song, one WAV file each."),
    ] = None,
    rendering: Annotated[
        int | None, typer.Option(help="Export the rendering of this number. Default: the song today.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
    json: Json = False,
) -> None:
    """Export a song for a player, a CD, Audacity, REAPER or another machine, or as numbered stems."""
    from thresher.curation.exports.songs import export_song, export_stems

    if (file is None) == (stems is None):
        raise UsageError("give either a FILE to export to, or --stems DIR")
    with open_catalog() as catalog, ProgressBar() as progress:
        if stems is not None:
            report = export_stems(
                catalog, name, stems, rendering=rendering, overwrite=overwrite, progress=progress
            )
        else:
            report = export_song(catalog, name, str(file), rendering=rendering, overwrite=overwrite)
    if json:
        print_json(report)
        return
    of = f"rendering {report.rendering}" if report.rendering else "today's song, which is not rendered"
    what = f"{counted(len(report.stems), 'stem')}" if report.stems else counted(report.clips, "clip")
    tell(f"{from_here(report.path)}: {what} of {of}")
    if report.has_audio is False:
        audio = from_here(str(report.audio))
        number = f"--rendering {report.rendering} " if report.rendering else ""
        command = command_on("song render", name, options=f"{number}-o {shell_word(audio)}")
        say(f"its audio file {audio} is missing or is not this rendering; `{command}` writes it")
    if report.is_limited and report.format in (".rpp", "stems"):
        say("the export does not contain the song's limiter; watch the levels")
    for kept in report.kept:
        say(
            f"left in place: {from_here(kept)} has the name of a stem, but is a clip or another program wrote it"
        )
    say_edits_not_applied(report.edits_not_applied)
    for path in report.missing:
        say(f"missing: {path}")
    if report.missing:
        say("restore the files and `thresher ingest` their folder")
