"""The commands of songs: `thresher song …`. Importing this module adds them to the application, in this order."""

from __future__ import annotations

# isort: off
from thresher.interfaces.cli.app import SONGS, app, song_app
from thresher.interfaces.cli.commands import song_save as _save  # noqa: F401  registers its commands
from thresher.interfaces.cli.commands import song_show as _show  # noqa: F401  registers its commands
from thresher.interfaces.cli.commands import song_edit as _edit  # noqa: F401  registers its commands
from thresher.interfaces.cli.commands import song_manage as _manage  # noqa: F401  registers its commands
from thresher.interfaces.cli.commands import song_render as _render  # noqa: F401  registers its commands
from thresher.interfaces.cli.commands import song_renderings as _renderings  # noqa: F401  registers its commands
from thresher.interfaces.cli.commands import song_export as _export  # noqa: F401  registers its commands

app.add_typer(song_app, name="song", rich_help_panel=SONGS)
