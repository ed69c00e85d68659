"""The commands song renderings, song diff and song verify."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from thresher.formatting import command_on, counted, shell_word
from thresher.interfaces.cli.app import NEEDS_ACTION, open_catalog, song_app
from thresher.interfaces.cli.clip_columns import path_text
from thresher.interfaces.cli.options import Form, Json, SongName, form_of
from thresher.interfaces.cli.output import (
    Format,
    clock,
    emit,
    length_text,
    local_time,
    print_facts,
    print_json,
    say,
    tell,
)
from thresher.interfaces.cli.progress import ProgressBar
from thresher.interfaces.cli.song_text import settings_text
from thresher.interfaces.cli.table import Column, Keep


@song_app.command("renderings")
def list_renderings(name: SongName, form: Form = Format.TABLE, json: Json = False) -> None:
    """List the renderings of a song; `thresher song render NAME --rendering N` repeats one."""
    from thresher.curation.renderings.history import renderings

    with open_catalog() as catalog:
        rows = renderings(catalog, name)
    columns = (
        Column("number", lambda row: row.number, is_number=True),
        Column("rendered", lambda row: local_time(row.created_at)),
        Column("clips", lambda row: row.clips, is_number=True),
        Column("length", lambda row: length_text(row.seconds), is_number=True),
        Column("format", lambda row: f"{row.container} {row.subtype}", rank=1),
        Column("settings", lambda row: settings_text(row.known_settings), keep=Keep.LINES),
        Column("file", lambda row: row.path, keep=Keep.END),
    )
    emit(rows, columns, form_of(form, json))


@song_app.command()
def diff(
    name: SongName,
    number: Annotated[
        int | None, typer.Argument(help="Compare with this rendering. Default: the last one.")
    ] = None,
    other: Annotated[
        int | None, typer.Argument(help="Compare this rendering. Default: the song today.")
    ] = None,
    form: Form = Format.TABLE,
    json: Json = False,
) -> None:
    """Compare a song, or one of its renderings, with an earlier rendering: which clips differ, and why."""
    from thresher.curation.renderings.diff import difference

    with open_catalog() as catalog:
        changed = difference(catalog, name, number, other)
    chosen = form_of(form, json)
    if chosen is Format.JSON:
        print_json(changed)
        return
    rows = [
        _ChangeRow(
            what,
            clip,
            changed.tracks[clip].seconds,
            changed.reasons[clip],
            path_text(changed.tracks[clip].path, changed.tracks[clip].part),
        )
        for what, clips in (
            ("new", changed.new),
            ("gone", changed.gone),
            ("moved", changed.moved),
            ("trimmed", changed.retrimmed),
        )
        for clip in clips
    ]
    columns = (
        Column("change", lambda row: row.change),
        Column("clip", lambda row: row.clip, is_number=True),
        Column("length", lambda row: clock(row.seconds), is_number=True, rank=1),
        Column("why", lambda row: row.why, keep=Keep.LINES),
        Column("file", lambda row: row.path, keep=Keep.END),
    )
    if rows or chosen is not Format.TABLE:
        emit(rows, columns, chosen)
    if chosen is Format.TABLE:
        now = "today" if changed.other is None else f"rendering {changed.other}"
        before, after = map(length_text, changed.seconds)
        tell(f"rendering {changed.number}: {before}; {now}: {after}")
        for sentence in changed.settings or () if not changed.is_none else ("nothing changed",):
            tell(sentence)


@dataclass(frozen=True)
class _ChangeRow:
    """A clip that is new, gone, moved or trimmed."""

    change: str
    clip: int
    seconds: float
    why: str
    path: str


@song_app.command()
def verify(
    name: SongName,
    number: Annotated[
        int | None, typer.Argument(help="Verify this rendering. Default: the last one.")
    ] = None,
    json: Json = False,
) -> None:
    """Verify a rendering: read its source files and its own file, and check the stored plan."""
    from thresher.curation.renderings.verify import verify_song

    with open_catalog() as catalog, ProgressBar() as progress:
        report = verify_song(catalog, name, number, progress)
    if json:
        print_json(report)
    elif report.is_sound:
        tell(f"rendering {report.number}: {counted(report.clips, 'clip')} and {report.path} are unchanged")
    else:
        tell(f"rendering {report.number} of {counted(report.clips, 'clip')}")
        print_facts(
            [
                *(("missing", path) for path in report.missing),
                *(("changed", path) for path in report.changed),
                ("file", f"{report.path} is {report.file}" if report.file != "unchanged" else None),
                *(("fault", fault) for fault in report.faults),
            ]
        )
        if report.missing or report.changed:
            say("restore the files and `thresher ingest` their folder")
        else:
            options = f"--rendering {report.number} -o {shell_word(report.path)}"
            command = command_on("song render", name, options=options)
            say(f"`{command}` writes the file again")
    if not report.is_sound:
        raise typer.Exit(NEEDS_ACTION)
