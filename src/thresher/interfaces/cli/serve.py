"""The `serve` command."""

from __future__ import annotations

from typing import Annotated

import typer

from thresher.interfaces.cli.app import DECIDE, app, open_catalog
from thresher.interfaces.cli.output import say, tell


@app.command(rich_help_panel=DECIDE)
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 chooses a free one.")] = 8377,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    open_page: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in the browser of this machine.")
    ] = True,
    read_only: Annotated[bool, typer.Option("--read-only", help="Refuse every change.")] = False,
    link: Annotated[bool, typer.Option("--link", help="Print the address of the room, and end.")] = False,
) -> None:
    """Open the listening room: hear, see and judge clips in the browser, until Ctrl-C."""
    from thresher.interfaces.web.server import ServeOptions, address
    from thresher.interfaces.web.server import serve as run

    def ready(where: str) -> None:
        tell(f"the listening room is at {where}")
        say("Ctrl-C ends it")
        if open_page:
            import webbrowser

            webbrowser.open(where)

    with open_catalog() as catalog:
        if link:
            tell(address(catalog, host, port))
            return
        run(catalog, ServeOptions(host, port, read_only), ready)
