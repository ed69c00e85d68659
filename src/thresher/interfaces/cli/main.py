"""The entry point of the command line: find the command's module, run it, turn errors into exit codes."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from importlib import import_module

from thresher.errors import ThresherError
from thresher.interfaces.cli.encodings import escape_what_cannot_be_written
from thresher.interfaces.cli.library_output import OutputError, without_library_output
from thresher.interfaces.cli.registry import MODULES
from thresher.interfaces.cli.signals import orderly_end


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code.

    0 done, 1 failed, 2 wrong usage, 3 catalog or settings need action, 4 not found, 5 done in part,
    128 + the signal's number if it was interrupted (130 by Ctrl-C).
    """
    _open_closed_streams()
    # joblib counts the cores even for work on one thread, and warns where it can't, as in some containers.
    os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")
    import_module("thresher.curation.executors.one_thread")
    is_debugging = "--debug" in arguments
    with nullcontext() if is_debugging else without_library_output():
        escape_what_cannot_be_written()
        return _run_to_end(arguments)


def _open_closed_streams() -> None:
    """Open the null device for each standard stream that the caller has closed, as in `thresher … <&-`.

    Otherwise Python has no object for the stream, and a file that is opened next gets its number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  open until the end


def _run_to_end(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code, also if it is interrupted."""
    with orderly_end() as ending:
        try:
            return _run(arguments)
        except KeyboardInterrupt:
            ending.end_at_once()
            with suppress(OSError):  # the terminal may be gone, or the disk under the output full
                print(  # noqa: T201  before `output` can be loaded
                    "interrupted; finished work is saved; run the same command again to complete it",
                    file=sys.stderr,
                )
                _flushed()
            return ending.code
        except OutputError as error:
            from thresher.interfaces.cli.output import say  # loaded already

            say(
                f"error: the output can't be written ({error.strerror}); changes that the command made are kept: "
                "see `thresher history` before you run it again"
            )
            return 1


def _run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code. Raises KeyboardInterrupt if it is interrupted."""
    _register(arguments)
    from thresher.interfaces.cli.app import Interrupted, ReaderLeftError, app, context
    from thresher.interfaces.cli.output import one_line, say

    context.opened = None
    try:
        try:
            app(list(arguments), prog_name="thresher")
        finally:
            if context.opened is not None and context.opened.not_noted is not None:
                say(f"warning: nothing was noted in the catalog: {context.opened.not_noted}")
    except ThresherError as error:
        if context.debug:
            raise
        say(f"error: {one_line(error)}")
        return error.exit_code
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(bool(stop.code))
        has_reader = not isinstance(stop.__context__, BrokenPipeError)  # as of `thresher --help | head -1`
        return code if _flushed() and has_reader else 0
    except ReaderLeftError:
        _flushed()
        return 0
    except Interrupted as error:
        raise KeyboardInterrupt from error
    except OutputError:
        raise
    except Exception as error:
        if context.debug:
            raise
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            from thresher.catalog.files.paths import name_too_long

            say(f"error: {name_too_long(error.filename or '')}")
            return 2
        if isinstance(error, OSError) and error.errno is not None:
            from thresher.catalog.files.disk_trouble import sentence

            say(f"error: {sentence(error)}")
            return 1
        damage = None if context.opened is None else context.opened.damage_behind(error)
        if damage is not None:
            say(f"error: {damage}")
            return damage.exit_code
        say(f"error: unexpected {type(error).__name__}: {error}; `thresher --debug …` shows the traceback")
        return 1
    return 0


def _register(arguments: Sequence[str]) -> None:
    """Load the module of the requested command; load all of them for help, completion and unknown commands."""
    words = iter(arguments)
    command = next((word for word in words if not _is_option(word, words)), None)
    load_commands([MODULES[command]] if command is not None and command in MODULES else MODULES.values())


def load_commands(modules: Iterable[str] = tuple(MODULES.values())) -> None:
    """Import modules of commands, which adds their commands to the application."""
    for module in modules:
        import_module(f"thresher.interfaces.cli.commands.{module}")


def _is_option(word: str, following: Iterator[str]) -> bool:
    """Whether a word before the command is an option; if the option takes a value, skip that too."""
    if word == "--catalog":
        next(following, None)
    return word.startswith("-")


def _flushed() -> bool:
    """Flush stdout; False if its reader or the terminal has gone, and then write nothing more."""
    try:
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.EIO):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True
