"""The one place where errors become sentences and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from thresher.errors import ThresherError


def run(arguments: Sequence[str]) -> int:
    """Run a command line; its exit code: 1 failed, 2 usage, 3 catalog, 4 not found, 5 done in part, 130."""
    from thresher.interfaces.cli import demo, finding, ingesting, judging, songs  # noqa: F401  they register
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


def _flushed() -> bool:
    """Whether all of stdout went out; where its reader has left, nothing more is tried."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True
