"""The commands of songs: `thresher song …`. Importing this package adds them to the application, in this order."""

from __future__ import annotations

# isort: off
from thresher.interfaces.cli.app import SONGS, app, song_app
from thresher.interfaces.cli.songs import save as _save  # noqa: F401
from thresher.interfaces.cli.songs import show as _show  # noqa: F401
from thresher.interfaces.cli.songs import edit as _edit  # noqa: F401
from thresher.interfaces.cli.songs import manage as _manage  # noqa: F401
from thresher.interfaces.cli.songs import render as _render  # noqa: F401
from thresher.interfaces.cli.songs import renderings as _renderings  # noqa: F401
from thresher.interfaces.cli.songs import export as _export  # noqa: F401

app.add_typer(song_app, name="song", rich_help_panel=SONGS)
