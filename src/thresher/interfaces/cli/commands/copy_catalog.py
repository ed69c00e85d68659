"""The `copy-catalog` command."""

from __future__ import annotations

from typing import Annotated

import typer

from thresher.formatting import counted
from thresher.interfaces.cli.app import MAINTAIN, app, open_catalog
from thresher.interfaces.cli.options import Json
from thresher.interfaces.cli.output import print_json, say, tell
from thresher.interfaces.cli.progress import ProgressBar


@app.command("copy-catalog", rich_help_panel=MAINTAIN)
def copy_catalog(
    address: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="An empty database, such as postgresql+psycopg://anna@server/catalog, or a new file, such as "
            "sqlite:///copy.db.",
        ),
    ],
    json: Json = False,
) -> None:
    """Copy the catalog to a PostgreSQL server, or back to a file, and compare every row.

    The catalog itself stays as it is. Let other commands end first: what they change during the copy is not in it.
    """
    from thresher.curation.backups.copy_catalog import copy_catalog as run

    with open_catalog() as catalog, ProgressBar("rows") as progress:
        report = run(catalog, address, progress)
    if json:
        print_json(report)
        return
    rows = counted(sum(report.rows.values()), "row")
    tell(f"{report.address}: {rows} of {counted(len(report.rows), 'table')} copied and compared")
    if report.without_root:
        are, them, their = ("is", "it", "its") if report.without_root == 1 else ("are", "them", "their")
        say(
            f"{counted(report.without_root, 'file')} {are} below no root, so other machines do not find {them}; "
            f"name {their} folder below [roots] in catalog.toml, then `thresher ingest` it"
        )
    say(f'to use the copy, write database = "{report.address}" under [catalog] in catalog.toml')
