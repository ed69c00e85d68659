"""The one place where errors become sentences and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module

from thresher.errors import ThresherError

HOMES: Mapping[str, tuple[str, ...]] = {
    "checkpoints": ("checkpoints", "checkpoint"),
    "clustering": ("clusters",),
    "demo": ("demo",),
    "exporting": ("export",),
    "finding": ("list", "show", "fields", "stats", "near", "dupes", "play"),
    "ingesting": ("init", "ingest", "batches", "forget", "score", "reanalyse", "verify", "config"),
    "judging": ("rate", "reject", "unreject", "trust", "tag", "note", "modify", "undo", "history"),
    "keeping": ("prune", "watch"),
    "listening": ("listen",),
    "reporting": ("report",),
    "songs": ("song",),
}
"""The module that each command lies in. Only the one that is run is loaded: preparing all costs as much as a
listing of some thousand clips."""


def run(arguments: Sequence[str]) -> int:
    """Run a command line; its exit code: 1 failed, 2 usage, 3 catalog, 4 not found, 5 done in part, 130."""
    _register(arguments)
    from thresher.interfaces.cli.app import Interrupted, ReaderLeftError, app, context
    from thresher.interfaces.cli.output import say

    try:
        app(list(arguments), prog_name="thresher")
    except ThresherError as error:
        if context.debug:
            raise
        say(f"error: {error}")
        return error.exit_code
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(bool(stop.code))
        return code if _flushed() else 0
    except ReaderLeftError:
        _flushed()
        return 0
    except (Interrupted, KeyboardInterrupt):
        say("interrupted; what was committed stays, and the same command goes on from there")
        return 130
    except Exception as error:
        if context.debug:
            raise
        say(f"error: unexpected {type(error).__name__}: {error}; run again with --debug before the command")
        return 1
    return 0


def _register(arguments: Sequence[str]) -> None:
    """Load the module of the command that is asked for; all, where that is help, completion or a mistake."""
    words = iter(arguments)
    command = next((word for word in words if not _is_option(word, words)), None)
    load_commands([home for home, commands in HOMES.items() if command in commands] or HOMES)


def load_commands(homes: Iterable[str] = HOMES) -> None:
    """Make the commands of these modules known to the command line."""
    for home in homes:
        import_module(f"thresher.interfaces.cli.{home}")


def _is_option(word: str, following: Iterator[str]) -> bool:
    """Whether a word before the command is an option; the value of one that takes it is passed over."""
    if word == "--catalog":
        next(following, None)
    return word.startswith("-")


def _flushed() -> bool:
    """Whether all of stdout went out; where its reader has left, nothing more is tried."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True
