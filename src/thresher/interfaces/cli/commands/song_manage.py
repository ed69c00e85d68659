"""The commands song copy, song rename, song delete and song history."""

from __future__ import annotations

from typing import Annotated

import typer

from thresher.interfaces.cli.app import open_catalog, song_app
from thresher.interfaces.cli.decision_output import DECISION_COLUMNS
from thresher.interfaces.cli.options import DryRun, Form, Json, SongName, form_of
from thresher.interfaces.cli.output import Format, emit, print_json, tell
from thresher.interfaces.cli.song_options import NoCopies, PerCheckpoint, options_of
from thresher.interfaces.plain import plain


@song_app.command()
def copy(
    name: SongName,
    new: Annotated[str, typer.Argument(help="The name of the copy.")],
    no_copies: NoCopies = None,
    per_checkpoint: PerCheckpoint = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Copy a song with its settings and edits. Its renderings stay with the original."""
    from thresher.curation.songs.songs import copy_song

    with open_catalog() as catalog:
        options = options_of({"per_checkpoint": per_checkpoint}, no_copies=no_copies)
        song = copy_song(catalog, name, new, options, dry_run=dry_run)
    if json:
        print_json({**plain(song), "id": None if dry_run else song.id}, dry_run=dry_run)
    elif dry_run:
        tell(f'dry run: would copy song "{name}" to "{song.name}"')
    else:
        tell(f'copied song "{name}" to "{song.name}"')


@song_app.command()
def rename(
    name: SongName,
    new: Annotated[str, typer.Argument(help="The new name.")],
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Rename a song."""
    from thresher.curation.songs.songs import rename_song

    with open_catalog() as catalog:
        song = rename_song(catalog, name, new, dry_run=dry_run)
    if json:
        print_json(song, dry_run=dry_run)
    elif song.name == name:
        tell(f'song "{name}" has this name already; nothing to change')
    elif dry_run:
        tell(f'dry run: would rename song "{name}" to "{song.name}"')
    else:
        tell(f'renamed song "{name}" to "{song.name}"')


@song_app.command()
def delete(name: SongName, dry_run: DryRun = False, json: Json = False) -> None:
    """Delete a song. Its renderings are kept, and `thresher undo` restores the song."""
    from thresher.curation.songs.songs import delete_song

    with open_catalog() as catalog:
        delete_song(catalog, name, dry_run=dry_run)
    if json:
        print_json({"deleted": name}, dry_run=dry_run)
    elif dry_run:
        tell(f'dry run: would delete song "{name}"')
    else:
        tell(f'deleted song "{name}"; `thresher undo` restores it')


@song_app.command()
def history(name: SongName, form: Form = Format.TABLE, json: Json = False) -> None:
    """List all changes of a song, the latest first; `thresher undo NUMBER` reverts one."""
    from thresher.curation.songs.songs import song_history

    with open_catalog() as catalog:
        rows = song_history(catalog, name)
    emit(rows, DECISION_COLUMNS, form_of(form, json))
