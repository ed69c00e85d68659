"""The command line: parse arguments, call one verb, print what it returns.

Verbs are imported inside the commands, so that `--help` and `list` don't pay for audio and numbers.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core

if TYPE_CHECKING:
    from thresher.catalog.catalog import Catalog


# Exit codes that are no error's; those of errors are in errors.py.
NEEDS_ACTION, DONE_IN_PART = 3, 5


class Interrupted(Exception):  # noqa: N818  the user's wish, not an error
    """The user pressed Ctrl-C."""


class ReaderLeftError(Exception):
    """`thresher list | head`: who was reading has seen enough."""


class _Commands(typer.core.TyperGroup):
    """All commands; Typer would make exit codes of its own, without a word, of what is raised here."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Interrupted from error
        except BrokenPipeError as error:
            raise ReaderLeftError from error


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Keep what generative models write: compare only what is new, keep what is good, make songs.",
)
song_app = typer.Typer(no_args_is_help=True, help="Save, show and render songs.")


@dataclass
class Context:
    """What the options before the command say."""

    catalog: Path | None = None
    debug: bool = False


context = Context()


def end_on_sigterm() -> None:
    """Have SIGTERM end the program as an exception does: what plays is stopped, and what is temporary goes."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def open_catalog() -> Catalog:
    """The catalog that the command line, the environment or the current folder names."""
    from thresher.catalog.catalog import Catalog
    from thresher.interfaces.cli.output import say

    catalog = Catalog.open(context.catalog)
    if catalog.backup is not None:
        say(f"the catalog was upgraded; as it was before, it is in {catalog.backup}")
    return catalog


def terms_of(catalog: Catalog, arguments: list[str]) -> list[str]:
    """Arguments as query terms.

    Files and folders that exist here become `path:` terms. Where every argument names clips by id or path,
    any of them is meant, not all at once.
    """
    from thresher.catalog.query import normalise

    terms = [
        f"path:{catalog.stored(argument).path_text}" if _is_path(argument) else argument
        for argument in arguments
    ]
    if len(terms) > 1 and all(argument.isdecimal() or _is_path(argument) for argument in arguments):
        return [part for term in terms for part in (",", term)][1:]
    return terms if any(map(_is_path, arguments)) else normalise(terms)


def _is_path(argument: str) -> bool:
    # digits alone are an id, even where a file is called so
    return not argument.isdecimal() and (os.sep in argument or "." in argument) and os.path.exists(argument)


def _print_version(wanted: bool) -> None:
    if wanted:
        from thresher.version import __version__

        typer.echo(f"thresher {__version__}")
        raise typer.Exit


@app.callback()
def before_any_command(
    catalog: Annotated[
        Path | None,
        typer.Option(
            "--catalog",
            metavar="FILE",
            help="The catalog.toml to use; else $THRESHER_CATALOG, else the nearest one upwards from here.",
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback when something fails.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options that hold for every command."""
    context.catalog = catalog
    context.debug = debug
