"""The `serve` command."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thresher.interfaces.cli.app import DECIDE, app, context, open_catalog
from thresher.interfaces.cli.output import say, tell

if TYPE_CHECKING:
    from thresher.catalog.catalog import Catalog
    from thresher.interfaces.web.server import ServeOptions
    from thresher.interfaces.web.watching import Watch


@app.command(rich_help_panel=DECIDE)
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 chooses a free one.")] = 8377,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    open_page: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in the browser of this machine.")
    ] = True,
    read_only: Annotated[bool, typer.Option("--read-only", help="Refuse every change.")] = False,
    watch: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR", help="Ingest new files of a folder meanwhile, as `watch` does; repeatable."
        ),
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Ask for the password in the first line of a file, instead of a token."
        ),
    ] = None,
    link: Annotated[
        bool, typer.Option("--link", help="Print the address of the running server, and end.")
    ] = False,
) -> None:
    """Open the listening room: hear, see and judge clips in the browser, until Ctrl-C."""
    from thresher.errors import ReadOnlyCatalogError, UsageError
    from thresher.interfaces.web.room.room import READ_ONLY
    from thresher.interfaces.web.server import ServeOptions
    from thresher.interfaces.web.server import link as address
    from thresher.interfaces.web.server_key import read_password

    if read_only and watch:
        raise UsageError("--read-only refuses every change, and --watch ingests; leave one of them out")
    with open_catalog() as catalog:
        if link:
            tell(address(catalog))
            return
        password = None if password_file is None else read_password(password_file)
        refusal = READ_ONLY if read_only else catalog.why_read_only()
        if refusal is not None and watch:
            raise ReadOnlyCatalogError(refusal)
        options = ServeOptions(host, port, refusal, password, context.debug)
        code = _run(catalog, options, _watch(catalog, watch or []), open_page=open_page)
    if code:
        raise typer.Exit(code)


def _run(catalog: Catalog, options: ServeOptions, watch: Watch | None, *, open_page: bool) -> int:
    """Serve until a signal arrives; return the exit code."""
    from thresher.interfaces.web.room.room import READ_ONLY
    from thresher.interfaces.web.server import serve as run

    def ready(where: str) -> None:
        tell(f"the listening room is at {where}")
        if options.refusal not in (None, READ_ONLY):
            say(f"clips can be heard, but not judged: {options.refusal}")
        _tell_exposure(options)
        say("Ctrl-C ends it")
        sys.stdout.flush()  # a program that started it reads the address
        if open_page:
            import webbrowser

            webbrowser.open(where)

    number = run(catalog, options, ready, watch)
    with suppress(OSError):  # the terminal may be gone
        _tell_end(watch)
    return 0 if number is None else 128 + number


def _tell_end(watch: Watch | None) -> None:
    say("the room is closed")
    if watch is not None and watch.report is not None:
        from thresher.interfaces.cli.watch_output import tell_watched

        tell_watched(watch.report)


def _tell_exposure(options: ServeOptions) -> None:
    """Say what the room shows to whom, if it is open to other machines."""
    from thresher.interfaces.web.addresses import is_loopback, is_wildcard

    if is_loopback(options.host):
        return
    where = "on every network of this machine" if is_wildcard(options.host) else f"at {options.host}"
    who = "this address" if options.password is None else "the password"
    may = "read" if options.refusal is not None else "read and change"
    say(
        f"the room is open {where}: anyone with {who} can hear all clips and {may} all decisions; "
        "the connection is not encrypted"
    )


def _watch(catalog: Catalog, folders: list[Path]) -> Watch | None:
    if not folders:
        return None
    from thresher.curation.ingest.options import IngestOptions
    from thresher.curation.ingest.watch import WatchOptions
    from thresher.interfaces.cli.watch_output import tell_event
    from thresher.interfaces.web.watching import Watch

    ingest = IngestOptions(executor=catalog.settings.ingest.executor)
    return Watch(
        catalog,
        folders,
        WatchOptions(ingest=ingest),
        tell_event,
        lambda error: say(f"the watch has ended: {error}; end the room and start it again"),
    )
