"""The `backup` command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thresher.errors import UsageError
from thresher.formatting import counted
from thresher.interfaces.cli.app import MAINTAIN, app, open_catalog
from thresher.interfaces.cli.options import Json
from thresher.interfaces.cli.output import from_here, local_time, print_json, say, tell
from thresher.interfaces.cli.progress import ProgressBar

if TYPE_CHECKING:
    from thresher.catalog.catalog_backups import BackupState


@app.command(rich_help_panel=MAINTAIN)
def backup(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="The new file, such as night.db, or a folder that exists. Default: in [backup] folder, where a "
            "rule removes old ones."
        ),
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the backups in [backup] folder.")] = False,
    json: Json = False,
) -> None:
    """Copy the catalog's database to a file, and check the copy. Other commands can run meanwhile.

    `thresher restore FILE` takes the catalog back to a backup. Audio files are not copied.
    """
    from thresher.catalog.catalog_backups import back_up, backup_state

    if listing and file is not None:
        raise UsageError("--list takes no file")
    with open_catalog() as catalog:
        if listing:
            _tell_list(backup_state(catalog), json=json)
            return
        with ProgressBar("MB") as progress:
            report = back_up(catalog, file, progress)
    if json:
        print_json(report)
        return
    size = f"{report.bytes / 1e6:.1f} MB, checked"
    if report.is_new:
        tell(f"{from_here(report.path)}: {size}")
    else:
        tell(f"nothing has changed since {from_here(report.path)} ({size})")
    if report.removed:
        say(
            f"{counted(len(report.removed), 'older backup')} removed: the latest {report.keep} stay, and the last "
            f"one of each of the last {report.weeks} weeks ([backup] keep, weeks)"
        )


def _tell_list(state: BackupState, *, json: bool) -> None:
    if json:
        print_json(state)
        return
    if not state.whole and not state.damaged:
        say(f"no backup in {state.folder}; `thresher backup` makes one")
    for each in (*state.whole, *state.damaged):
        damaged = "  damaged" if each in state.damaged else ""
        tell(f"{local_time(each.made_at)}  {each.bytes / 1e6:8.1f} MB  {from_here(each.path)}{damaged}")
