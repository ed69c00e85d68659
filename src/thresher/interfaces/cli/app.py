"""The command-line application and what all its commands share.

A command parses its arguments, calls one verb and prints what the verb returns. Commands import their verb when
they run, so that `--help` and `list` don't load the audio and numerical libraries.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core

from thresher.errors import UsageError
from thresher.interfaces.cli.registry import MODULES
from thresher.interfaces.cli.usage_errors import usage_sentence

if TYPE_CHECKING:
    from thresher.catalog.catalog import Catalog
    from thresher.catalog.queries.text import Terms


# Exit codes of commands that end without an error; errors.py has those of errors.
NEEDS_ACTION, DONE_IN_PART = 3, 5

# Panels of `thresher --help`, in their order.
ADD = "Add audio"
FIND = "Find clips"
DECIDE = "Decide"
SONGS = "Make songs"
MAINTAIN = "Maintain the catalog"
TRY = "Try it"


class Interrupted(Exception):  # noqa: N818  a request of the user, not an error
    """The user pressed Ctrl-C, or a signal asks the command to end."""


class ReaderLeftError(Exception):
    """The program that reads our output has closed it, as `head` does in `thresher list | head`."""


class Group(typer.core.TyperGroup):
    """A group of commands whose help texts are wrapped to the terminal, not where the source code breaks lines.

    Rich takes words in square brackets for markup and leaves them out, so they are escaped: `[trim] split` stays.
    """

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command with one line for each paragraph of its help text, and without markup in its texts.

        Its usage does not show hidden arguments. An empty path is refused: it would mean the current folder.
        """
        command: Any = super().get_command(ctx, cmd_name)
        if command is not None and command.help:
            command.help = _without_markup(re.sub(r"(?<!\n)\n(?!\n)", " ", command.help))
        for parameter in [] if command is None else command.params:
            if text := getattr(parameter, "help", None):
                parameter.help = _without_markup(text)
            if getattr(parameter, "hidden", False):
                parameter.get_usage_pieces = lambda _: []
            _refuse_empty_paths(parameter)
        return command

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Read the options of the group itself; a path among them must not be empty, either."""
        for parameter in self.params:
            _refuse_empty_paths(parameter)
        return super().parse_args(ctx, args)


def _refuse_empty_paths(parameter: Any) -> None:
    """Let a parameter that takes paths refuse an empty one, such as an unset variable of the shell, and a dash.

    An empty one would name the current folder: `thresher ingest "$RUNS"` would ingest all that is in it. Other
    programs take a dash for standard input or output; here it would name a file.
    """
    if parameter.type.name not in ("path", "file") or "convert" in vars(parameter.type):
        return
    convert = parameter.type.convert

    def convert_named(value: Any, param: Any, ctx: Any) -> Any:
        if value == "":
            name = param.opts[0] if param.param_type_name == "option" else param.make_metavar(ctx)
            raise UsageError(
                f"the path given for {name} is empty; give a file or folder (. is the current folder)"
            )
        if value == "-":
            raise UsageError(
                "- does not stand for standard input or output here; give a file (./- is one of that name)"
            )
        return convert(value, param, ctx)

    parameter.type.convert = convert_named


def _without_markup(text: str) -> str:
    """Escape what Rich would take for markup; a text that is escaped already stays as it is."""
    return re.sub(r"(?<!\\)\[(?=[a-z#/@])", r"\\[", text)


class _Commands(Group):
    """The group of all commands.

    It replaces exceptions with our own: Typer would end the program silently on some, and draw a box around others.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the commands in the order of `--help`."""
        return sorted(super().list_commands(ctx), key=list(MODULES).index)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Interrupted from error
        except BrokenPipeError as error:
            raise ReaderLeftError from error
        except Exception as error:
            self._refuse(error)
            raise

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Read the options before the command."""
        try:
            return super().make_context(*args, **options)
        except Exception as error:
            self._refuse(error)
            raise

    def _refuse(self, error: Exception) -> None:
        """Raise our own error in place of one of the parser."""
        sentence = usage_sentence(error, self.params)
        if sentence is not None:
            raise UsageError(sentence) from error


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Catalog the audio that generative models write: compare new clips, keep the good ones, make songs.",
)
song_app = typer.Typer(cls=Group, no_args_is_help=True, help="Save, show and render songs.")


@dataclass
class Context:
    """The values of the options before the command."""

    catalog: Path | None = None
    debug: bool = False
    opened: Catalog | None = None  # the catalog that the command opened last


context = Context()


def catalog_file() -> Path:
    """The real path of the catalog.toml that `open_catalog` opens."""
    from thresher.catalog.settings.config import find_catalog

    return Path(os.path.realpath(find_catalog(context.catalog, os.environ, Path.cwd())))


def open_catalog() -> Catalog:
    """Open the catalog that `--catalog`, the environment or the current folder names."""
    from thresher.catalog.catalog import Catalog
    from thresher.catalog.outdated import outdated_recordings
    from thresher.interfaces.cli.output import say

    catalog = context.opened = Catalog.open(context.catalog)
    if catalog.backup is not None:
        say(f"the catalog was upgraded; a copy of the old one is in {catalog.backup}")
        _tell_former_selections(catalog)
        tell_outdated(outdated_recordings(catalog))
    return catalog


def tell_outdated(found: Mapping[str, int]) -> None:
    """Suggest the analysis of recordings that an earlier version called truncated or unreadable."""
    from thresher.formatting import counted
    from thresher.interfaces.cli.output import say

    for status, count in found.items():
        was, them = ("was", "it") if count == 1 else ("were", "them")
        say(
            f"{counted(count, 'recording')} {was} called {status} by an earlier version, which read less; "
            f"`thresher reanalyse status:{status}` reads {them} again"
        )


def _tell_former_selections(catalog: Catalog) -> None:
    """Say which songs have clips that new songs leave out."""
    from thresher.curation.songs.former_rules import former_selections
    from thresher.formatting import command_on, counted, listed
    from thresher.interfaces.cli.output import say

    for each in former_selections(catalog):
        ids = listed([str(clip_id) for clip_id in each.clips])
        say(
            f'song "{each.song}" keeps {counted(len(each.clips), "clip")} that new songs leave out ({ids}): stumps '
            "of truncated files, overwritten clips, or clips of dropped checkpoints; the next "
            f"`{command_on('song save', each.song)}` takes them out"
        )


def terms_of(catalog: Catalog, arguments: list[str]) -> Terms:
    """Turn command-line arguments into a query.

    Files and folders that exist become `path:` terms. If every argument is an id or a path, the terms are
    joined by OR, because no clip has two ids.
    """
    from thresher.catalog.queries.text import normalise, quoted_value

    terms = [
        f"path:{quoted_value(catalog.stored(argument).path_text)}" if _is_path(argument) else argument
        for argument in arguments
    ]
    if len(terms) > 1 and all(argument.isdecimal() or _is_path(argument) for argument in arguments):
        return [part for term in terms for part in (",", term)][1:]
    return terms if any(map(_is_path, arguments)) else normalise(terms)


def _is_path(argument: str) -> bool:
    # digits are always an id, even if a file has that name
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
            help="Use this catalog.toml. Default: $THRESHER_CATALOG, else the first catalog.toml found in this "
            "folder and those above it.",
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback on errors.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Read the options that apply to every command."""
    context.catalog = catalog
    context.debug = debug
    context.opened = None
