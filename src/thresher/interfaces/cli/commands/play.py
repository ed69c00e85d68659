"""The `play` command."""

from __future__ import annotations

from typing import Annotated

import typer

from thresher.interfaces.cli.app import FIND, app, open_catalog
from thresher.interfaces.cli.output import say


@app.command(rich_help_panel=FIND)
def play(
    what: Annotated[
        str, typer.Argument(metavar="CLIP|SONG", help="A clip id, a file, a query, or a song's name.")
    ],
) -> None:
    """Play a clip, or the latest rendering of a song.

    A clip is played without the silence at its ends, and is marked as heard.
    """
    from thresher.curation.listening.player import play_clip, play_song
    from thresher.curation.songs.songs import get_song

    with open_catalog() as catalog:
        played = play_clip(catalog, what) if get_song(catalog, what) is None else play_song(catalog, what)
    undo = (
        "" if played.decision is None else f"; marked as heard (`thresher undo {played.decision}` reverts it)"
    )
    say(f"played {played.file} with {played.player}{undo}")
